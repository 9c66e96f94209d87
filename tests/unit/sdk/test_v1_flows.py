"""Flows of the declarative style: how they are built, and what a run gives."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

import millstream
from millstream import runtime
from millstream.v1 import Flow, Parameter, Task, case, context, tags, task, triggers, unmapped
from millstream.v1.engine.signals import FAIL
from millstream.v1.engine.state import Failed, Running, Success
from millstream.v1.executors import LocalDaskExecutor


@task
def one():
    return 1


@task
def add(x, y=1):
    return x + y


@task
def boom():
    raise ValueError("boom")


@task
def fact(name):
    return context[name]


def results(flow, **options):
    state = flow.run(**options)
    return {task.name: one.result for task, one in state.result.items()}


class TestBuilding:
    def test_data_flows_along_edges(self):
        with Flow("f") as flow:
            x = add(one(), y=add(2, 3))
        state = flow.run()
        assert state.is_successful()
        assert not state.is_failed()
        assert state.result[x].result == 6
        assert state.message == "All reference tasks succeeded."

    def test_collections_with_tasks_in_them(self):
        with Flow("f") as flow:
            x = add([one(), 2], [{"a": one()}["a"], (one(), {"b": one()})])
        assert flow.run().result[x].result == [1, 2, 1, (1, {"b": 1})]

    def test_a_set_and_eleven_items_in_their_order(self):
        with Flow("f") as flow:
            x, y = add([one() if n == 3 else n for n in range(12)], []), add([{one(), 2}], [])
        result = flow.run().result
        assert result[x].result == [0, 1, 2, 1, 4, 5, 6, 7, 8, 9, 10, 11]
        assert result[y].result == [{1, 2}]

    def test_other_collections_with_tasks_in_them(self):
        class Point(NamedTuple):
            x: int
            y: int

        with Flow("f") as flow:
            x = add([Point(one(), 2), {one(): "a"}, frozenset({one()})], [])
        assert flow.run().result[x].result == [Point(1, 2), {1: "a"}, {1}]
        assert flow.run().result[x].result[0].x == 1

    def test_a_task_where_no_result_can_take_its_place(self):
        @dataclass
        class Job:
            name: object

        with Flow("f") as flow:
            x = add([Job("a")], [])
        told = r"There is a task inside of a Job: .* Make it in a task of its own"
        with Flow("g"), pytest.raises(TypeError, match=told):
            add(Job(one()), 1)
        assert flow.run().result[x].result == [Job("a")]

    def test_a_block_in_its_own_block(self):
        with Flow("f") as flow:
            with flow:
                x = one()
            y = add(x)
        assert flow.run().result[y].result == 2

    def test_plain_collections_are_passed_as_they_are(self):
        given = {"a": [1]}

        @task
        def same(x):
            return x is given

        with Flow("f") as flow:
            x = same(given)
        assert flow.run().result[x].result is True
        assert flow.constants == {x: {"x": given}}

    def test_items_and_operators(self):
        @task
        def numbers():
            return [7, {"a": 2}]

        with Flow("f") as flow:
            x = numbers()
            seven, two = x[0], x[1]["a"]
            made = [
                seven + two, seven - two, seven * two, seven / two, seven // two, seven % two, seven**two,
                1 + two, 1 - two, 3 * two, 4 / two, 5 // two, 5 % two, 2**two,
                seven > two, seven >= two, seven < two, seven <= two, seven & two, 0 & two,
                seven.is_equal(7), seven.is_not_equal(7), seven.not_(), seven.or_(two),
            ]  # fmt: skip
        result = flow.run().result
        assert [result[one].result for one in made] == [
            9, 5, 14, 3.5, 3, 1, 49, 3, -1, 6, 2, 2, 1, 4, True, True, False, False, 2, 0, True, False, False, 7
        ]  # fmt: skip
        assert two.name == "numbers[1]['a']"

    def test_nout(self):
        @task(nout=2)
        def pair():
            return 1, 2

        with Flow("f") as flow:
            a, b = pair()
            x = add(a, b)
        assert flow.run().result[x].result == 3

    @pytest.mark.parametrize(
        "build",
        [
            lambda a, b, _: b.set_upstream(a),
            lambda a, b, _: a.set_downstream(b),
            lambda a, b, _: b.set_dependencies(upstream_tasks=[a]),
            lambda a, b, _: a.set_dependencies(downstream_tasks=[b]),
            lambda a, b, flow: flow.set_dependencies(b, upstream_tasks=[a]),
            lambda a, b, flow: flow.add_edge(a, b),
            lambda a, b, flow: flow.chain(a, b),
            lambda a, b, _: a | b,
        ],
    )
    def test_order(self, build):
        seen = []

        @task
        def note(word):
            seen.append(word)

        with Flow("f") as flow:
            b, a = note("b"), note("a")
            build(a, b, flow)
        assert flow.run().is_successful()
        assert seen == ["a", "b"]

    def test_upstream_tasks_and_keys(self):
        with Flow("f") as flow:
            a = one()
            b = add(a, upstream_tasks=[a])
            c = add.copy(name="c")
            c.set_upstream(b, key="x", flow=flow)
            d = a.pipe(add, y=5)
        state = flow.run()
        assert (state.result[b].result, state.result[c].result, state.result[d].result) == (2, 3, 6)

    def test_subclasses(self):
        class Power(Task):
            def __init__(self, exponent, **options):
                self.exponent = exponent
                super().__init__(**options)

            def run(self, base):
                self.logger.info("computing")
                return base**self.exponent

        cube = Power(3, name="cube")
        with Flow("f") as flow:
            x = cube(cube(2))
        assert x.name == "cube"
        assert flow.run().result[x].result == 512

    def test_a_call_is_a_copy(self):
        with Flow("f") as flow:
            a, b = one(), one(task_args={"name": "other"})
        assert len(flow.tasks) == 2
        assert [one.name, a.name, b.name] == ["one", "one", "other"]

    def test_a_task_that_was_not_called_means_its_only_call(self):
        with Flow("f") as flow:
            a = one()
            b = add(2)
            b.set_dependencies(upstream_tasks=[one])
            add.set_dependencies(upstream_tasks=[one])
            copied = b(3)
        assert flow.tasks == {a, b, copied}
        assert flow.upstream_tasks(b) == {a}

    def test_a_task_that_was_not_called_is_added_as_it_is(self):
        with Flow("f") as flow:
            add(2, upstream_tasks=[one])
            add(3, upstream_tasks=[one])
        assert flow.get_tasks(name="one") == [one]
        assert flow.run().is_successful()

    def test_a_task_that_was_called_twice_means_neither(self):
        with Flow("f") as flow:
            one(), one()
            with pytest.raises(ValueError, match=r"Task 'one' was called 2 times in flow 'f': name the call"):
                flow.add_edge(one, add(1))

    def test_one_task_in_two_flows(self):
        url = Parameter("url", default="a")
        with Flow("f") as first:
            x = add(url, "!")
        with Flow("g") as second:
            y = add(url, "?")
        assert first.run().result[x].result == "a!"
        assert second.run(url="b").result[y].result == "b?"

    def test_a_call_of_another_flow_lacks_its_arguments_here(self):
        with Flow("f"):
            x = add(1)
        with Flow("g") as flow:
            add(x)
        with pytest.raises(ValueError, match=r"Task 'add-2' takes .*'x' is given nothing"):
            flow.run()

    def test_a_block_can_be_opened_again(self):
        with Flow("f") as flow:
            x = one()
        with flow:
            y = add(x)
        assert flow.run().result[y].result == 2

    def test_outside_of_a_flow(self):
        with pytest.raises(
            ValueError, match=r"Task 'one' was called outside of a flow.* call one.run\(\.\.\.\)"
        ):
            one()
        assert add.run(1) == 2
        assert one(flow=Flow("f")).name == "one"

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (add, r"Task 'add' takes \(x, y=1\): missing a required argument: 'x'."),
            (lambda: add(1, 2, 3), r"too many positional arguments"),
            (lambda: add(1, z=3), r"got an unexpected keyword argument 'z'"),
            (
                lambda: add(1, upstream_tasks=one),
                r"upstream_tasks is a list of tasks.*write upstream_tasks=\[...\]",
            ),
            (lambda: list(one()), r"say how many results it gives, as in @task\(nout=2\)"),
            (lambda: bool(one()), "neither true nor false before it has run: use `with case"),
            (lambda: Flow("g").add_task(Task), "A flow has tasks, and got <class .*: put @task"),
        ],
    )
    def test_wrong_calls(self, call, words):
        with Flow("f"), pytest.raises(TypeError, match=words):
            call()

    def test_what_is_left_over_is_told(self, caplog):
        with Flow("f"):
            Parameter("unused")
            task(lambda: 1)()
        (record,) = caplog.records
        assert record.message == (
            "Made in the block of flow 'f', and not part of it: <Parameter: unused>. Call them, pass them to a task, or "
            "use flow.add_task(...)."
        )

    def test_tags(self):
        with Flow("f") as flow, tags("a"):
            x = one(task_args={"tags": ["b"]})
        assert x.tags == {"a", "b"}
        assert flow.get_tasks(tags=["a"]) == [x]
        assert one.tags == set()

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (
                lambda: Flow("f", run_config=1),
                r"Flow 'f' has no option 'run_config' \(leave it out; the FlowDeployment",
            ),
            (lambda: Flow("f", schedul=1), r"'schedul' \(did you mean 'schedule'\?\)"),
            (lambda: Flow("f", schedule="* * * * *"), "schedule is one of millstream.v1.schedules, and got"),
            (
                lambda: Flow("f", executor="dask"),
                "executor is one of millstream.v1.executors, and got 'dask'",
            ),
            (lambda: Flow("f", state_handlers=print), "state_handlers is a list of functions"),
            (lambda: Flow("f", on_failure=1), "on_failure is a function"),
            (lambda: Flow(1), r"A flow has a name, as in Flow\(\"etl\"\)"),
            (lambda: Flow("f").run(executor=1), "executor is one of millstream.v1.executors"),
            (lambda: Flow("f").run(runner_cls=1), r"Flow.run has no option 'runner_cls' \(leave it out"),
        ],
    )
    def test_wrong_options(self, make, words):
        with pytest.raises(TypeError, match=words):
            make()

    def test_attributes_that_there_are_not(self):
        flow = Flow("f")
        with pytest.raises(AttributeError, match="A flow has no storage: leave it out"):
            flow.storage = 1
        with pytest.raises(AttributeError, match="A flow has no register: use a FlowDeployment"):
            flow.register("project")
        with pytest.raises(TypeError, match="executor is one of"):
            flow.executor = 1
        assert not hasattr(flow, "nonsense")


class TestParameters:
    def test_values(self):
        with Flow("f") as flow:
            x = add(Parameter("a"), Parameter("b", default=10))
        assert flow.run(parameters={"a": 1}).result[x].result == 11
        assert flow.run(a=1, b=2).result[x].result == 3
        assert {parameter.name for parameter in flow.parameters()} == {"a", "b"}

    @pytest.mark.parametrize("options", [{"required": False}, {"default": None}])
    def test_none(self, options):
        with Flow("f") as flow:
            Parameter("a", **options)()
        assert results(flow) == {"a": None}

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({}, r"Flow 'f' cannot be called like this: missing 'a'. It takes \(\*, a, b=1\)."),
            ({"a": 1, "z": 2}, "unknown 'z'"),
            ({"z": 2}, "missing 'a'; unknown 'z'"),
        ],
    )
    def test_wrong_values(self, given, words):
        ran = []
        with Flow("f") as flow:
            add(Parameter("a"), Parameter("b", default=1))
            task(lambda: ran.append(1), name="note")()
        with pytest.raises(ValueError, match=words):
            flow.run(given)
        assert ran == []

    def test_required_in_spite_of_a_default(self):
        with Flow("f") as flow:
            Parameter("a", default=1, required=True)()
        with pytest.raises(ValueError, match="missing 'a'"):
            flow.run()

    @pytest.mark.parametrize("name", ["p-url", "", "1a", "class", None, "a b"])
    def test_names(self, name):
        with pytest.raises(ValueError, match="A Parameter's name is a name as in Python"):
            Parameter(name)

    def test_wrong_options(self):
        with pytest.raises(TypeError, match="required is True or False"):
            Parameter("a", required="yes")
        with pytest.raises(TypeError, match="The default of Parameter 'a' is a plain value"):
            Parameter("a", default=one)
        with pytest.raises(TypeError, match="copied under another name"):
            Parameter("a").copy()
        assert repr(Parameter("a", default=3).copy(name="b")) == "<Parameter: b>"


class TestRuns:
    def test_failures_spread(self):
        with Flow("f") as flow:
            bad = boom()
            after = add(bad)
            other = one()
        state = flow.run()
        assert state.is_failed()
        assert state.message == "Some reference tasks failed: add."
        assert isinstance(state.result[bad].result, ValueError)
        assert "boom" in state.result[bad].message
        assert repr(state.result[after]).startswith("<TriggerFailed")
        assert state.result[other].is_successful()

    @pytest.mark.parametrize(
        ("trigger", "runs"), [(triggers.any_successful, True), (triggers.all_failed, False)]
    )
    def test_a_plain_value_counts_as_a_success(self, trigger, runs):
        with Flow("f") as flow:
            x = task(lambda _x, y: y, trigger=trigger)(boom(), 5)
        assert flow.run().result[x].is_successful() == runs

    def test_reference_tasks(self):
        with Flow("f") as flow:
            a, bad = one(), boom()
        assert flow.run().is_failed()
        flow.set_reference_tasks([a])
        assert flow.reference_tasks() == {a}
        state = flow.run()
        assert state.is_successful()
        assert state.result[bad].is_failed()
        with pytest.raises(
            ValueError, match="Reference tasks are tasks of the flow, and <Task: add> is none of 'f'"
        ):
            flow.set_reference_tasks([add])

    def test_only_the_last_tasks_count(self):
        with Flow("f") as flow:
            add(boom(), task_args={"trigger": lambda _: True, "name": "never"})
        assert flow.run().is_failed()  # an exception and 1 cannot be added
        with Flow("f") as flow:
            one(upstream_tasks=[boom()], task_args={"trigger": lambda _: True})
        assert flow.run().is_successful()

    def test_handlers_of_flows(self):
        seen = []

        def handler(flow, old, new):
            seen.append((flow.name, type(old).__name__, type(new).__name__))

        with Flow(
            "f", state_handlers=[handler], on_failure=lambda _, state: seen.append(state.message)
        ) as flow:
            boom()
        flow.run()
        assert seen == [
            ("f", "Pending", "Running"),
            ("f", "Running", "Failed"),
            "Some reference tasks failed: boom.",
        ]

    def test_a_handler_may_replace_the_state(self):
        def handler(_, __, new):
            return Success("good enough") if new.is_failed() else None

        with Flow("f", state_handlers=[handler]) as flow:
            bad = boom()
        state = flow.run()
        assert state.is_successful()
        assert state.result[bad].is_failed()

    def test_a_handler_may_end_a_run_before_it_begins(self):
        with Flow(
            "f", state_handlers=[lambda _, __, new: Failed("not now") if isinstance(new, Running) else None]
        ) as flow:
            one()
        assert flow.run().message == "not now"

    def test_a_handler_that_raises(self):
        def handler(*_):
            raise KeyError("x")

        with Flow("f", state_handlers=[handler]) as flow:
            one()
        assert flow.run().is_failed()

    def test_terminal_state_handler(self):
        seen = []

        def handler(flow, state, reference):
            seen.append((flow.name, state.is_failed(), len(reference)))
            return Success("fine")

        with Flow("f", terminal_state_handler=handler) as flow:
            boom()
        assert flow.run().message == "fine"
        assert seen == [("f", True, 1)]

    def test_inside_of_the_block(self):
        with (
            Flow("f") as flow,
            pytest.raises(RuntimeError, match="still being built: call run\\(\\) after the block"),
        ):
            flow.run()

    def test_runs_are_runs_of_the_engine(self):
        counts = []

        @task
        def look():
            counts.append(millstream.get_run_context().task_run.flow_run.counts.copy())
            return runtime.flow_run.flow_name

        with Flow("daily / etl") as flow:
            x = look(upstream_tasks=[one(), one()])
        assert flow.run().result[x].result == "daily _ etl"
        assert counts == [{"Completed": 2}]

    def test_in_a_flow_of_the_other_style(self):
        with Flow("inner") as inner:
            x = add(Parameter("n"))

        @millstream.flow
        def outer(n):
            return inner.run(n=n).result[x].result

        assert outer(4) == 5

    def test_logs(self, logs):
        logs.set_level(logging.INFO)
        with Flow("f") as flow:
            one()
        flow.run()
        assert [record.getMessage() for record in logs.records] == [
            "Started flow 'f'",
            "Task 'one': starting",
            "Task 'one': ended in state 'Success'",
            "Finished in state Completed('All reference tasks succeeded.')",
        ]

    def test_an_interruption_is_the_programs(self):
        @task
        def interrupt():
            raise KeyboardInterrupt

        with Flow("f") as flow:
            interrupt()
        with pytest.raises(KeyboardInterrupt):
            flow.run()


class TestContext:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("flow_name", "f"),
            ("task_name", "fact"),
            ("task_full_name", "fact"),
            ("task_slug", "fact-1"),
            ("task_run_count", 1),
            ("map_index", None),
            ("parameters", {"p": 1}),
            ("today", "2023-11-14"),
            ("yesterday_nodash", "20231113"),
            ("tomorrow", "2023-11-15"),
            ("date", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
            ("scheduled_start_time", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
            ("mine", 5),
        ],
    )
    @pytest.mark.parametrize("executor", [None, LocalDaskExecutor()])
    def test_facts(self, still, name, value, executor):
        with Flow("f") as flow:
            Parameter("p", default=1)()
            x = fact(name)
        assert still.now == 1_700_000_000
        assert flow.run(context={"mine": 5}, executor=executor).result[x].result == value

    def test_logger(self, logs):
        @task
        def talk():
            context.get("logger").info("hello")
            context.logger.info("again")

        with Flow("f") as flow:
            talk()
        flow.run()
        assert [r.task_run_name for r in logs.records if r.getMessage() in ("hello", "again")] == [
            "talk-0"
        ] * 2

    def test_outside(self):
        assert context.get("parameters") is None
        assert "parameters" not in context
        with pytest.raises(AttributeError, match="The context has no 'parameters'; it has nothing"):
            context.parameters  # noqa: B018
        with context(a=1) as inner:
            assert inner.to_dict() == {"a": 1}
            assert (context.a, context["a"], list(context), len(context)) == (1, 1, ["a"], 1)
        assert repr(context) == "<Context: >"


class TestBranches:
    def test_case(self):
        with Flow("f") as flow:
            x = one()
            with case(x, 1):
                a = add(x)
                b = add(a)
            with case(x, 2):
                c = add(5)
                d = add(c, Parameter("p", default=1))
        state = flow.run()
        assert state.is_successful()
        assert [state.result[t].is_skipped() for t in (a, b, c, d)] == [False, False, True, True]
        assert state.result[b].result == 3

    def test_wrong_cases(self):
        with pytest.raises(TypeError, match="case compares with a plain value"):
            case(one, one)
        with pytest.raises(
            TypeError, match="case is for the result of a task, and got 1: use an ordinary if"
        ):
            case(1, 1)

    def test_fail_is_a_failure(self):
        @task
        def fail():
            raise FAIL("not today")

        with Flow("f") as flow:
            x = fail()
        assert flow.run().result[x].message == "not today"

    def test_unmapped_in_a_call_is_the_value(self):
        with Flow("f") as flow:
            x = add(unmapped(1), unmapped(one()))
        assert flow.run().result[x].result == 2


def test_a_class_that_forgets_its_options():
    class Forgetful(Task):
        def __init__(self):
            self.url = "x"

    with Flow("f"), pytest.raises(AttributeError, match=r"Forgetful.__init__ has to call super\(\)"):
        Forgetful()()
