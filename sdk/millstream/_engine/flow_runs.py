"""Runs of flows."""

from __future__ import annotations

import logging
import threading
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from millstream._engine import origins
from millstream._engine.runs import Run
from millstream._names import random_name
from millstream.exceptions import ParameterBindError, ParameterTypeError
from millstream.states import Failed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from millstream.flows import Flow


class TaskCounts:
    """How many task runs ended in which state."""

    __slots__ = ("_by_state", "_lock")

    def __init__(self) -> None:
        self._by_state: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, state_name: str) -> None:
        """Count one more."""
        by_state = self._by_state
        with self._lock:
            by_state[state_name] = by_state.get(state_name, 0) + 1

    def copy(self) -> dict[str, int]:
        """The counts by the state's name, without the lock: a signal handler may ask while its own thread counts."""
        return self._by_state.copy()


class FlowRunInfo:
    """What is known about a flow run before it begins, and what it has done so far.

    Attributes:
        run_id: Its id; made up unless given.
        name: Its name; from the flow's `flow_run_name`, or made up, unless given.
        tags: Its tags.
        scheduled_start_time: When it was due, if it was scheduled.
    """

    __slots__ = ("counts", "name", "run_id", "scheduled_start_time", "tags")

    def __init__(
        self,
        *,
        run_id: str | None = None,
        name: str | None = None,
        tags: Iterable[str] = (),
        scheduled_start_time: datetime | None = None,
    ) -> None:
        self.run_id = run_id
        self.name = name
        self.tags = frozenset(tags)
        self.scheduled_start_time = scheduled_start_time
        self.counts = TaskCounts()

    def task_counts(self) -> dict[str, int]:
        """Finished task runs by the name of their final state, subflows' included.

        May be asked from any thread, and from a signal handler.
        """
        return self.counts.copy()


class FlowRun(Run):
    """One run of a flow."""

    __slots__ = ("_accepted", "_numbers", "counts", "flow", "parameters", "scheduled_start_time", "tags")
    kind: ClassVar[str] = "Flow"
    logger: ClassVar[logging.Logger] = logging.getLogger("millstream.flow_runs")
    success_level: ClassVar[int] = logging.INFO

    counts: TaskCounts
    parameters: dict[str, Any]
    tags: frozenset[str]
    scheduled_start_time: datetime | None

    def __init__(
        self,
        flow: Flow[..., Any],
        parameters: dict[str, Any],
        info: FlowRunInfo | None = None,
        *,
        return_state: bool,
    ) -> None:
        info = info or FlowRunInfo()
        self.flow = flow
        self.fn = flow.fn
        self.retry_policy = flow._retry_policy  # noqa: SLF001 - the engine's own
        self.parameters = parameters
        self.return_state = return_state
        self.run_count = 0
        self.counts = info.counts
        self.tags = info.tags
        self.scheduled_start_time = info.scheduled_start_time
        self._id = info.run_id
        self._name = info.name
        self._state = None
        self._accepted = False
        self._numbers: dict[str, count[int]] = {}

    def enter(self) -> None:
        """Make this the current run; as a subflow, count with the flow around it."""
        super().enter()
        if self.parent is not None and self.parent.flow_run is not None:
            self.counts = self.parent.flow_run.counts
        self.inherit_log_prints(self.flow.log_prints)

    def attempt(self) -> None:
        """Begin an attempt, the first one by looking at the parameters.

        Raises:
            ParameterTypeError: They are not what the type hints allow.
        """
        super().attempt()
        if not self._accepted:
            self._accept()

    def failed(self, error: BaseException) -> float | None:
        """Take note that the attempt raised; there is no retry for a call that was wrong."""
        if self._accepted or not isinstance(error, Exception):
            return super().failed(error)
        if isinstance(error, ParameterTypeError):
            self.refuse(error)
        else:
            message = f"{self.title} did not start: {origins.described(error)}"
            self.finish(Failed(message=message, data=error))
        return None

    def refuse(self, error: ParameterBindError | ParameterTypeError) -> None:
        """End the run before it begins: its parameters are wrong."""
        error.__traceback__ = None  # where this package found out tells nobody anything,
        origins.mark(error, self)  # nor does it in the log
        self.finish(Failed(message=str(error), data=error))

    def next_number(self, task_name: str) -> int:
        """How many runs of the task this flow run had before; safe in threads."""
        numbers = self._numbers.get(task_name)
        if numbers is None:
            numbers = self._numbers.setdefault(task_name, count())
        return next(numbers)

    @property
    def flow_run(self) -> FlowRun:
        """This one. No attribute, which would be a circle."""
        return self

    @property
    def name(self) -> str:
        """The name that the run was given or that was made up for it."""
        if self._name is None:
            self._name = random_name()
        return self._name

    @property
    def title(self) -> str:
        """The flow in messages."""
        return f"Flow {self.flow.name!r}"

    @property
    def log_fields(self) -> dict[str, Any]:
        """What log records say about the run."""
        return {"flow_run_id": self.id, "flow_run_name": self.name, "flow_name": self.flow.name}

    def _accept(self) -> None:
        flow = self.flow
        if flow.should_validate_parameters:
            self.parameters = flow._parameters.validate(self.parameters)  # noqa: SLF001 - the engine's own
        self.args, self.kwargs = flow._parameters.arguments(self.parameters)  # noqa: SLF001
        if self._name is None and flow.flow_run_name is not None:
            self._name = flow.make_run_name(self.parameters)
        self._accepted = True
        self.log(logging.INFO, "Started flow %r", flow.name)
