"""Runs of tasks. Everything here is on the path of every task call."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from millstream._beside import beside_once_free
from millstream._engine import inputs, origins, recording
from millstream._engine.current import current_tags
from millstream._engine.runs import Run
from millstream._names import random_suffix
from millstream._run_ids import new_serial
from millstream.exceptions import ParameterBindError, UpstreamTaskError
from millstream.states import Completed, Failed, Pending, StateType
from millstream.transactions import current_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millstream._engine.flow_runs import FlowRun
    from millstream._engine.keeping import TaskTransaction
    from millstream.states import State
    from millstream.tasks import Task

_logger = logging.getLogger("millstream.task_runs")
_giving = threading.Lock()
"""Held where a run gets a transaction on account of another one, as several may ask for it in their threads."""


class TaskRun(Run):
    """One run of a task."""

    __slots__ = ("_number", "_tags", "_transaction", "blocks", "flow_run", "task", "wait_for")
    flow_run: FlowRun | None  # an attribute for speed
    blocks: bool
    wait_for: Iterable[Any] | None
    _number: int | None
    _transaction: TaskTransaction | None
    kind: ClassVar[str] = "Task"
    logger: ClassVar[logging.Logger] = _logger
    success_level: ClassVar[int] = logging.DEBUG  # there may be very many, and a line costs more than a task

    def __init__(
        self,
        task: Task[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        return_state: bool,  # noqa: FBT001 - positional for speed
        wait_for: Iterable[Any] | None = None,
    ) -> None:
        self.task = task
        self.fn = task._call  # noqa: SLF001 - the engine's own
        self.retry_policy = task._retry_policy  # noqa: SLF001
        self.args = args
        self.kwargs = kwargs
        self.return_state = return_state
        self.wait_for = None if wait_for is None else inputs.listed(wait_for)
        self.run_count = 0
        self.serial = new_serial()
        self._id = self._name = self._state = self.past = self.recorder = self.parent = None
        self._number = None
        self._transaction = None

    def enter(self) -> None:
        """Make this the current run, the next one of its task in the flow run."""
        super().enter()
        parent, task = self.parent, self.task
        flow_run = self.flow_run = None if parent is None else parent.flow_run
        if self._id is None:  # else it was sent here, and is told of where it came from
            self.recorder = recording.recorder() if flow_run is None else flow_run.recorder
        if self._number is None:
            self._number = -1 if flow_run is None else flow_run.next_number(task.name)
        self._tags = current_tags.get()
        self.inherit_log_prints(task.log_prints)
        outer = current_transaction.get()
        keeps = task.persist_result or (
            flow_run is not None and flow_run.persists and task.persist_result is None
        )
        if keeps or outer is not None or task.transaction_hooks is not None:
            self._begin_transaction(keeps=keeps)
        self.blocks = (
            self._transaction is not None
            or task.hooks is not None
            or self.wait_for is not None
            or not self._has_plain_arguments()
        )

    def leave(self) -> None:
        """Make the surrounding run, and the surrounding transaction, the current one again."""
        super().leave()
        if self._transaction is not None:
            self._transaction.leave()

    def end(self) -> None:
        """Let go of the run; the history must not miss its end, whatever has interrupted that."""
        self.leave()
        if self.recorder is not None:
            self.recorder.task_run_left(self.serial, self)

    def resume(self) -> None:
        """Make this the current run once more."""
        super().resume()
        if self._transaction is not None:
            self._transaction.resume()

    def gathered(self) -> list[Any] | None:
        """Where the items of a generator go that are to be kept; None if they are not."""
        return None if self._transaction is None else self._transaction.gather()

    def keep_nothing(self) -> None:
        """Do not keep what was gathered: it is not all."""
        if self._transaction is not None:
            self._transaction.key = None

    def submitted(self, flow_run: FlowRun, parent: Run | None) -> None:
        """Give the run its place in a flow run before it begins."""
        self.flow_run, self.parent, self.recorder = flow_run, parent, flow_run.recorder
        self._number = flow_run.next_number(self.task.name)
        self._tags = current_tags.get()

    def identify(self, flow_run: FlowRun, run_id: str, name: str) -> None:
        """Be the run of this id, which was submitted in another process."""
        self.flow_run, self._number, self._id, self._name = flow_run, -1, run_id, name

    def attempt(self) -> bool:
        """Begin an attempt, the first one by looking at the arguments and at what is kept of earlier runs."""
        if not self.run_count:
            if self.blocks and self._prepare():
                return True
            self._choose_name()
            if self.recorder is not None:
                self.recorder.task_run_began(self.serial, self)
        return super().attempt()

    def _choose_name(self) -> None:
        """Have the name that `task_run_name` gives, now that all arguments are there."""
        if self.task.task_run_name is not None and self._name is None:
            self._name = self.task.make_run_name(self)

    async def attempt_async(self) -> bool:
        """Begin an attempt; other runs, which may need this event loop, are waited for in it."""
        await inputs.wait_for_all((*self.arguments(), *(self.wait_for or ())))
        if self._transaction is None and self.task.hooks is None:
            return self.attempt()
        return await beside_once_free(self.attempt)

    def _has_plain_arguments(self) -> bool:
        kwargs = self.kwargs
        return inputs.are_plain(self.args) and (not kwargs or inputs.are_plain(kwargs.values()))

    def arguments(self) -> tuple[Any, ...]:
        """All arguments, by position and by name."""
        return (*self.args, *self.kwargs.values())

    def resolve(self) -> bool:
        """Put the results of other runs into the arguments, and these into the name.

        Returns:
            Whether the run can begin. If not, that is its state now.
        """
        try:
            if self.wait_for is not None:
                inputs.must_have_completed(self.wait_for)
            if not self._has_plain_arguments():
                self.args = tuple(inputs.resolved(value, inputs.result_of) for value in self.args)
                self.kwargs = {k: inputs.resolved(v, inputs.result_of) for k, v in self.kwargs.items()}
        except UpstreamTaskError as error:
            self.finish(Pending(name="NotReady", message=str(error)))
            return False
        self._choose_name()  # which may be part of the key
        return True

    def _prepare(self) -> bool:
        if not self.resolve():
            return True
        transaction = self._transaction
        if transaction is None:
            return False
        transaction.begin(0 if self.task.isasync else None)
        if not transaction.is_committed() or (record := transaction.read()) is None:
            return False
        message = f"The result of an earlier run, kept as {transaction.key}."
        self.finish(Completed(name="Cached", message=message, data=record.value))
        return True

    def _begin_transaction(self, *, keeps: bool) -> None:
        from millstream._engine.keeping import TaskTransaction  # noqa: PLC0415 - only for those that keep something

        outer = current_transaction.get() or _transaction_around(self)
        self._transaction = TaskTransaction(self, outer, keeps=keeps)
        current_transaction.set(self._transaction)

    def transaction_for_others(self) -> TaskTransaction:
        """The run's transaction, which it gets only now if it has nothing to keep or to undo itself."""
        from millstream._engine.keeping import TaskTransaction  # noqa: PLC0415 - as above

        if self._transaction is None:
            transaction = TaskTransaction(self, _transaction_around(self), keeps=False)
            transaction.begin()
            with _giving:
                if self._transaction is None:
                    self._transaction, self.blocks = transaction, True
            if self._transaction is transaction and self.state.is_final():
                transaction.finish(self.state)  # the run ended meanwhile, perhaps without having seen it
        return self._transaction

    @property
    def definition(self) -> Task[..., Any]:
        """The task."""
        return self.task

    @property
    def name(self) -> str:
        """What `task_run_name` gives; else the task's name and how many runs of it the flow run had before."""
        if self._name is None:
            if self.task.task_run_name is not None and not self.run_count and not self.state.is_final():
                return self._numbered_name()  # what the name is made of may still be to come
            self._name = self._numbered_name()
        return self._name

    @property
    def flow_run_id(self) -> str | None:
        """The id of the flow run around it."""
        return None if self.flow_run is None else self.flow_run.id

    def _numbered_name(self) -> str:
        number = self._number
        return f"{self.task.name}-{random_suffix() if number is None or number < 0 else number}"

    @property
    def title(self) -> str:
        """The task in messages."""
        return f"Task {self.task.name!r}"

    @property
    def tags(self) -> frozenset[str]:
        """The task's tags, and those that were in force around the call."""
        return self.task.tags | self._tags

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
        if mistake is None and not self.run_count and isinstance(error, Exception):
            mistake = f"{self.title} did not start: {origins.described(error)}"
            self._name = self._name or self._numbered_name()  # in case that this is what went wrong
        if mistake is None:
            return super().failed(error)
        self.finish(Failed(message=mistake, data=error))
        return None

    def finish(self, state: State[Any]) -> None:
        """Enter the last state and count it."""
        self._state = state
        if self._transaction is not None:
            self._transaction.finish(state)
            state = self._state  # which is another one if it could not commit
        if self.flow_run is not None and (self.run_count or state.type is not StateType.CRASHED):
            self.flow_run.counts.add(state.name)
        if self.recorder is not None:
            recording.task_run_ended(self.recorder, self, state)
        if self.task.hooks is not None:
            super().finish(state)
        elif state.type is not StateType.COMPLETED or _logger.isEnabledFor(logging.DEBUG):
            self.report(state)

    def _retry_or_finish(self, state: State[Any]) -> float | None:
        delay = super()._retry_or_finish(state)
        if delay is None:
            return None
        if self.flow_run is not None:
            self.flow_run.counts.tried_again()
        if self._transaction is not None:
            self._transaction.begin_again()
        return delay

    def _tell_history(self) -> None:
        if self.recorder is not None:
            self.recorder.add(recording.task_run_row(self, self.state))

    def _mistake(self, error: BaseException) -> str | None:
        """What is wrong with the call, if that is why Python refused it; the user's code has no frame then."""
        if type(error) is not TypeError or origins.user_frame(error) is not None:
            return None
        try:
            self.task._parameters.bind(self.args, self.kwargs)  # noqa: SLF001 - the engine's own
        except ParameterBindError as mistake:
            return str(mistake)
        return None


def _transaction_around(run: Run) -> TaskTransaction | None:
    """That of the innermost task run around a run: if it fails, what was done inside of it is undone."""
    around = run.parent
    while around is not None:
        if isinstance(around, TaskRun) and not around.state.is_final():
            return around.transaction_for_others()
        around = around.parent
    return None
