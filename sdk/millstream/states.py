"""States: where a run is, and how it ended.

A state has a type from a closed list and a name, which is usually the type's but may say more
(`AwaitingRetry`, or the `Skipped` of `Completed(name="Skipped")`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Never, TypeVar

from millstream import _surroundings
from millstream.exceptions import CancelledRun, CrashedRun, FailedRun, UnfinishedRun

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AwaitingConcurrencySlot",
    "AwaitingRetry",
    "Cancelled",
    "Cancelling",
    "Completed",
    "Crashed",
    "Failed",
    "Late",
    "Paused",
    "Pending",
    "Retrying",
    "Running",
    "Scheduled",
    "State",
    "StateType",
    "Suspended",
    "get_state_exception",
    "raise_state_exception",
]

R_co = TypeVar("R_co", covariant=True)


class StateType(StrEnum):
    """The kinds of state."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    CRASHED = "CRASHED"


FINAL_STATE_TYPES = frozenset(
    {StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED},
)

_DEFAULT_NAMES = {kind: kind.value.capitalize() for kind in StateType}
_EXCEPTIONS: dict[StateType, type[Exception]] = {
    StateType.FAILED: FailedRun,
    StateType.CRASHED: CrashedRun,
    StateType.CANCELLED: CancelledRun,
}


class State(Generic[R_co]):
    """The state of a run.

    Attributes:
        type: The kind of state.
        name: What to call it; the type's own name unless given.
        message: One sentence for people: what happened, and where.
        data: What the run returned, or the exception that ended it.
        scheduled_time: When the run is due, for scheduled states.
    """

    __slots__ = ("_timestamp", "data", "message", "name", "scheduled_time", "type")

    def __init__(
        self,
        type: StateType,  # noqa: A002 - Prefect's word
        name: str | None = None,
        message: str | None = None,
        data: Any = None,
        *,
        scheduled_time: datetime | None = None,
    ) -> None:
        self.type = type
        self.name = name or _DEFAULT_NAMES[type]
        self.message = message
        self.data = data
        self.scheduled_time = scheduled_time
        self._timestamp = _surroundings.current.time()

    @property
    def timestamp(self) -> datetime:
        """When the run entered this state."""
        return datetime.fromtimestamp(self._timestamp, UTC)

    def is_scheduled(self) -> bool:
        """Whether the run waits for its time, or for its next attempt."""
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        """Whether the run has not begun yet."""
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        """Whether the run's code is being executed."""
        return self.type is StateType.RUNNING

    def is_paused(self) -> bool:
        """Whether the run waits to be resumed."""
        return self.type is StateType.PAUSED

    def is_cancelling(self) -> bool:
        """Whether the run is being stopped."""
        return self.type is StateType.CANCELLING

    def is_completed(self) -> bool:
        """Whether the run succeeded."""
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        """Whether the run's own code failed."""
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        """Whether the run was ended from outside its code."""
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self.type is StateType.CANCELLED

    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.type in FINAL_STATE_TYPES

    def result(self, raise_on_failure: bool = True, **options: Never) -> R_co:  # noqa: FBT001, FBT002 - as in Prefect
        """What the run returned.

        Args:
            raise_on_failure: Raise the exception of a run that did not complete; if false, return it.
            options: There are no others; Prefect's `fetch` is an error that says so.

        Raises:
            TypeError: There are other options.
            UnfinishedRun: The run has not ended yet.
        """
        if options:
            raise TypeError(
                f"State.result has no option {', '.join(options)}: leave it out; the result is there at once."
            )
        if self.type is StateType.COMPLETED:
            return self.data  # type: ignore[no-any-return] # the engine put it there
        error = state_exception(self)
        if raise_on_failure or isinstance(error, UnfinishedRun):
            try:
                raise error
            finally:
                del self, error  # this frame is part of what is raised: a circle
        return error  # type: ignore[return-value] # asked for by raise_on_failure=False

    def __str__(self) -> str:
        return f"{self.name}({self.message!r})" if self.message else f"{self.name}()"

    def __repr__(self) -> str:
        return f"{self.name}(type={self.type.value}, message={self.message!r})"


def state_exception(state: State[Any]) -> BaseException:
    """The exception that a state other than a completed one stands for.

    It is what the run raised, or that of the first of the states it returned that did not complete.
    """
    data = state.data
    if isinstance(data, BaseException):
        return data
    if state.type not in _EXCEPTIONS:
        return UnfinishedRun(f"The run is {state.name}: {state.message or 'it has no result yet.'}")
    for inner in returned_states(data):
        if inner.type in _EXCEPTIONS and inner is not state:
            return state_exception(inner)
    return _EXCEPTIONS[state.type](state.message or f"The run ended as {state.name}.")


