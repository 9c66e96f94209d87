"""`flow.run()`: once, or whenever the schedule says."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millstream import _stopping, _surroundings
from millstream._engine import FlowRunInfo, log_to_console, run_flow
from millstream._loading import is_loading
from millstream._ticks import since
from millstream.exceptions import ParameterBindError
from millstream.v1._conversion import converted
from millstream.v1.engine.state import Failed, Pending, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millstream.flows import Flow as EngineFlow
    from millstream.v1._flow import Flow
    from millstream.v1.executors import Executor
    from millstream.v1.schedules import Schedule

_logger = logging.getLogger("millstream.v1")
_LONGEST_SLEEP = 2.0  # so that a clock that was set is noticed


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
    return _run_on(flow.schedule, flow, engine_flow, parameters, ended)


def _run_on(
    schedule: Schedule,
    flow: Flow,
    engine_flow: EngineFlow[..., Any],
    parameters: Mapping[str, Any],
    ended: list[State],
) -> State:
    for clock in schedule.clocks:
        _check(engine_flow, {**parameters, **clock.parameter_defaults})
    events = schedule.at_next_time(_now())
    if not events:
        raise ValueError(
            f"The schedule of flow {flow.name!r} has no time left: see its end_date, its dates and its filters."
        )
    last: datetime | None = None
    state: State = _not_run(flow)
    try:
        while events:
            if _wait_for(events[0].start_time, flow.name):
                last = events[0].start_time
                for event in events:
                    state = _run_once(engine_flow, {**parameters, **event.parameter_defaults}, ended, last)
            events = schedule.at_next_time(since(_now(), last))
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


def _wait_for(due: datetime, name: str) -> bool:
    """Wait; false if the clock was set back meanwhile, as another time may be the next one then."""
    _logger.info("Waiting for the next scheduled run at %s", due.isoformat())
    seen = _now()
    while (now := _now()) < due:
        if now < seen:
            return False
        seen = now
        _surroundings.current.sleep(min((due - now).total_seconds(), _LONGEST_SLEEP))
        if _stopping.stopped:
            raise _stopping.interruption(f"Flow {name!r}")
    return True


def _now() -> datetime:
    return datetime.fromtimestamp(_surroundings.current.time(), UTC)


def _not_run(flow: Flow) -> State:
    return Pending(
        f"Flow {flow.name!r} was not run.", {task: Pending("The task was not run.") for task in flow.slugs}
    )
