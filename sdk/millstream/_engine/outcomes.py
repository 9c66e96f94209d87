"""How a run ended, from what its function returned or raised."""

from __future__ import annotations

import sys
from typing import Any

from millstream._engine.origins import described
from millstream.exceptions import RunInterrupted
from millstream.states import Completed, State, StateType, returned_states


def final_state_of(value: Any) -> State[Any]:
    """The final state that a returned value means.

    A state is taken as it is; several states make the worst of them; any other value is a success.
    """
    if not isinstance(value, State | list | tuple | set):
        return State(StateType.COMPLETED, None, None, value)
    states = list(returned_states(value))
    if not states:
        return Completed(data=value)
    unfinished = sum(not state.is_final() for state in states)
    if isinstance(value, State) and not unfinished:
        return value
    if unfinished:
        return State(StateType.FAILED, None, f"{unfinished}/{len(states)} states are not final.", value)
    return _summary(states, value)


def _summary(states: list[State[Any]], value: Any) -> State[Any]:
    cancelled = sum(state.is_cancelled() for state in states)
    failed = sum(state.is_failed() or state.is_crashed() for state in states)
    if cancelled:
        return State(StateType.CANCELLED, None, f"{cancelled}/{len(states)} states cancelled.", value)
    if failed:
        return State(StateType.FAILED, None, f"{failed}/{len(states)} states failed.", value)
    return State(StateType.COMPLETED, None, "All states completed.", value)


def failure_without_exception(state: State[Any], title: str) -> State[Any]:
    """A failed state that the user's function made, with a message where it had none."""
    because = f": {described(state.data)}" if isinstance(state.data, BaseException) else ""
    return State(state.type, state.name, f"{title} returned the state {state.name}{because}", state.data)


def crash_message(title: str, error: BaseException) -> str:
    """What ended a run that did not end by itself."""
    if isinstance(error, RunInterrupted):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return f"{title} was interrupted from the keyboard (KeyboardInterrupt)."
    if isinstance(error, SystemExit):
        return f"{title} ended the process by sys.exit({'' if error.code is None else repr(error.code)})."
    if isinstance(error, GeneratorExit):
        return f"{title} was closed before it had ended."
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and isinstance(error, asyncio.CancelledError):
        return f"{title} was cancelled by the code that awaited it (asyncio.CancelledError)."
    return f"{title} was ended by {described(error)}"
