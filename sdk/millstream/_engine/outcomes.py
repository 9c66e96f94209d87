"""How a run ended, from what its function returned or raised."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from millstream import _stopping
from millstream._engine.origins import described
from millstream.exceptions import RunInterrupted
from millstream.states import Completed, State, StateType, returned_states

if TYPE_CHECKING:
    from types import CoroutineType

_MAY_BE_STATES = (State, list, tuple, set)  # made once: this is asked after every task


def final_state_of(value: Any) -> State[Any]:
    """The final state that a returned value means.

    A state is taken as it is; several states make the worst of them; any other value is a success.
    """
    if not isinstance(value, _MAY_BE_STATES):
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


def forgotten_await(coroutine: CoroutineType[Any, Any, Any], title: str, *, is_async: bool) -> str:
    """What is wrong with a function that returned a coroutine: what it stands for was not run.

    The coroutine is closed, as nobody will await it, and Python would warn of that at some other place.
    """
    if not (coroutine.cr_running or coroutine.cr_suspended):
        coroutine.close()
    called = coroutine.__qualname__.rpartition("<locals>.")[2]
    cure = "" if is_async else "declare it `async def` and "
    return f"{title} returned a coroutine: {cure}await the call of {called}()."


def crash_message(title: str, error: BaseException) -> str:
    """What ended a run that did not end by itself."""
    if isinstance(error, RunInterrupted):
        return str(error) or f"{title} was interrupted with the flow run that it belongs to."
    if isinstance(error, KeyboardInterrupt):
        by = "stopped from outside" if _stopping.stopped else "interrupted from the keyboard"
        return f"{title} was {by} (KeyboardInterrupt)."
    if isinstance(error, SystemExit):
        code = "" if error.code is None else repr(error.code)
        return (
            f"{title} ended the process by sys.exit({code}). "
            "Use return to end a run early, and raise an exception to let it fail."
        )
    if isinstance(error, GeneratorExit):
        return f"{title} was closed before it had ended."
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and isinstance(error, asyncio.CancelledError):
        by = "stopped from outside" if _stopping.stopped else "cancelled by the code that awaited it"
        return f"{title} was {by} (asyncio.CancelledError)."
    return f"{title} was ended by {described(error)}"
