"""What the user's code sees of the run that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from millstream._engine.current import current
from millstream._engine.task_runs import TaskRun

if TYPE_CHECKING:
    from datetime import datetime

    from millstream._engine.flow_runs import FlowRun
    from millstream.flows import Flow
    from millstream.tasks import Task


class FlowRunContext:
    """Inside of a flow run, its tasks included.

    Attributes:
        flow_run: The run: `id`, `name`, `parameters`, `tags`, `run_count`, `start_time`, `state`.
        flow: The flow.
    """

    __slots__ = ("flow", "flow_run")

    def __init__(self, flow_run: FlowRun) -> None:
        self.flow_run = flow_run
        self.flow: Flow[..., Any] = flow_run.flow

    @classmethod
    def get(cls) -> Self | None:
        """The context of the innermost flow run; None outside of flows."""
        run = current.get()
        return None if run is None or run.flow_run is None else cls(run.flow_run)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the flow was called with, by parameter."""
        return self.flow_run.parameters

    @property
    def start_time(self) -> datetime:
        """When the first attempt began."""
        return self.flow_run.start_time


class TaskRunContext:
    """Inside of a task run.

    Attributes:
        task_run: The run: `id`, `name`, `parameters`, `tags`, `run_count`, `start_time`, `state`.
        task: The task.
    """

    __slots__ = ("task", "task_run")

    def __init__(self, task_run: TaskRun) -> None:
        self.task_run = task_run
        self.task: Task[..., Any] = task_run.task

    @classmethod
    def get(cls) -> Self | None:
        """The context of the innermost run if that is a task's; else None."""
        run = current.get()
        return cls(run) if isinstance(run, TaskRun) else None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the task was called with, by parameter."""
        return self.task_run.parameters

    @property
    def start_time(self) -> datetime:
        """When the first attempt began."""
        return self.task_run.start_time
