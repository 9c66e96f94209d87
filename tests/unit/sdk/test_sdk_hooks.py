import asyncio
import functools
import logging

import pytest

from millstream import flow, task
from millstream.context import get_run_context
from millstream.states import Cancelled, Completed, Failed

NAMES = ["on_running", "on_completion", "on_failure", "on_cancellation", "on_crashed"]


class Hooks:
    """One hook for each state, which notes that it was called."""

    def __init__(self):
        self.called = []
        self.options = {name: [self._hook(name)] for name in NAMES}

    def _hook(self, name):
        def hook(definition, run, state):
            self.called.append((name, definition.name, run.name, state.name))

        return hook

    def of_task(self):
        return {name: self.options[name] for name in NAMES[:3]}

    @property
    def names(self):
        return [name for name, *_ in self.called]


@pytest.fixture
def hooks():
    return Hooks()


class TestFlows:
    @pytest.mark.parametrize(
        ("ends", "expected"),
        [
            (Completed(), ("on_completion", "Completed")),
            (Completed(name="Skipped"), ("on_completion", "Skipped")),
            (Failed(), ("on_failure", "Failed")),
            (ValueError("x"), ("on_failure", "Failed")),
            (Cancelled(), ("on_cancellation", "Cancelled")),
        ],
    )
    def test_by_state(self, hooks, ends, expected):
        @flow(name="f", flow_run_name="r", **hooks.options)
        def run():
            if isinstance(ends, Exception):
                raise ends
            return ends

        run(return_state=True)
        assert hooks.called == [("on_running", "f", "r", "Running"), (expected[0], "f", "r", expected[1])]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_crash(self, hooks, error):
        @flow(**hooks.options)
        def run():
            raise error

        with pytest.raises(error):
            run()
        assert hooks.names == ["on_running", "on_crashed"]

    def test_crash_in_a_task_and_a_subflow(self, hooks):
        @task
        def interrupted():
            raise KeyboardInterrupt

        @flow(**hooks.options)
        def inner():
            interrupted()

        with pytest.raises(KeyboardInterrupt):
            flow(lambda: inner(), **hooks.options)()  # noqa: PLW0108 - its name is another one
        assert hooks.names == ["on_running", "on_running", "on_crashed", "on_crashed"]

    async def test_cancelled_coroutine(self, hooks):
        started = asyncio.Event()

        @flow(**hooks.options)
        async def run():
            started.set()
            await asyncio.sleep(3600)

        running = asyncio.ensure_future(run())
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert hooks.names == ["on_running", "on_crashed"]

    def test_retries(self, hooks):
        failures = [ValueError(), ValueError()]

        @flow(retries=2, **hooks.options)
        def run():
            if failures:
                raise failures.pop()

        run()
        assert hooks.names == ["on_running"] * 3 + ["on_completion"]

    def test_wrong_parameters(self, hooks):
        @flow(**hooks.options)
        def run(x: int):
            return x

        assert run("zz", return_state=True).is_failed()
        assert hooks.names[-1] == "on_failure"

    def test_generators(self, hooks):
        @flow(**hooks.options)
        def run():
            yield 1

        assert list(run()) == [1]
        assert hooks.names == ["on_running", "on_completion"]


class TestTasks:
    def test_by_state(self, hooks):
        @task(name="t", **hooks.of_task())
        def step(error=None):
            if error:
                raise error

        @flow
        def run():
            step()
            step(ValueError("x"), return_state=True)

        run()
        assert hooks.called == [
            ("on_running", "t", "t-0", "Running"),
            ("on_completion", "t", "t-0", "Completed"),
            ("on_running", "t", "t-1", "Running"),
            ("on_failure", "t", "t-1", "Failed"),
        ]

    def test_retries(self, hooks):
        failures = [ValueError(), ValueError()]

        @task(retries=2, **hooks.of_task())
        def step():
            if failures:
                raise failures.pop()

        step()
        assert hooks.names == ["on_running"] * 3 + ["on_completion"]
        assert [state for *_, state in hooks.called] == ["Running", "Retrying", "Retrying", "Completed"]

    def test_that_fail_for_good(self, hooks):
        task(lambda: 1 / 0, retries=1, **hooks.of_task())(return_state=True)
        assert hooks.names == ["on_running", "on_running", "on_failure"]

    def test_submitted_and_mapped(self, hooks):
        @flow
        def run():
            step = task(lambda x: x, **hooks.of_task())
            step.submit(1).wait()
            step.map([2, 3]).wait()

        run()
        assert sorted(hooks.names) == ["on_completion"] * 3 + ["on_running"] * 3

    def test_not_ready_ones_have_none(self, hooks):
        @flow
        def run():
            failed = task(lambda: 1 / 0).submit()
            return task(lambda x: x, **hooks.of_task())(failed, return_state=True).name

        assert run() == "NotReady"
        assert hooks.called == []

    def test_cached_ones_have_completed(self, hooks, tmp_path):
        step = task(lambda: 1, result_storage_key="k", result_storage=tmp_path, **hooks.of_task())
        step()
        step()
        assert hooks.names == ["on_running", "on_completion", "on_completion"]
        assert hooks.called[-1][-1] == "Cached"

    @pytest.mark.parametrize("option", ["on_cancellation", "on_crashed"])
    def test_have_three_only(self, option):
        with pytest.raises(TypeError, match=f"@task has no option '{option}'"):
            task(**{option: []})


