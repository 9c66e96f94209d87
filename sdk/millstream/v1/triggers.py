"""Which states of the tasks before it let a task run: `@task(trigger=any_failed)`.

A trigger is a function of these states by edge. It gives whether the task may run, or raises a signal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from millstream.v1._missing import missing
from millstream.v1.engine.signals import SKIP, TRIGGERFAIL
from millstream.v1.engine.state import Mapped

if TYPE_CHECKING:
    from millstream.v1._graph import Edge
    from millstream.v1.engine.state import State

__all__ = [
    "all_failed",
    "all_finished",
    "all_successful",
    "always_run",
    "any_failed",
    "any_successful",
    "not_all_skipped",
    "some_failed",
    "some_successful",
]

Trigger = Callable[[Mapping["Edge", "State"]], Any]


def _each(states: Mapping[Edge, State]) -> list[State]:
    """Each state once, those of the runs of a `map` in the place of the one for all of them."""
    found: dict[int, State] = {}
    for state in states.values():
        for one in state.map_states if isinstance(state, Mapped) else [state]:
            found[id(one)] = one
    return list(found.values())


def all_successful(states: Mapping[Edge, State]) -> bool:
    """Run if nothing before failed; what was skipped did not. As it is where no trigger is given."""
    return _require("all_successful", all(state.is_successful() for state in _each(states)), "failed")


def all_failed(states: Mapping[Edge, State]) -> bool:
    """Run if everything before failed."""
    return _require("all_failed", all(state.is_failed() for state in _each(states)), "succeeded")


def any_successful(states: Mapping[Edge, State]) -> bool:
    """Run if something before succeeded, or there is nothing before."""
    return _require("any_successful", _some(states, "is_successful"), "succeeded", none=True)


def any_failed(states: Mapping[Edge, State]) -> bool:
    """Run if something before failed, or there is nothing before."""
    return _require("any_failed", _some(states, "is_failed"), "failed", none=True)


def all_finished(states: Mapping[Edge, State]) -> bool:
    """Run when everything before has ended, however it did."""
    del states
    return True


always_run = all_finished
"""Another name of it."""


def not_all_skipped(states: Mapping[Edge, State]) -> bool:
    """Run if nothing before failed and something before was not skipped; be skipped, too, if all was."""
    each = _each(states)
    if all(state.is_skipped() for state in each):
        raise SKIP("All tasks that are needed were skipped.")
    return _require("not_all_skipped", all(state.is_successful() for state in each), "failed")


def some_failed(at_least: float | None = None, at_most: float | None = None) -> Trigger:
    """Run if that many tasks before failed; numbers below 1 are parts of all."""
    return _within("some_failed", "is_failed", at_least, at_most)


def some_successful(at_least: float | None = None, at_most: float | None = None) -> Trigger:
    """Run if that many tasks before succeeded; numbers below 1 are parts of all."""
    return _within("some_successful", "is_successful", at_least, at_most)


def _some(states: Mapping[Edge, State], question: str) -> bool:
    return not states or any(getattr(state, question)() for state in _each(states))


def _require(name: str, holds: bool, what: str, *, none: bool = False) -> bool:  # noqa: FBT001 - what was found out
    if not holds:
        raise TRIGGERFAIL(
            f"The trigger is {name}, and {'none' if none else 'some'} of the tasks before {what}."
        )
    return True


def _within(name: str, question: str, at_least: float | None, at_most: float | None) -> Trigger:
    def trigger(states: Mapping[Edge, State]) -> bool:
        each = _each(states)
        count = sum(getattr(state, question)() for state in each)
        least, most = _number(at_least, len(each), 0), _number(at_most, len(each), len(each))
        if states and not least <= count <= most:
            bounds = f"from {least:g} to {most:g} of {len(each)}"
            raise TRIGGERFAIL(f"The trigger is {name}, {bounds} tasks before, and there were {count}.")
        return True

    trigger.__name__ = name
    return trigger


def _number(bound: float | None, of: int, default: int) -> float:
    if bound is None:
        return default
    return bound * of if 0 < bound < 1 else bound


def __getattr__(name: str) -> NoReturn:
    raise missing(__name__, name)
