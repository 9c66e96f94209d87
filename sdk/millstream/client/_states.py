"""States that others tell of: they were entered when they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.states import State, StateType

if TYPE_CHECKING:
    from datetime import datetime


def told_state(
    kind: str,
    name: str,
    entered: float,
    message: str | None = None,
    data: Any = None,
    scheduled_time: datetime | None = None,
) -> State[Any]:
    """A state that was entered at some time, in seconds of Unix."""
    state: State[Any] = State(StateType(kind), name, message, data, scheduled_time=scheduled_time)
    state._timestamp = entered  # noqa: SLF001 - it is told here, not entered
    return state
