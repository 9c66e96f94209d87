"""How a task gets to the task runner of the flow that it is called in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._engine.current import current
from millstream._engine.task_runs import TaskRun
from millstream.exceptions import MissingContextError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millstream.futures import Future
    from millstream.tasks import Task


def submit(
    task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Iterable[Any] | None
) -> Future[Any]:
    """Have a task run by the task runner of the current flow run.

    Raises:
        MissingContextError: There is no flow run here.
        ParameterBindError: The task cannot be called like this.
    """
    task._parameters.check_call(args, kwargs)  # noqa: SLF001 - first: its error may hold no run, which may hold it
    parent = current.get()
    flow_run = None if parent is None else parent.flow_run
    if flow_run is None:
        raise MissingContextError(
            f"Task {task.name!r} cannot be submitted here: submit() and map() work inside of flows. "
            "Call the task itself, or put this into a flow."
        )
    run = run_of(task, args, kwargs, wait_for)
    run.submitted(flow_run, parent)
    return flow_run.submissions().submit(run)


def run_of(
    task: Task[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: Iterable[Any] | None = None,
) -> TaskRun:
    """A run that gives its final state, and all items at once where the task is a generator."""
    run = TaskRun(task, args, kwargs, True, wait_for)  # noqa: FBT003 - positional for speed
    if task._isgenerator:  # noqa: SLF001 - the engine's own
        from millstream._engine.generators import with_all_items  # noqa: PLC0415 - few are

        with_all_items(run)
    return run
