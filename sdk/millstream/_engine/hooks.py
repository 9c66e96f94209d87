"""Functions of the user's that are called when a run enters a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._beside import awaited
from millstream.states import StateType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from millstream._engine.runs import Run
    from millstream.states import State

    Hook = Callable[[Any, Any, Any], Any]

BY_STATE = {
    StateType.RUNNING: "on_running",
    StateType.COMPLETED: "on_completion",
    StateType.FAILED: "on_failure",
    StateType.CANCELLED: "on_cancellation",
    StateType.CRASHED: "on_crashed",
}
"""The option that has the hooks of each type of state."""


def check_hooks(option: str, hooks: object) -> list[Hook]:
    """The hooks of an option, if they are functions.

    Raises:
        TypeError: They are no list, or something in it cannot be called.
    """
    given: Any = [] if hooks is None else hooks
    if not isinstance(given, list | tuple):
        cure = f": write {option}=[{getattr(hooks, '__name__', 'fn')}]" if callable(hooks) else ""
        raise TypeError(f"{option} is a list of functions, and got {hooks!r}{cure}.")
    for hook in given:
        if not callable(hook):
            takes = "transaction" if option in {"on_commit", "on_rollback"} else "flow or task, run, state"
            raise TypeError(f"{option} is a list of functions ({takes}), and got {hook!r} in it.")
    return list(given)


def call_hooks(hooks: Mapping[str, Iterable[Hook]], run: Run, state: State[Any]) -> None:
    """Call the hooks for a state. One that raises is logged, and changes nothing for the run or for the others."""
    for hook in hooks.get(BY_STATE[state.type], ()):
        call(hook, run, run.definition, run, state)


def call(hook: Callable[..., Any], run: Run, *arguments: Any) -> None:
    """Call one of them, and wait for its end."""
    try:
        awaited(hook(*arguments))
    except Exception as error:  # noqa: BLE001 - it is told, and that is all that it may do
        name = getattr(hook, "__name__", repr(hook))
        run.log(40, "The hook %s of %s raised", name, run.title, error=error)
