"""Runs of tasks. Everything here is on the path of every task call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from millstream._engine.runs import Run
from millstream._names import random_suffix
from millstream.exceptions import ParameterBindError
from millstream.states import Failed, StateType

if TYPE_CHECKING:
    from millstream._engine.flow_runs import FlowRun
    from millstream.states import State
    from millstream.tasks import Task

_logger = logging.getLogger("millstream.task_runs")


class TaskRun(Run):
    """One run of a task."""

    __slots__ = ("_number", "flow_run", "task")
    flow_run: FlowRun | None  # an attribute for speed
    kind: ClassVar[str] = "Task"
    logger: ClassVar[logging.Logger] = _logger
    success_level: ClassVar[int] = logging.DEBUG  # there may be very many, and a line costs more than a task

    def __init__(
        self,
        task: Task[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        return_state: bool,  # noqa: FBT001 - positional for speed
    ) -> None:
        self.task = task
        self.fn = task.fn
        self.retry_policy = task._retry_policy  # noqa: SLF001 - the engine's own
        self.args = args
        self.kwargs = kwargs
        self.return_state = return_state
        self.run_count = 0
        self._id = self._name = self._state = None

    def enter(self) -> None:
        """Make this the current run, the next one of its task in the flow run."""
        super().enter()
        parent = self.parent
        flow_run = self.flow_run = None if parent is None else parent.flow_run
        self._number = -1 if flow_run is None else flow_run.next_number(self.task.name)
        self.inherit_log_prints(self.task.log_prints)

    @property
    def name(self) -> str:
        """The task's name and how many runs of it the flow run had before, as `load-0`."""
        if self._name is None:
            self._name = f"{self.task.name}-{random_suffix() if self._number < 0 else self._number}"
        return self._name

    @property
    def title(self) -> str:
        """The task in messages."""
        return f"Task {self.task.name!r}"

    @property
    def tags(self) -> frozenset[str]:
        """The task's tags."""
        return self.task.tags

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments by parameter."""
        return self.task._parameters.bind(self.args, self.kwargs)  # noqa: SLF001 - the engine's own

    @property
    def log_fields(self) -> dict[str, Any]:
        """What log records say about the run."""
        fields = {"task_run_id": self.id, "task_run_name": self.name, "task_name": self.task.name}
        if self.flow_run is not None:
            fields |= self.flow_run.log_fields
        return fields

    def failed(self, error: BaseException) -> float | None:
        """Take note that the attempt raised; there is no retry for a call that was wrong."""
        mistake = self._mistake(error)
        if mistake is None:
            return super().failed(error)
        self.finish(Failed(message=mistake, data=error))
        return None

    def finish(self, state: State[Any]) -> None:
        """Enter a final state and count it."""
        self._state = state
        if self.flow_run is not None and self.run_count:
            self.flow_run.counts.add(state.name)
        if state.type is not StateType.COMPLETED or _logger.isEnabledFor(logging.DEBUG):
            self.report(state)

    def _mistake(self, error: BaseException) -> str | None:
        """What is wrong with the call, if that is why Python refused it; the user's code has no frame then."""
        if (
            type(error) is not TypeError
            or error.__traceback__ is None
            or error.__traceback__.tb_next is not None
        ):
            return None
        try:
            self.task._parameters.bind(self.args, self.kwargs)  # noqa: SLF001 - the engine's own
        except ParameterBindError as mistake:
            return str(mistake)
        return None
