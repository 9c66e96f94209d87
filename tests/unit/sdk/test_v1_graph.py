"""Graphs of the declarative style: order, circles, and all that is wrong with one."""

import pytest

from millstream.v1 import Edge, Flow, InvalidFlowError, Parameter, Task, task
from millstream.v1._graph import cycles, first, last, sorter


def edges(*pairs):
    return [Edge(pair[0], pair[1]) for pair in pairs]


@pytest.mark.parametrize(
    ("nodes", "pairs", "paths"),
    [
        ("", [], []),
        ("ab", ["ab"], []),
        ("a", ["aa"], ["aa"]),
        ("ab", ["ab", "ba"], ["aba"]),
        ("abcd", ["ab", "bc", "ca", "cd"], ["abca"]),
        ("abcd", ["ab", "ba", "cd", "dc"], ["aba", "cdc"]),
        ("abcd", ["ab", "ac", "bd", "cd"], []),  # two ways are no circle
        ("abc", ["ab", "bc", "ca", "ba"], ["abca", "aba"]),
    ],
)
def test_cycles(nodes, pairs, paths):
    assert sorted("".join(path) for path in cycles(nodes, edges(*pairs))) == sorted(paths)


def test_a_long_chain_is_no_deep_recursion():
    nodes = range(5000)
    chain = [Edge(number, number + 1) for number in range(4999)]
    assert cycles(nodes, chain) == []
    assert cycles(nodes, [*chain, Edge(4999, 0)]) == [[*nodes, 0]]


def test_order_ends():
    pairs = edges("ab", "bc", "dc")
    assert list(sorter("cdba", pairs).static_order()).index("c") == 3
    assert (first("abcd", pairs), last("abcd", pairs)) == (["a", "d"], ["c"])


@task
def same(x):
    return x


@task
def two(a, b):
    return a, b


def test_validate_tells_everything_at_once():
    with Flow("broken") as flow:
        a = same(Parameter("n"))
        b = same(a)
        a.set_upstream(b)
        same(Parameter("n"))
        c = two.bind(1, 2)
        c.set_dependencies(keyword_tasks={"a": b, "c": b})
        flow.add_task(Task(slug="s"))
        flow.add_task(Task(slug="s"))
        flow.add_task(two.copy(name="left"))
    with pytest.raises(InvalidFlowError) as caught:
        flow.validate()
    lines = str(caught.value).splitlines()
    assert lines[0] == "Flow 'broken' cannot run:"
    assert [line.removeprefix("- ") for line in lines[1:]] == [
        "Tasks wait for each other in a circle: same-1 → same-2 → same-1.",
        "There are 2 Parameters 'n': make one, and pass that to all tasks that need it.",
        "There are 2 tasks with the slug 's': give each its own, or none.",
        "Task 'two-1' takes (a, b), and its argument 'a' is given 2 times.",
        "Task 'two-1' takes (a, b), and has no argument 'c'.",
        "Task 'left-1' takes (a, b), and its argument 'a' is given nothing: call it in the flow's block with it.",
        "Task 'left-1' takes (a, b), and its argument 'b' is given nothing: call it in the flow's block with it.",
    ]
    with pytest.raises(InvalidFlowError):
        flow.run(n=1)
    with pytest.raises(InvalidFlowError):
        flow.sorted_tasks()


def test_a_circle_that_the_edges_begin_with():
    a, b = Task(name="a"), Task(name="b")
    with pytest.raises(InvalidFlowError, match="a-1 → b-1 → a-1"):
        Flow("f", tasks=[a, b], edges=[Edge(a, b), Edge(b, a)], validate=True)


def test_an_empty_flow_is_fine():
    with Flow("empty") as flow:
        pass
    flow.validate()
    assert flow.run().is_successful()
    assert str(flow.visualize()) == "empty"


def test_questions_about_the_graph():
    with Flow("f") as flow:
        a, b = same(1), same(2)
        c = two(a, b)
    assert flow.root_tasks() == {a, b}
    assert flow.terminal_tasks() == flow.reference_tasks() == {c}
    assert flow.upstream_tasks(c) == {a, b}
    assert flow.downstream_tasks(a) == {c}
    assert flow.edges_to(c) == {Edge(a, c, "a"), Edge(b, c, "b")} == flow.edges
    assert flow.edges_from(b) == {Edge(b, c, "b")}
    assert flow.sorted_tasks() == (a, b, c)
    assert flow.slugs == {a: "same-1", b: "same-2", c: "two-1"}
    assert flow.get_tasks(name="same") == [a, b]
    assert flow.get_tasks(slug="two-1", task_type=type(c), tags=[]) == [c]
    assert flow.get_tasks(tags=["x"]) == []


def test_visualize():
    with Flow("f") as flow:
        a = same.map([1, 2])
        same(3).set_upstream(a)
    graph = flow.visualize()
    assert str(graph).splitlines() == [
        "f",
        "├── same-1 (mapped) ← Constant[list]-1",
        "├── Constant[list]-1",
        "└── same-2 after same-1",
    ]
    assert graph.mermaid.startswith("flowchart TD\n")
    assert "n0 -> n2 [style=dashed]" in graph.dot
    with pytest.raises(
        TypeError, match=r"has no option 'filename' \(use its dot or mermaid, which are texts\)"
    ):
        flow.visualize(filename="x")
