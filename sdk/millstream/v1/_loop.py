"""`flow.run()`: once, or whenever the schedule says."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millstream import _stopping, _surroundings
from millstream._engine import FlowRunInfo, log_to_console, run_flow
from millstream._loading import is_loading
from millstream.exceptions import ParameterBindError
from millstream.v1._conversion import converted
from millstream.v1.engine.state import Failed, Pending, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millstream.flows import Flow as EngineFlow
    from millstream.v1._flow import Flow
    from millstream.v1.executors import Executor
    from millstream.v1.schedules import ScheduleEvent

_logger = logging.getLogger("millstream.v1")


def run(
    flow: Flow,
    parameters: Mapping[str, Any],
    *,
    scheduled: bool,
    executor: Executor,
    context: Mapping[str, Any],
) -> State:
    """Run a flow here; see `Flow.run`."""
    if is_loading():
        return _not_run(flow)
    ended: list[State] = []
    engine_flow = converted(flow, executor, context, ended.append)
    log_to_console()
    if not scheduled or flow.schedule is None:
        _check(engine_flow, parameters)
        return _run_once(engine_flow, parameters, ended, None)
    event = _next(flow)
    if event is None:
        raise ValueError(
            f"The schedule of flow {flow.name!r} has no time left: see its end_date and its dates."
        )
    state: State = _not_run(flow)
    try:
        while event is not None:
            given = {**parameters, **event.parameter_defaults}
            _check(engine_flow, given)
            _wait_for(event.start_time, flow.name)
            state = _run_once(engine_flow, given, ended, event.start_time)
            event = _next(flow)
    except KeyboardInterrupt:
        _logger.info("Stopped by Ctrl-C: flow %r has no further runs.", flow.name)
    return state


def _check(engine_flow: EngineFlow[..., Any], parameters: Mapping[str, Any]) -> None:
    try:
        engine_flow.validate_parameters(parameters)
    except ParameterBindError as error:
        raise ValueError(str(error)) from None


def _run_once(
    engine_flow: EngineFlow[..., Any], parameters: Mapping[str, Any], ended: list[State], due: datetime | None
) -> State:
    ended.clear()
    final = run_flow(engine_flow, parameters, run=FlowRunInfo(scheduled_start_time=due))
    if ended:
        return ended[0]
    if isinstance(final.data, BaseException) and not isinstance(final.data, Exception):
        raise final.data
    return Failed(final.message, final.data)


def _next(flow: Flow) -> ScheduleEvent | None:
    assert flow.schedule is not None  # noqa: S101 - asked before
    now = datetime.fromtimestamp(_surroundings.current.time(), UTC)
    return next(iter(flow.schedule.events(1, now)), None)


def _wait_for(due: datetime, name: str) -> None:
    _logger.info("Waiting for the next scheduled run at %s", due.isoformat())
    while (left := due.timestamp() - _surroundings.current.time()) > 0:
        _surroundings.current.sleep(left)
        if _stopping.stopped:
            raise _stopping.interruption(f"Flow {name!r}")


def _not_run(flow: Flow) -> State:
    return Pending(
        f"Flow {flow.name!r} was not run.", {task: Pending("The task was not run.") for task in flow.slugs}
    )
