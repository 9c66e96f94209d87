"""What the history is told of runs. What is here is on the path of every task call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream import _surroundings
from millstream._engine import termination
from millstream._history.recorder import Bounds, close_all, recorder_at
from millstream._history.rows import FlowRunRow, TaskRunRow
from millstream.settings import get_current_settings
from millstream.states import Crashed, StateType

if TYPE_CHECKING:
    from millstream._engine.flow_runs import FlowRun
    from millstream._engine.runs import Run
    from millstream._engine.task_runs import TaskRun
    from millstream._history.recorder import Recorder
    from millstream._history.rows import Transition
    from millstream.states import State


_MOST_TRANSITIONS = 60
_FIRST_TRANSITIONS = 10
"""Of a run that is tried again and again, its first states and its latest ones are remembered."""
_LEFT = "The run was interrupted while it ended."
termination.before_the_end.append(close_all)


def recorder() -> Recorder | None:
    """The one to tell, unless a setting says that there is no history."""
    settings = get_current_settings()
    return recorder_at(settings.home, _bounds, _row_of_live) if settings.history_enabled else None


def _bounds() -> Bounds:
    settings = get_current_settings()
    return Bounds(settings.history_max_days, settings.history_max_megabytes)


def remembered(run: Run, state: State[Any]) -> list[Transition]:
    """The states that a run was in, with another one that it enters before its end."""
    past = run.past or [("RUNNING", "Running", run._started, None)]  # noqa: SLF001 - the engine's own
    past.append((state.type.value, state.name, _surroundings.current.time(), state.message))
    if len(past) > _MOST_TRANSITIONS:
        del past[_FIRST_TRANSITIONS]
    return past


def task_run_row(run: TaskRun, state: State[Any], end_time: float | None = None) -> TaskRunRow:
    """The row of a task run."""
    number = run._number  # noqa: SLF001 - the engine's own
    return TaskRunRow(
        run.id,
        run._name or (run.name if number is None or number < 0 else number),  # noqa: SLF001
        run.task.name,
        run.flow_run_id,
        run.tags,
        state.type,
        state.name,
        state.message,
        run.past and run.past.copy(),
        run._started if run.run_count else None,  # noqa: SLF001
        end_time,
        run.run_count,
    )


def _row_of_live(run: TaskRun, *, is_left: bool) -> TaskRunRow:
    if is_left:
        return task_run_row(run, end_of(run), _surroundings.current.time())
    return task_run_row(run, run.state)


def end_of(run: Run) -> State[Any]:
    """The final state of a run that nobody works at any more."""
    return run.state if run.state.is_final() else Crashed(message=_LEFT)


def task_run_ended(recorder: Recorder, run: TaskRun, state: State[Any]) -> None:
    """Tell how a task run ended."""
    number, ended = run._number, _surroundings.current.time()  # noqa: SLF001
    if (
        state.type is StateType.COMPLETED
        and state.name == "Completed"
        and state.message is None
        and run.past is None
        and run._name is None  # noqa: SLF001
        and number is not None
        and number >= 0
        and run.run_count
    ):
        recorder.task_run_ended(
            run.serial,
            (run.serial, number, run._started, ended, run.task, run.flow_run, run._tags),  # noqa: SLF001
        )
    else:
        recorder.task_run_ended(run.serial, task_run_row(run, state, ended))


def flow_run_row(run: FlowRun, state: State[Any], parameters: str) -> FlowRunRow:
    """The row of a flow run in a state, with its parameters as the history keeps them."""
    parent, now = run.parent, _surroundings.current.time()
    began = run._started if run.run_count else None  # noqa: SLF001
    outer = None if parent is None else parent.flow_run
    due = run.scheduled_start_time
    return FlowRunRow(
        run.id,
        run.name,
        run.flow.name,
        run.flow.version,
        run.deployment,
        run.tags,
        parameters,
        None if outer is None else outer.id,
        None if parent is None or parent is outer else parent.id,
        state.type,
        state.name,
        state.message,
        run.past and run.past.copy(),
        due.timestamp() if due is not None else run._started,  # noqa: SLF001
        began,
        now if state.is_final() else None,
        run.run_count,
        run.counts.copy() if outer is None or outer.counts is not run.counts else {},
        run._started,  # noqa: SLF001
    )
