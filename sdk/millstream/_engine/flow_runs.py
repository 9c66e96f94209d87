"""Runs of flows."""

from __future__ import annotations

import logging
import threading
from itertools import count
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar

from millstream import _surroundings
from millstream._engine import inputs, origins, recording, termination
from millstream._engine.current import current_tags
from millstream._engine.runs import Run
from millstream._names import random_name
from millstream._run_ids import new_serial
from millstream.exceptions import ParameterBindError, ParameterTypeError, RunTimeoutError, UpstreamTaskError
from millstream.settings import get_current_settings
from millstream.states import Failed, Pending, State, StateType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from millstream._engine.submissions import Submissions
    from millstream.flows import Flow


class TaskCounts:
    """How many task runs ended in which state."""

    __slots__ = ("_by_state", "_lock")

    def __init__(self) -> None:
        self._by_state: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, state_name: str, number: int = 1) -> None:
        """Count some more."""
        by_state = self._by_state
        with self._lock:
            by_state[state_name] = by_state.get(state_name, 0) + number

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
        deployment: Name of the deployment that it is of.
        result_storage: The address of the storage that has its result by its id, once that is kept.
    """

    __slots__ = (
        "counts",
        "deployment",
        "name",
        "result_storage",
        "run_id",
        "scheduled_start_time",
        "tags",
    )

    def __init__(
        self,
        *,
        run_id: str | None = None,
        name: str | None = None,
        tags: Iterable[str] = (),
        scheduled_start_time: datetime | None = None,
        deployment: str | None = None,
    ) -> None:
        self.run_id = run_id
        self.name = name
        self.tags = frozenset(tags)
        self.scheduled_start_time = scheduled_start_time
        self.deployment = deployment
        self.result_storage: str | None = None
        self.counts = TaskCounts()

    def task_counts(self) -> dict[str, int]:
        """Finished task runs by the name of their final state, subflows' included.

        May be asked from any thread, and from a signal handler.
        """
        return self.counts.copy()


class FlowRun(Run):
    """One run of a flow."""

    __slots__ = (
        "_accepted",
        "_catches_sigterm",
        "_end_is_told",
        "_info",
        "_lock",
        "_numbers",
        "_recorded_parameters",
        "_submissions",
        "_tags",
        "_wait_for",
        "blocks",
        "counts",
        "deployment",
        "flow",
        "parameters",
        "persists",
        "scheduled_start_time",
        "serializer",
        "storage",
    )
    kind: ClassVar[str] = "Flow"
    logger: ClassVar[logging.Logger] = logging.getLogger("millstream.flow_runs")
    success_level: ClassVar[int] = logging.INFO

    counts: TaskCounts
    parameters: dict[str, Any]
    persists: bool
    storage: Any
    serializer: Any
    deployment: str | None
    scheduled_start_time: datetime | None

    def __init__(
        self,
        flow: Flow[..., Any],
        parameters: dict[str, Any],
        info: FlowRunInfo | None = None,
        *,
        return_state: bool,
        wait_for: Iterable[Any] | None = None,
    ) -> None:
        self._info = info = info or FlowRunInfo()
        self.flow = flow
        self.fn = flow._call  # noqa: SLF001 - the engine's own
        self.retry_policy = flow._retry_policy  # noqa: SLF001
        self.parameters = parameters
        self.return_state = return_state
        self.run_count = 0
        self.counts = info.counts
        self._tags = info.tags
        self.scheduled_start_time = info.scheduled_start_time
        self.deployment = info.deployment
        self.serial = new_serial()
        self._id = info.run_id
        self._name = info.name
        self._state = None
        self._started = _surroundings.current.time()
        self.past = self.recorder = self.parent = None
        self._recorded_parameters: str | None = None
        self._end_is_told = False
        self._accepted = False
        self._catches_sigterm = False
        self._wait_for = None if wait_for is None else inputs.listed(wait_for)
        self._numbers: dict[str, count[int]] = {}
        self._lock = threading.Lock()
        self._submissions: Submissions | None = None
        self.blocks = flow.hooks is not None

    def enter(self) -> None:
        """Make this the current run; as a subflow, count with the flow around it."""
        super().enter()
        self._catches_sigterm = self.parent is None and termination.catch(is_async=self.flow._awaits)  # noqa: SLF001
        flow = self.flow
        outer = None if self.parent is None else self.parent.flow_run
        if outer is not None:
            self.counts = outer.counts
        self.recorder = recording.recorder() if outer is None else outer.recorder
        self._tags |= current_tags.get()
        self.inherit_log_prints(flow.log_prints)
        self.storage = flow.result_storage or (outer and outer.storage)
        self.serializer = flow.result_serializer or (outer and outer.serializer)
        persists = flow.persist_result
        if persists is None:
            persists = (
                outer.persists if outer is not None else get_current_settings().results_persist_by_default
            )
        self.persists = persists
        if (
            self._wait_for is not None
            or flow.persist_result
            or not inputs.are_plain(self.parameters.values())
        ):
            self.blocks = True

    def leave(self) -> None:
        """Make the surrounding run the current one again."""
        super().leave()
        if self._catches_sigterm:
            self._catches_sigterm = False
            termination.release()

    def resume(self) -> None:
        """Make this the current run once more."""
        super().resume()
        self._catches_sigterm = self.parent is None and termination.catch(is_async=self.flow._awaits)  # noqa: SLF001

    def attempt(self) -> bool:
        """Begin an attempt, the first one by looking at the parameters.

        Raises:
            ParameterTypeError: They are not what the type hints allow.
        """
        if not self._accepted:
            try:
                self._resolve()
            except UpstreamTaskError as error:
                self.finish(Pending(name="NotReady", message=str(error)))
                return True
            self._accept()
            begins = super().attempt()
            self._tell_history()
            return begins
        return super().attempt()

    def _resolve(self) -> None:
        if self._wait_for is not None:
            inputs.must_have_completed(self._wait_for)
        if not inputs.are_plain(self.parameters.values()):
            self.parameters = {
                name: inputs.resolved(value, inputs.result_of) for name, value in self.parameters.items()
            }

    async def attempt_async(self) -> bool:
        """Begin an attempt; other runs, which may need this event loop, are waited for in it."""
        if not self._accepted:
            await inputs.wait_for_all((*self.parameters.values(), *(self._wait_for or ())))
        return await super().attempt_async()

    def failed(self, error: BaseException) -> float | None:
        """Take note that the attempt raised; there is no retry for a call that was wrong."""
        self._abandon(error)
        if self._accepted or not isinstance(error, Exception):
            return super().failed(error)
        if isinstance(error, ParameterTypeError):
            self.refuse(error)
        else:
            message = f"{self.title} did not start: {origins.described(error)}"
            self.finish(Failed(message=message, data=error))
        return None

    def settle(self) -> None:
        """Wait until all that was submitted has ended."""
        if self._submissions is not None:
            self._submissions.wait()
            self._close()

    async def settle_async(self) -> None:
        """Do so without holding up the event loop."""
        if self._submissions is not None:
            await self._submissions.wait_async()
            self._close()

    def returned(self, value: Any) -> float | None:
        """Take note of what the attempt returned, when all that it has submitted has ended."""
        self.settle()
        if not isinstance(value, State) and type(value) is not CoroutineType:
            value = inputs.resolved_futures(value)
        return super().returned(value)

    def finish(self, state: State[Any]) -> None:
        """Enter the last state; keep the result if the flow says so."""
        if self.flow.persist_result and state.type is StateType.COMPLETED:
            from millstream._engine.keeping import keep_result_of_flow  # noqa: PLC0415 - few do

            self._info.result_storage = keep_result_of_flow(self, state.data)
        self._state = state
        self._tell_history()  # before the hooks, which may take long, and may ask it
        self._end_is_told = True
        super().finish(state)

    def end(self) -> None:
        """Let go of the run; the history must not miss its end, whatever has interrupted that."""
        if self._recorded_parameters is not None and not self._end_is_told:
            self._state = recording.end_of(self)
            self._tell_history()
        self.leave()

    def submissions(self) -> Submissions:
        """What the run submits goes through here; its task runner begins with the first."""
        with self._lock:
            if self._state is not None and self._state.is_final():
                raise RuntimeError(f"{self.title} has ended: nothing can be submitted to it any more.")
            if self._submissions is None:
                from millstream._engine.submissions import open_submissions  # noqa: PLC0415 - many flows submit nothing

                self._submissions = open_submissions(self.flow.open_task_runner())
                self.blocks = True
            return self._submissions

    def _abandon(self, error: BaseException) -> None:
        """Let nothing begin any more; what runs goes on to its end, unless the flow was interrupted."""
        if self._submissions is None:
            return
        self._submissions.cancel()
        out_of_time = isinstance(error, RunTimeoutError) and origins.origin_of(error) is None
        interrupted = True
        try:
            if isinstance(error, Exception) and not out_of_time:
                self._submissions.wait()
                interrupted = False
        finally:
            if interrupted:
                self._submissions.interrupt()
            self._close()

    def _close(self) -> None:
        with self._lock:
            submissions, self._submissions = self._submissions, None
        if submissions is not None:
            submissions.close()

    def refuse(self, error: ParameterBindError | ParameterTypeError) -> None:
        """End the run before it begins: its parameters are wrong."""
        error.__traceback__ = None  # where this package found out tells nobody anything,
        origins.mark(error, self)  # nor does it in the log
        self.recorder = self.recorder or recording.recorder()
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
    def definition(self) -> Flow[..., Any]:
        """The flow."""
        return self.flow

    @property
    def tags(self) -> frozenset[str]:
        """The tags that the run was given, and those that were in force around the call."""
        return self._tags

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
        if flow.persist_result:
            from millstream.results import chosen_store  # noqa: PLC0415 - few keep what they return

            chosen_store(
                self.storage, self.serializer
            )  # a setting that names nothing is told before anything runs
        self._accepted = True
        self.log(logging.INFO, "Started flow %r", flow.name)

    def _tell_history(self) -> None:
        if self.recorder is not None:
            if self._recorded_parameters is None:  # as they were before the function could change them
                from millstream._history.snapshots import snapshot  # noqa: PLC0415 - slow to import

                self._recorded_parameters = snapshot(self.parameters)
            self.recorder.add(recording.flow_run_row(self, self.state, self._recorded_parameters))
