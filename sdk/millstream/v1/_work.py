"""What a run of a task does, in whatever thread or process the executor has it run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from millstream import _stopping, _surroundings
from millstream._engine.contexts import TaskRunContext
from millstream._engine.origins import described, mark
from millstream._pool import blocked
from millstream.exceptions import RunTimeoutError
from millstream.logging import get_run_logger
from millstream.v1._context import context
from millstream.v1._translation import engine_state
from millstream.v1.engine.signals import ENDRUN, LOOP, Signal
from millstream.v1.engine.state import (
    Failed,
    Pending,
    Retrying,
    Running,
    Skipped,
    State,
    Success,
    TimedOut,
    TriggerFailed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import millstream.states
    from millstream._engine.task_runs import TaskRun
    from millstream.v1._task import Task


class Call:
    """What a run of a task is given, and what it remembers over its attempts.

    Attributes:
        inputs: Its arguments.
        facts: What it finds in the context.
        name: What to call it in the log.
        runs: How often it has been run.
        loops: How many passes of a loop there were.
        result: That of the last pass.
        is_over: Whether there is no further attempt, whatever the state.
    """

    __slots__ = ("facts", "inputs", "is_over", "loops", "name", "result", "runs")

    def __init__(self, name: str, inputs: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        self.name = name
        self.inputs = inputs
        self.facts = facts
        self.runs = self.loops = 0
        self.result: Any = None
        self.is_over = False


def carry_out(task: Task, call: Call) -> millstream.states.State[Any]:
    """Make one attempt.

    Raises:
        Exception: What the task raised, so that the engine treats and shows it as any other.
    """
    run = _run()
    with context(**call.facts, logger=get_run_logger(), task_run_id=run.id, task_run_name=run.name):
        state, is_own = _attempt(task, call, run)
    if isinstance(state, Skipped):
        run.keep_nothing()
    if is_own and type(state) in (Failed, TimedOut) and isinstance(state.result, Exception):
        raise state.result
    return engine_state(state)


def conclude(task: Task, call: Call, state: State) -> millstream.states.State[Any]:
    """End in a state that was decided on before."""
    with context(**call.facts, logger=get_run_logger()):
        _log_start(call)
        state = handled(task, Pending(), state)
        _log_end(call, state)
    if isinstance(state.result, Signal):
        mark(state.result, _run())  # where it was raised tells nobody anything
    return engine_state(state)


def is_worth_retrying(task: Task, call: Call, error: object) -> bool:
    """Whether a failure is one that a further attempt may not have."""
    return not call.is_over and (task.retry_on is None or isinstance(error, task.retry_on))


def _attempt(task: Task, call: Call, run: TaskRun) -> tuple[State, bool]:
    """The state in which the attempt ends, and whether it is that of the task itself, and of no handler."""
    before: State = Pending() if not call.runs else Retrying(run_count=call.runs)
    while True:
        call.runs += 1
        _log_start(call)
        with context(task_run_count=call.runs):
            state = outcome = handled(task, before, Running("Starting task run."), call)
            if not state.is_finished():
                outcome = _outcome(task, call)
                state = handled(task, state, outcome, call)
        if isinstance(state, Retrying):
            _log_end(call, state)
            _wait_until(state.start_time, call.name)
            before = state
            continue
        if (
            state.is_failed()
            and run.run_count <= task.max_retries
            and is_worth_retrying(task, call, state.result)
        ):
            waiting = handled(task, state, _retrying(task, call))
            call.is_over = waiting.is_finished()
            if call.is_over:
                state = waiting
            _log_end(call, waiting)
        else:
            _log_end(call, state)
        return state, state is outcome


def _outcome(task: Task, call: Call) -> State:
    try:
        return Success("Task run succeeded.", _result(task, call))
    except ENDRUN as end:
        call.is_over = True
        return end.state
    except Signal as signal:
        call.is_over = isinstance(signal.state, TriggerFailed)
        return signal.state
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises
        if isinstance(error, RunTimeoutError) and task.timeout is not None:
            return TimedOut(str(error), error)
        return Failed(f"Task {call.name!r} raised {described(error)}", error)


def _result(task: Task, call: Call) -> Any:
    run: Callable[..., Any] = task.run
    if task.timeout is not None:
        from millstream._engine.timeouts import limited  # noqa: PLC0415 - for those that have a limit

        run = limited(run, task.timeout, "task")
    while True:
        loop = {"task_loop_count": call.loops + 1, "task_loop_result": call.result} if call.loops else {}
        try:
            with context(**loop):
                return run(**call.inputs)
        except LOOP as signal:
            call.loops += 1
            call.result = signal.state.result


def handled(owner: Any, old: State, new: State, call: Call | None = None) -> State:
    """The new state, or what the handlers put in its place; a signal ends them, and ENDRUN the call, too."""
    for handler in owner.state_handlers:
        try:
            given = handler(owner, old, new)
        except (Signal, ENDRUN) as signal:
            if call is not None and isinstance(signal, ENDRUN):
                call.is_over = True
            return signal.state
        if given is not None:
            if not isinstance(given, State):
                raise TypeError(
                    f"A state handler of {owner.name!r} gives a state or None, and gave {given!r}."
                )
            new = given
    return new


def _retrying(task: Task, call: Call) -> Retrying:
    delay = task.retry_delay or timedelta()
    message = f"Attempt {call.runs} of {task.max_retries + 1} failed."
    due = datetime.fromtimestamp(_surroundings.current.time(), UTC) + delay
    return Retrying(message, start_time=due, run_count=call.runs)


def _wait_until(moment: datetime, name: str) -> None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = aware.timestamp() - _surroundings.current.time()
    if seconds > 0:
        with blocked():
            _surroundings.current.sleep(seconds)
    if _stopping.stopped:
        raise _stopping.interruption(f"The next attempt of task {name!r}")


def _run() -> TaskRun:
    found = TaskRunContext.get()
    assert found is not None  # noqa: S101 - the engine calls this
    return found.task_run


def _log_start(call: Call) -> None:
    get_run_logger().info("Task %r: starting", call.name)


def _log_end(call: Call, state: State) -> None:
    get_run_logger().info("Task %r: ended in state %r", call.name, type(state).__name__)
