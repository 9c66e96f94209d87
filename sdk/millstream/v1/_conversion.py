"""A flow of the declarative style as a flow of the engine, and its tasks as the engine's tasks."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from millstream import _surroundings
from millstream._engine.contexts import FlowRunContext
from millstream._hashing import hash_of
from millstream.cache_policies import NO_CACHE, CachePolicy
from millstream.flows import Flow as EngineFlow
from millstream.logging import get_run_logger
from millstream.tasks import Task as EngineTask
from millstream.v1._context import context
from millstream.v1._decisions import expanded, final_state
from millstream.v1._parameter import Parameter
from millstream.v1._running import GraphRun
from millstream.v1._translation import engine_state
from millstream.v1._work import Call, carry_out, handled, is_worth_retrying
from millstream.v1.engine.state import Pending, Running, State, TriggerFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from millstream.v1._flow import Flow
    from millstream.v1._task import Task
    from millstream.v1.executors import Executor

_REFUSED_IN_NAMES = str.maketrans(dict.fromkeys("/%&><", "_"))


def converted(
    flow: Flow,
    executor: Executor | None = None,
    facts: Mapping[str, Any] | None = None,
    keep: Callable[[State], object] = lambda _: None,
) -> EngineFlow[..., None]:
    """The flow as one of the engine, its Parameters as parameters.

    Args:
        flow: The flow.
        executor: Where its tasks run; the flow's own unless given.
        facts: Further facts for the context.
        keep: Called with the state in which the flow ends.

    Raises:
        InvalidFlowError: The graph has defects.
    """
    flow.validate()
    runner = (executor or flow.executor).task_runner()
    tasks = {task: _engine_task(flow, task) for task in flow.slugs}

    def body(**parameters: Any) -> Any:
        known = {**(facts or {}), **_facts(flow, parameters)}
        with context(**known):
            state = _run(flow, tasks, known, submits=runner is not None)
        keep(state)
        ended = engine_state(state)
        first = _first_failure(state)
        ended.data = first and first.result  # what a pod can keep, and not the states of all tasks
        if first is not None:
            ended.message = f"{state.message} First: {first.message}"
        return ended

    body.__signature__ = _signature(flow)  # type: ignore[attr-defined] # where `inspect` looks first
    body.__name__ = body.__qualname__ = flow.name
    body.__doc__ = None
    return EngineFlow(body, name=flow.name.translate(_REFUSED_IN_NAMES), task_runner=runner)


def _run(
    flow: Flow, tasks: Mapping[Task, EngineTask[..., Any]], facts: Mapping[str, Any], *, submits: bool
) -> State:
    begun = handled(flow, Pending(), Running("Running flow."))
    if begun.is_finished():
        return begun
    states = GraphRun(flow, tasks, facts, get_run_logger(), submits=submits).run()
    reference = {task: states[task] for task in flow.slugs if task in flow.reference_tasks()}
    state = final_state(reference)
    if flow.terminal_state_handler is not None:
        state = flow.terminal_state_handler(flow, state, set(reference.values())) or state
    state.result = states
    state = handled(flow, begun, state)
    state.result = states if state.result is None else state.result
    return state


def _first_failure(state: State) -> State | None:
    """The state of the first task that failed by itself, if the flow failed."""
    if not state.is_failed() or not isinstance(state.result, dict):
        return None
    each = expanded(state.result.values())
    return next((one for one in each if one.is_failed() and not isinstance(one, TriggerFailed)), None)


def _signature(flow: Flow) -> inspect.Signature:
    named = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter(p.name, named, default=inspect.Parameter.empty if p.required else p.default)
            for p in flow.slugs
            if isinstance(p, Parameter)
        ]
    )


def _facts(flow: Flow, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What all tasks of a run find in the context."""
    found = FlowRunContext.get()
    assert found is not None  # noqa: S101 - a flow calls this
    run = found.flow_run
    now = datetime.fromtimestamp(_surroundings.current.time(), UTC)
    days = {"yesterday": now - timedelta(days=1), "today": now, "tomorrow": now + timedelta(days=1)}
    return {
        "parameters": dict(parameters),
        "date": now,
        **{name: f"{day:%Y-%m-%d}" for name, day in days.items()},
        **{f"{name}_nodash": f"{day:%Y%m%d}" for name, day in days.items()},
        "scheduled_start_time": run.scheduled_start_time or now,
        "flow_id": flow.name,
        "flow_name": flow.name,
        "flow_run_id": run.id,
        "flow_run_name": run.name,
    }


def _engine_task(flow: Flow, task: Task) -> EngineTask[..., Any]:
    caches = task.cache_for is not None
    return EngineTask(
        partial(carry_out, task),
        name=task.name.translate(_REFUSED_IN_NAMES) or type(task).__name__,
        tags=task.tags,
        retries=task.max_retries,
        retry_delay_seconds=task.retry_delay.total_seconds() if task.retry_delay else 0,
        retry_condition_fn=partial(_wants_retry, task),
        log_prints=task.log_stdout or None,
        task_run_name=partial(_run_name, task) if task.task_run_name is not None else None,
        cache_policy=_Key(flow, task) if caches else NO_CACHE,
        cache_expiration=task.cache_for,
    )


def _wants_retry(task: Task, _: Any, run: Any, state: Any) -> bool:
    return is_worth_retrying(task, run.args[0], state.data)


def _run_name(task: Task, parameters: Mapping[str, Any]) -> str:
    call: Call = parameters["call"]
    option = task.task_run_name
    known = {**call.facts, **call.inputs}
    return option(**known) if callable(option) else str(option).format(**known)


class _Key(CachePolicy):
    """What the key of a task with `cache_for` is made of."""

    def __init__(self, flow: Flow, task: Task) -> None:
        self._owner = task.cache_key or (flow.name, flow.slugs[task])
        self._validator = task.cache_validator

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """A hash of the task, and of what its result depends on."""
        del task_ctx, flow_parameters
        call: Call = inputs["call"]
        part = self._validator and self._validator.part(call.inputs, call.facts["parameters"])
        # Runs of one `map` are not each other's results, even where the result depends on nothing but its time.
        each = call.inputs if call.facts["map_index"] is not None else None
        return hash_of((self._owner, part, each), "what the result depends on")
