"""States that others tell of: they were entered when they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

from millstream.states import State, StateType

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class StateWithResultElsewhere(State[Any]):
    """A state of a run that completed, whose result is fetched when it is asked for."""

    __slots__ = ("_fetch",)

    def __init__(self, state: State[Any], fetch: Callable[[], Any]) -> None:
        super().__init__(state.type, state.name, state.message)
        self._timestamp = state._timestamp  # noqa: SLF001 - one of its own kind
        self._fetch = fetch

    def result(self, raise_on_failure: bool = True, **options: Never) -> Any:  # noqa: FBT001, FBT002 - as in State
        """What the run returned.

        Raises:
            MissingResult: There is none, or it cannot be read from here.
        """
        if not options:
            return self._fetch()
        return super().result(raise_on_failure, **options)


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
