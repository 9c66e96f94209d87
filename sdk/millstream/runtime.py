"""Facts about the current run, in a form that may be asked outside of runs as well.

Usage:
    ```python
    from millstream.runtime import flow_run

    print(flow_run.name)  # None outside of a flow
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.context import FlowRunContext, TaskRunContext

if TYPE_CHECKING:
    from datetime import datetime

    from millstream._engine.flow_runs import FlowRun
    from millstream._engine.task_runs import TaskRun

__all__ = ["flow_run", "task_run"]


class FlowRunFacts:
    """The innermost flow run; None, 0 or empty outside of flows."""

    __slots__ = ()

    @property
    def id(self) -> str | None:
        """Its id."""
        return run.id if (run := _flow_run()) else None

    @property
    def name(self) -> str | None:
        """Its name."""
        return run.name if (run := _flow_run()) else None

    @property
    def flow_name(self) -> str | None:
        """The flow's name."""
        return run.flow.name if (run := _flow_run()) else None

    @property
    def flow_version(self) -> str | None:
        """The flow's version."""
        return run.flow.version if (run := _flow_run()) else None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the flow was called with, by parameter."""
        return run.parameters if (run := _flow_run()) else {}

    @property
    def tags(self) -> list[str]:
        """The run's tags."""
        return sorted(run.tags) if (run := _flow_run()) else []

    @property
    def run_count(self) -> int:
        """Which attempt this is."""
        return run.run_count if (run := _flow_run()) else 0

    @property
    def scheduled_start_time(self) -> datetime | None:
        """When the run was due; when it began, if it was not scheduled."""
        return (run.scheduled_start_time or run.start_time) if (run := _flow_run()) else None

    @property
    def parent_flow_run_id(self) -> str | None:
        """The id of the flow run that called this one."""
        run = _flow_run()
        parent = run.parent.flow_run if run and run.parent else None
        return parent.id if parent else None


class TaskRunFacts:
    """The task run that the code belongs to; None, 0 or empty outside of tasks."""

    __slots__ = ()

    @property
    def id(self) -> str | None:
        """Its id."""
        return run.id if (run := _task_run()) else None

    @property
    def name(self) -> str | None:
        """Its name."""
        return run.name if (run := _task_run()) else None

    @property
    def task_name(self) -> str | None:
        """The task's name."""
        return run.task.name if (run := _task_run()) else None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the task was called with, by parameter."""
        return run.parameters if (run := _task_run()) else {}

    @property
    def tags(self) -> list[str]:
        """The task's tags."""
        return sorted(run.tags) if (run := _task_run()) else []

    @property
    def run_count(self) -> int:
        """Which attempt this is."""
        return run.run_count if (run := _task_run()) else 0


def _flow_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return None if context is None else context.flow_run


def _task_run() -> TaskRun | None:
    context = TaskRunContext.get()
    return None if context is None else context.task_run


flow_run = FlowRunFacts()
task_run = TaskRunFacts()