def returned_states(value: Any) -> Iterable[State[Any]]:
    """The states in a returned value: a state, or a list, tuple or set of nothing but states."""
    if isinstance(value, State):
        return (value,)
    if isinstance(value, list | tuple | set) and all(isinstance(item, State) for item in value):
        return value
    return ()


def Scheduled(  # noqa: N802 - states are made by their names, as in Prefect
    *,
    scheduled_time: datetime | None = None,
    name: str | None = None,
    message: str | None = None,
) -> State[Any]:
    """A run that is due at some time; now unless given."""
    return State(
        StateType.SCHEDULED,
        name,
        message,
        scheduled_time=scheduled_time or datetime.fromtimestamp(_surroundings.current.time(), UTC),
    )


def AwaitingRetry(  # noqa: N802
    *,
    scheduled_time: datetime | None = None,
    message: str | None = None,
) -> State[Any]:
    """A run whose last attempt failed and whose next one is due at some time."""
    return Scheduled(scheduled_time=scheduled_time, name="AwaitingRetry", message=message)


def Pending(*, name: str | None = None, message: str | None = None) -> State[Any]:  # noqa: N802
    """A run that has not begun yet."""
    return State(StateType.PENDING, name, message)


def Running(*, name: str | None = None, message: str | None = None) -> State[Any]:  # noqa: N802
    """A run whose code is being executed."""
    return State(StateType.RUNNING, name, message)


def Retrying(*, message: str | None = None) -> State[Any]:  # noqa: N802
    """A run that is at its second or a later attempt."""
    return State(StateType.RUNNING, "Retrying", message)


def Completed(  # noqa: N802
    *,
    name: str | None = None,
    message: str | None = None,
    data: Any = None,
) -> State[Any]:
    """A run that succeeded, with what it returned."""
    return State(StateType.COMPLETED, name, message, data)


def Failed(  # noqa: N802
    *,
    name: str | None = None,
    message: str | None = None,
    data: Any = None,
) -> State[Any]:
    """A run whose own code failed, with its exception, if there was one."""
    return State(StateType.FAILED, name, message, data)


def Crashed(  # noqa: N802
    *,
    name: str | None = None,
    message: str | None = None,
    data: Any = None,
) -> State[Any]:
    """A run that was ended from outside its code."""
    return State(StateType.CRASHED, name, message, data)


def Cancelled(  # noqa: N802
    *,
    name: str | None = None,
    message: str | None = None,
    data: Any = None,
) -> State[Any]:
    """A run that somebody cancelled."""
    return State(StateType.CANCELLED, name, message, data)


def Cancelling(*, message: str | None = None) -> State[Any]:  # noqa: N802
    """A run that is being stopped."""
    return State(StateType.CANCELLING, None, message)


def Paused(*, message: str | None = None) -> State[Any]:  # noqa: N802
    """A run that waits to be resumed, its process with it."""
    return State(StateType.PAUSED, None, message)


def Suspended(*, message: str | None = None) -> State[Any]:  # noqa: N802
    """A run that waits to be resumed, and has no process meanwhile."""
    return State(StateType.PAUSED, "Suspended", message)


def Late(  # noqa: N802
    *, scheduled_time: datetime | None = None, message: str | None = None
) -> State[Any]:
    """A run that was due and has not begun."""
    return Scheduled(scheduled_time=scheduled_time, name="Late", message=message)


def AwaitingConcurrencySlot(  # noqa: N802
    *, scheduled_time: datetime | None = None, message: str | None = None
) -> State[Any]:
    """A run that waits until others have ended."""
    return Scheduled(scheduled_time=scheduled_time, name="AwaitingConcurrencySlot", message=message)


def get_state_exception(state: State[Any]) -> BaseException:
    """The exception that a state other than a completed one stands for.

    Raises:
        ValueError: The run did not fail.
    """
    if state.type not in _EXCEPTIONS:
        raise ValueError(f"A state that is {state.name} stands for no exception.")
    return state_exception(state)


def raise_state_exception(state: State[Any]) -> None:
    """Raise the exception of a state that did not complete; do nothing for others."""
    if state.type in _EXCEPTIONS:
        raise state_exception(state)
