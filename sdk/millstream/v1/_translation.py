"""States of the engine and states of the declarative style, from one to the other."""

from __future__ import annotations

from typing import Any

from millstream import states as engine
from millstream._engine.retries import NOT_WANTED
from millstream.v1.engine import state as v1
from millstream.v1.engine.signals import Signal

_BY_NAME = {name: getattr(v1, name) for name in v1.__all__ if issubclass(getattr(v1, name), v1.Finished)}
_BY_TYPE = {
    engine.StateType.COMPLETED: v1.Success,
    engine.StateType.CANCELLED: v1.Cancelled,
}


def engine_state(state: v1.State) -> engine.State[Any]:
    """The engine's state for a finished one."""
    if state.is_failed():
        kind = engine.StateType.FAILED
    else:
        kind = engine.StateType.CANCELLED if isinstance(state, v1.Cancelled) else engine.StateType.COMPLETED
    name = None if type(state) in (v1.Success, v1.Failed) else type(state).__name__
    return engine.State(kind, name, state.message, state.result)


def v1_state(state: engine.State[Any]) -> v1.State:
    """The state of a task for the one in which the engine's run ended."""
    kind = _BY_NAME.get(state.name) or _BY_TYPE.get(state.type, v1.Failed)
    message = state.message
    if isinstance(state.data, Signal):
        message = state.data.state.message
    elif kind is v1.Success and message is None:
        message = "Task run succeeded."
    elif message is not None:
        message = message.removesuffix(NOT_WANTED)  # of an option that tasks have not here
    made: v1.State = kind(message, state.data)
    return made
