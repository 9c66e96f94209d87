import asyncio
from datetime import date

import pytest

from millstream import flow, runtime, task
from millstream.context import get_run_context


class TestTasks:
    @pytest.mark.parametrize(
        ("template", "expected"),
        [
            ("load-{x}-{y}", "load-1-2"),
            ("{day:%Y}", "2026"),
            ("{day.year}/{items[0]}", "2026/a"),
            ("plain", "plain"),
            ("{{x}}", "{x}"),
            ("{x!r:>4}", "   1"),
        ],
    )
    def test_templates(self, template, expected):
        @task(task_run_name=template)
        def step(x, y=2, day=date(2026, 1, 1), items=("a",)):
            return runtime.task_run.name

        assert step(1) == expected

    def test_functions(self):
        def name_of(parameters):
            return f"x={parameters['x']}"

        def name():
            return f"of {runtime.flow_run.name}"

        @flow(flow_run_name="today")
        def run():
            step = task(lambda x: (x, runtime.task_run.name))
            return (
                step.with_options(task_run_name=name_of)(1),
                step.with_options(task_run_name=name)(2),
                step.with_options(task_run_name=name_of).submit(step.submit(3)).result(),
            )

        assert run()[:2] == ((1, "x=1"), (2, "of today"))

    def test_once_for_all_attempts(self):
        made = []

        def name():
            made.append(1)
            return f"name {len(made)}"

        failures = [ValueError()]

        @task(task_run_name=name, retries=1)
        def step():
            if failures:
                raise failures.pop()
            return get_run_context().task_run.name

        assert step() == "name 1"

    @pytest.mark.parametrize("retries", [0, 2])
    def test_that_raises(self, retries, logs):
        called = []

        def broken():
            raise LookupError("no name today")

        step = task(lambda: called.append(1), name="step", task_run_name=broken, retries=retries)
        state = step(return_state=True)
        assert state.is_failed()
        assert state.message == "Task 'step' did not start: LookupError: no name today"
        with pytest.raises(LookupError, match="no name today"):
            step()
        assert called == []
        assert "Finished in state Failed" in logs.text

    def test_that_raises_in_a_submitted_task(self):
        def broken():
            raise LookupError("no name today")

        @flow
        def run():
            future = task(lambda: 1, name="step", task_run_name=broken).submit()
            future.wait()
            return future.state.message

        assert run() == "Task 'step' did not start: LookupError: no name today"

    async def test_that_raises_in_a_coroutine(self):
        def broken(parameters):
            raise LookupError(parameters["x"])

        @task(task_run_name=broken)
        async def step(x):
            await asyncio.sleep(0)
            return x

        assert (await step(1, return_state=True)).is_failed()

    def test_of_a_template_whose_value_has_no_such_attribute(self):
        state = task(lambda x: x, name="step", task_run_name="{x.nope}")(1, return_state=True)
        assert (
            state.message == "Task 'step' did not start: AttributeError: 'int' object has no attribute 'nope'"
        )

    def test_that_is_no_text(self, logs):
        state = task(lambda: 1, name="step", task_run_name=lambda: 5)(return_state=True)
        assert (
            state.message
            == "Task 'step' did not start: TypeError: task_run_name is to give a text, and gave 5."
        )
        assert "Traceback" not in logs.text  # where this package found out tells nobody anything

    def test_of_a_wrong_call(self):
        state = task(lambda x: x, name="step", task_run_name="{x}")(return_state=True)
        assert state.is_failed()
        assert "missing 'x'" in state.message

    def test_methods(self):
        class Shop:
            @task(task_run_name="greet-{who}")
            def greet(self, who):
                return runtime.task_run.name

        assert Shop().greet("Ann") == "greet-Ann"


class TestFlows:
    def test_template(self):
        @flow(flow_run_name="run-{x}-{y}")
        def run(x: int, y: int = 2):
            return runtime.flow_run.name

        assert run("1") == "run-1-2"

    def test_function(self):
        names = [
            lambda: "fixed",
            lambda: f"of {runtime.flow_run.flow_name}",
            lambda parameters: f"{parameters['x']}",
        ]
        made = [flow(lambda x=5: runtime.flow_run.name, name="f", flow_run_name=name)() for name in names]
        assert made == ["fixed", "of f", "5"]

    def test_that_raises(self):
        def broken():
            raise LookupError("no name today")

        state = flow(lambda: 1, name="f", flow_run_name=broken, retries=3)(return_state=True)
        assert state.is_failed()
        assert state.message == "Flow 'f' did not start: LookupError: no name today"

    def test_once_for_all_attempts(self):
        made = []
        failures = [ValueError()]

        @flow(flow_run_name=lambda: made.append(1) or f"name {len(made)}", retries=1)
        def run():
            if failures:
                raise failures.pop()
            return runtime.flow_run.name

        assert run() == "name 1"

    def test_subflows_have_their_own(self):
        inner = flow(lambda x: runtime.flow_run.name, flow_run_name="inner-{x}")
        assert flow(lambda: (inner(1), inner(2)))() == ("inner-1", "inner-2")


@pytest.mark.parametrize(("decorator", "option"), [(task, "task_run_name"), (flow, "flow_run_name")])
class TestRefused:
    @pytest.mark.parametrize("template", ["{nope}", "{}", "{0}", "{x:{nope}}", "{x", "x}"])
    def test_templates(self, decorator, option, template):
        with pytest.raises(ValueError, match=f"{option} is a text with "):
            decorator(lambda x: x, **{option: template})

    @pytest.mark.parametrize("wrong", [5, lambda x: x, lambda a, b: "", b"bytes"])
    def test_what_makes_no_names(self, decorator, option, wrong):
        with pytest.raises(TypeError, match=f"{option} is a text, or a function"):
            decorator(lambda x: x, **{option: wrong})

    async def test_asynchronous_functions(self, decorator, option):
        async def name():
            return "name"

        async def name_of(parameters):
            return str(parameters)

        for wrong in (name, name_of):
            with pytest.raises(TypeError, match="asynchronous"):
                decorator(lambda x: x, **{option: wrong})
