import asyncio
import re
import uuid
from datetime import UTC, datetime

import pytest

from millstream import flow, get_run_context, runtime, task
from millstream._engine import FlowRunInfo, run_flow
from millstream.context import FlowRunContext, TaskRunContext
from millstream.exceptions import MissingContextError


@task(tags=["t"])
def context_of_task(x, y=2):
    return get_run_context(), FlowRunContext.get()


class TestContext:
    def test_of_a_flow(self, still):
        @flow(name="f")
        def fn(x: int):
            context = get_run_context()
            assert context.flow_run.state_name == "Running"
            assert TaskRunContext.get() is None
            return context

        context = fn("1")
        assert isinstance(context, FlowRunContext)
        assert context.flow is fn
        assert context.parameters == context.flow_run.parameters == {"x": 1}
        assert context.start_time == datetime.fromtimestamp(still.now, UTC)
        assert context.flow_run.name == "zesty-zebra"
        assert str(uuid.UUID(context.flow_run.id)) == context.flow_run.id
        assert context.flow_run.state_name == "Completed"
        assert context.flow_run.tags == frozenset()

    def test_of_a_task(self, still):
        @flow
        def fn():
            return context_of_task(1), get_run_context()

        (of_task, of_flow_in_task), of_flow = fn()
        assert isinstance(of_task, TaskRunContext)
        assert of_task.task is context_of_task
        assert of_task.parameters == {"x": 1, "y": 2}
        assert of_task.start_time == datetime.fromtimestamp(still.now, UTC)
        assert (of_task.task_run.name, of_task.task_run.tags) == ("context_of_task-0", {"t"})
        assert of_task.task_run.id != of_flow.flow_run.id
        assert of_flow_in_task.flow_run is of_flow.flow_run

    def test_outside_of_runs(self):
        with pytest.raises(MissingContextError, match="works inside of flows and tasks"):
            get_run_context()
        assert FlowRunContext.get() is None

    def test_is_gone_after_failures(self):
        flow(lambda: task(lambda: 1 / 0)(return_state=True))(return_state=True)
        assert FlowRunContext.get() is None
        assert TaskRunContext.get() is None

    @pytest.mark.usefixtures("still")
    def test_task_outside_of_flows(self):
        of_task, of_flow = context_of_task(1)
        assert of_task.task_run.name == "context_of_task-fff"
        assert of_flow is None

    def test_task_runs_are_numbered_by_name_in_their_flow_run(self):
        other = context_of_task.with_options(name="other")

        @flow
        def inner():
            return [context_of_task(1)[0].task_run.name]

        @flow
        def outer():
            return [t(0)[0].task_run.name for t in (context_of_task, other, context_of_task)] + inner()

        assert outer() == ["context_of_task-0", "other-0", "context_of_task-1", "context_of_task-0"]

    async def test_coroutines_at_the_same_time(self):
        @task
        async def name():
            before = get_run_context().task_run.name
            await asyncio.sleep(0)
            assert get_run_context().task_run.name == before
            return before

        @flow
        async def outer():
            names = await asyncio.gather(*(name() for _ in range(20)))
            assert isinstance(get_run_context(), FlowRunContext)
            return names

        assert sorted(await outer()) == sorted(f"name-{n}" for n in range(20))


class TestRuntime:
    def test_outside_of_runs(self):
        flow_run, task_run = runtime.flow_run, runtime.task_run
        assert [flow_run.id, flow_run.name, flow_run.flow_name, flow_run.flow_version] == [None] * 4
        assert [flow_run.parameters, flow_run.tags, flow_run.run_count] == [{}, [], 0]
        assert [flow_run.scheduled_start_time, flow_run.parent_flow_run_id] == [None, None]
        assert [task_run.id, task_run.name, task_run.task_name] == [None] * 3
        assert [task_run.parameters, task_run.tags, task_run.run_count] == [{}, [], 0]

    def test_inside(self):
        due = datetime(2026, 1, 2, tzinfo=UTC)

        @task(name="t", tags=["y", "x"])
        def step(n):
            assert n == 3
            run = runtime.task_run
            assert re.fullmatch(r"[0-9a-f-]{36}", run.id)
            return run.name, run.task_name, run.parameters, run.tags, run.run_count

        @flow(name="f", version="7")
        def fn(n):
            assert n == 3
            run = runtime.flow_run
            facts = (
                run.id,
                run.name,
                run.flow_name,
                run.flow_version,
                run.parameters,
                run.tags,
                run.run_count,
            )
            return facts, run.scheduled_start_time, run.parent_flow_run_id, step(n)

        info = FlowRunInfo(run_id="id-1", name="nightly-1", tags=["b", "a"], scheduled_start_time=due)
        facts, scheduled, parent, in_task = run_flow(fn, {"n": 3}, run=info).data
        assert facts == ("id-1", "nightly-1", "f", "7", {"n": 3}, ["a", "b"], 1)
        assert (scheduled, parent) == (due, None)
        assert in_task == ("t-0", "t", {"n": 3}, ["x", "y"], 1)

    def test_of_a_subflow(self, still):
        def facts():
            return (
                runtime.flow_run.id,
                runtime.flow_run.parent_flow_run_id,
                runtime.flow_run.scheduled_start_time,
            )

        outer = flow(lambda: (facts(), flow(facts)()))
        (outer_id, none, _), (inner_id, parent, due) = outer()
        assert outer_id != inner_id
        assert (none, parent, due.timestamp()) == (None, outer_id, still.now)