@pytest.mark.parametrize("decorator", [flow, task])
class TestBoth:
    def test_as_decorators(self, decorator):
        called = []

        @decorator(on_completion=[lambda *_: called.append("option")])
        def run():
            return 1

        @run.on_completion
        def hook(definition, run, state):
            called.append("decorator")

        @run.on_running
        async def _(*_):
            called.append("running")

        run.on_failure(lambda *_: called.append("failure"))
        run()
        assert called == ["running", "option", "decorator"]
        assert callable(hook)

    def test_with_options_keeps_them(self, decorator, hooks):
        run = decorator(lambda: 1, on_completion=hooks.options["on_completion"])
        run.on_running(hooks.options["on_running"][0])
        other = run.with_options(name="other")
        other.on_completion(lambda *_: None)
        other()
        assert hooks.names == ["on_running", "on_completion"]
        assert len(run.hooks["on_completion"]) == 1
        hooks.called.clear()
        run.with_options(on_completion=[])()
        assert hooks.names == ["on_running"]

    def test_one_that_raises(self, decorator, logs):
        called = []

        def broken(*_):
            raise ValueError("broken hook")

        run = decorator(
            lambda: 5,
            name="run",
            on_running=[broken],
            on_completion=[broken, lambda *_: called.append(1), broken],
        )
        assert run(return_state=True).name == "Completed"
        assert called == [1]
        told = [record for record in logs.records if record.levelno == logging.ERROR]
        assert len(told) == 3
        assert told[0].getMessage() == f"The hook broken of {decorator.__name__.capitalize()} 'run' raised"
        assert "broken hook" in logs.text
        assert told[0].exc_info[2].tb_frame.f_code.co_name == "broken"

    def test_one_with_the_wrong_parameters(self, decorator, logs):
        assert decorator(lambda: 5, on_completion=[lambda: None])() == 5
        assert "takes 0 positional arguments but 3 were given" in logs.text

    @pytest.mark.parametrize("wrong", [5, "hook", [5], [print, None], {print}])
    def test_that_are_none(self, decorator, wrong):
        with pytest.raises(TypeError, match="on_failure is a list of functions"):
            decorator(lambda: 1, on_failure=wrong)
        with pytest.raises(TypeError, match="on_failure is a list of functions"):
            decorator(lambda: 1).on_failure(5)

    def test_what_they_see(self, decorator):
        seen = []

        def look(definition, run, state):
            context = get_run_context()
            own = getattr(context, "task_run", None) or context.flow_run
            seen.append((definition.fn(1), own is run, run.parameters, run.state is state, run.run_count))

        decorator(lambda x, y=2: x + y, on_completion=[look])(1)
        assert seen == [(3, True, {"x": 1, "y": 2}, True, 1)]

    def test_asynchronous_ones_of_synchronous_runs(self, decorator):
        called = []

        async def hook(_, run, state):
            await asyncio.sleep(0)
            called.append((get_run_context() is not None, run.run_count, state.name))

        class Callable:
            async def __call__(self, *_):
                called.append("object")

        decorator(lambda: 1, on_completion=[hook, functools.partial(hook), Callable()])()
        assert called == [(True, 1, "Completed")] * 2 + ["object"]

    async def test_in_asynchronous_runs(self, decorator):
        called = []

        async def hook(_, run, state):
            await asyncio.sleep(0)
            called.append((run.run_count, state.name, get_run_context() is not None))

        async def broken(*_):
            await asyncio.sleep(0)
            raise ValueError

        @decorator(
            on_running=[broken, hook],
            on_completion=[hook],
            on_failure=[hook, lambda *_: called.append("sync")],
        )
        async def run(error=None):
            if error:
                raise error
            return 5

        assert await run() == 5
        assert (await run(KeyError(), return_state=True)).is_failed()
        running, completed, failed = ((1, name, True) for name in ("Running", "Completed", "Failed"))
        assert called == [running, completed, running, failed, "sync"]

    async def test_asynchronous_ones_of_synchronous_runs_in_a_loop(self, decorator):
        called = []

        async def hook(*_):
            await asyncio.sleep(0)
            called.append(get_run_context() is not None)

        decorator(lambda: 1, on_completion=[hook])()
        assert called == [True]

    def test_tasks_as_hooks(self, decorator):
        called = []

        @task
        async def notify(definition, run, result):
            called.append(result)

        decorator(lambda: 1, on_completion=[notify])()
        assert called == [1]  # as always when a task is given a state
