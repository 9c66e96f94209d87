"""What becomes of a task, and of a flow, from the states of others: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from millstream._engine.origins import described
from millstream.v1.engine.signals import ENDRUN, TRIGGERFAIL, Signal
from millstream.v1.engine.state import Failed, Mapped, Skipped, State, Success, TriggerFailed

if TYPE_CHECKING:
    from millstream.v1._graph import Edge
    from millstream.v1._task import Task

_SKIPPED = "A task that it needs was skipped; with skip_on_upstream_skip=False it would run anyway."

Upstream = Mapping["Edge", State]


def before_run(task: Task, upstream: Upstream) -> State | None:
    """The state that a task ends in without being run; None if it is to run."""
    if task.skip_on_upstream_skip and any(state.is_skipped() for state in expanded(upstream.values())):
        return Skipped(_SKIPPED)
    try:
        allowed = task.trigger(upstream)
        if not allowed:
            raise TRIGGERFAIL(f"The trigger of task {task.name!r} gave {allowed!r}.")  # noqa: TRY301 - as if it did
    except (Signal, ENDRUN) as signal:
        return signal.state
    except Exception as error:  # noqa: BLE001 - whatever a trigger of the user's raises
        return TriggerFailed(f"The trigger of task {task.name!r} raised {described(error)}.", error)
    return None


def before_mapping(task: Task, upstream: Upstream) -> State | list[dict[Edge, State]]:
    """The states before each of the runs of a mapped task, or the state that it ends in as there can be none."""
    if task.skip_on_upstream_skip and any(
        state.is_skipped()
        for edge, one in upstream.items()
        for state in ([one] if edge.mapped else expanded([one]))
    ):
        return Skipped(_SKIPPED)
    over = {edge: state for edge, state in upstream.items() if edge.mapped}
    if not any(state.is_successful() for state in over.values()):
        return Failed("There is nothing to map over: what it is mapped over failed.")
    try:
        each = {edge: _each(state) for edge, state in over.items() if state.is_successful()}
    except TypeError as error:
        return Failed(f"Task {task.name!r}: {error}")
    others = {edge: state for edge, state in upstream.items() if edge not in each}
    count = min(len(states) for states in each.values())
    return [others | {edge: states[index] for edge, states in each.items()} for index in range(count)]


def left_out(upstream: Upstream) -> list[int]:
    """How many items each list has that a task is mapped over, if these numbers differ; then some are left out."""
    numbers = [len(_each(state)) for edge, state in upstream.items() if edge.mapped and state.is_successful()]
    return numbers if len(set(numbers)) > 1 else []


def _each(state: State) -> list[State]:
    if isinstance(state, Mapped):
        return state.map_states
    items = _items(state.result)
    if items is None:
        kind = type(state.result).__name__
        raise TypeError(f"A value of type {kind} cannot be mapped over: give a list, or write unmapped(...).")
    return [Success(result=item) for item in items]


def flattened(state: State) -> State:
    """The same with the items of the items; what has no items is taken as it is."""
    if isinstance(state, Mapped):
        states: list[State] = []
        for one in state.map_states:
            items = _items(one.result) if one.is_successful() and not one.is_skipped() else None
            states += [one] if items is None else [Success(result=item) for item in items]
        return Mapped(state.message, [one.result for one in states], states)
    items = _items(state.result)
    each = None if items is None else [_items(item) for item in items]
    if each is None or any(one is None for one in each):
        return state
    return Success(state.message, [item for one in each if one is not None for item in one])


def _items(value: Any) -> list[Any] | None:
    """What can be got by numbers out of a value; None if nothing can."""
    if isinstance(value, Mapping) or not (hasattr(value, "__getitem__") and hasattr(value, "__len__")):
        return None
    try:
        return [value[number] for number in range(len(value))]
    except Exception:  # noqa: BLE001 - whatever a type of the user's raises, as a data frame without such a column
        return None


def expanded(states: Iterable[State]) -> list[State]:
    """The states, those of the runs of a `map` in the place of the one for all of them."""
    return [one for state in states for one in (state.map_states if isinstance(state, Mapped) else [state])]


def arguments(upstream: Upstream) -> dict[str, Any]:
    """The arguments of a run."""
    return {edge.key: state.result for edge, state in upstream.items() if edge.key is not None}


def final_state(reference: Mapping[Task, State]) -> State:
    """The state of a flow from those of its reference tasks."""
    failed = [task.name for task, state in reference.items() if any(s.is_failed() for s in expanded([state]))]
    if failed:
        return Failed(f"Some reference tasks failed: {', '.join(failed)}.")
    if all(state.is_successful() for state in expanded(reference.values())):
        return Success("All reference tasks succeeded.")
    return Success("No reference tasks failed.")
