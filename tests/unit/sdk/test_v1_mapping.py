"""Maps: one run for each item."""

import pytest

from millstream.v1 import Flow, Parameter, context, flatten, mapped, task, unmapped
from millstream.v1.engine.signals import SKIP
from millstream.v1.engine.state import Failed, Mapped, Skipped, TriggerFailed
from millstream.v1.executors import LocalDaskExecutor
from millstream.v1.tasks.control_flow import FilterTask, ifelse, merge, switch
from millstream.v1.triggers import all_finished


@task
def add(x, y=1):
    return x + y


@task
def total(xs):
    return sum(xs)


@task
def odd(x):
    if x % 2 == 0:
        raise ValueError(x)
    return x


@pytest.fixture(params=[None, LocalDaskExecutor(num_workers=3)], ids=["in order", "threads"])
def run(request):
    def run(flow, *tasks, **parameters):
        state = flow.run(parameters, executor=request.param)
        return state, *(state.result[one] for one in tasks)

    return run


def test_a_map_and_its_sum(run):
    with Flow("f") as flow:
        xs = add.map(add.map(Parameter("ns")), y=unmapped(Parameter("y")))
        x = total(xs)
    state, mapped_state, result = run(flow, xs, x, ns=[1, 2, 3], y=10)
    assert state.is_successful()
    assert type(mapped_state) is Mapped
    assert mapped_state.is_mapped()
    assert mapped_state.result == [12, 13, 14]
    assert [one.result for one in mapped_state.map_states] == [12, 13, 14]
    assert mapped_state.n_map_states == 3
    assert result.result == 39


def test_one_failure_stops_its_own_followers_only(run):
    with Flow("f") as flow:
        odds = odd.map([1, 2, 3])
        after = add.map(odds)
        x = total(after)
        y = FilterTask()(odds)
    state, odds_state, after_state, sum_state, rest = run(flow, odds, after, x, y)
    assert state.is_failed()
    assert odds_state.is_successful()
    assert [type(one) for one in after_state.map_states][1] is TriggerFailed
    assert [one.result for one in after_state.map_states][::2] == [2, 4]
    assert type(sum_state) is TriggerFailed
    assert rest.result == [1, 3]


def test_skips(run):
    @task
    def even(x):
        if x % 2:
            raise SKIP("odd")
        return x

    with Flow("f") as flow:
        evens = even.map([1, 2])
        after = add.map(evens)
    _, state = run(flow, after)
    assert type(state.map_states[0]) is Skipped
    assert state.result == [None, 3]


def test_facts(run):
    @task
    def where(x):
        return context.map_index, context.task_full_name, context.task_name

    with Flow("f") as flow:
        x = where.map("ab")
    assert run(flow, x)[1].result == [(0, "where[0]", "where"), (1, "where[1]", "where")]


def test_nothing(run):
    with Flow("f") as flow:
        xs = add.map(Parameter("ns"))
        x = total(xs)
    state, mapped_state, result = run(flow, xs, x, ns=[])
    assert state.is_successful()
    assert (mapped_state.result, result.result) == ([], 0)


def test_different_lengths(run, logs):
    with Flow("f") as flow:
        x = add.map([1, 2, 3], [10, 20])
    assert run(flow, x)[1].result == [11, 22]
    assert (
        "Task 'add' is mapped over lists of different lengths, 3, 2: only the first 2 of each are taken."
        in [record.getMessage() for record in logs.records]
    )


def test_flatten(run):
    @task
    def twice(x):
        return [x, x]

    with Flow("f") as flow:
        x = add.map(flatten(twice.map([1, 2])))
        y = total(flatten([[1, 2], [3]]))
        z = total(flatten(add.map([1])))
    _, first, second, third = run(flow, x, y, z)
    assert (first.result, second.result) == ([2, 2, 3, 3], 6)
    assert third.result == 2  # numbers have no items, and are taken as they are


def test_words(run):
    with Flow("f") as flow:
        x = add(mapped([1, 2]), y=5)
        y = add.map(unmapped(1))
        z = add.map([1, 2], [3, 4])
    _, first, second, third = run(flow, x, y, z)
    assert (first.result, second.result, third.result) == ([6, 7], 2, [4, 6])


def test_upstream_of_a_map(run):
    seen = []

    @task
    def note(item):
        seen.append(item)

    with Flow("f") as flow:
        first = task(lambda: seen.append("first"), name="first")()
        xs = note.map([1], upstream_tasks=[unmapped(first)])
    assert run(flow, xs)[1].is_successful()
    assert seen == ["first", 1]


def test_over_what_failed_and_over_a_number(run):
    with Flow("f") as flow:
        x = add.map(odd(2))
        y = add.map(odd(1))
        z = task(lambda x: x, trigger=all_finished).map(odd(2))
    _, *states = run(flow, x, y, z)
    assert [type(state) for state in states] == [Failed] * 3
    assert (
        states[1].message
        == "Task 'add': A value of type int cannot be mapped over: give a list, or write unmapped(...)."
    )


def test_many(run):
    with Flow("f") as flow:
        x = total(add.map(add.map(list(range(200)))))
    assert run(flow, x)[1].result == sum(range(2, 202))


class TestSwitches:
    @pytest.mark.parametrize(("value", "result"), [("a", "A"), ("b", "B"), ("c", None)])
    def test_switch_and_merge(self, run, value, result):
        with Flow("f") as flow:
            a, b = task(lambda: "A", name="a")(), task(lambda: "B", name="b")()
            switch(Parameter("p"), {"a": a, "b": b})
            x = merge(a, b)
        state, merged = run(flow, x, p=value)
        assert state.is_successful()
        assert merged.result == result
        assert merged.is_skipped() == (result is None)

    @pytest.mark.parametrize(("value", "result"), [(1, "A"), ([], "B")])
    def test_ifelse(self, run, value, result):
        with Flow("f") as flow:
            a, b = task(lambda: "A", name="a")(), task(lambda: "B", name="b")()
            ifelse(Parameter("p"), a, b)
            x = merge(a, b)
        assert run(flow, x, p=value)[1].result == result

    def test_merge_takes_the_first(self, run):
        with Flow("f") as flow:
            x = merge(*(task(lambda n=n: n, name="n")() for n in range(12)))
            y = merge(task(lambda: None, name="none")(), "plain", task(lambda: 3, name="three")())
        _, first, second = run(flow, x, y)
        assert (first.result, second.result) == (0, "plain")

    def test_merge_is_for_skips(self):
        with pytest.raises(ValueError, match="leave skip_on_upstream_skip out"):
            merge(skip_on_upstream_skip=True)
