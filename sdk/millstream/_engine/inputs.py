"""The arguments of a run: futures and states in them are replaced by what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.annotations import Annotation, allow_failure, opaque
from millstream.exceptions import UpstreamTaskError
from millstream.futures import Future, FutureList
from millstream.states import State, StateType, state_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_PLAIN = frozenset({int, str, float, bool, bytes, type(None), complex})
_BUILT_IN = frozenset({list, tuple, dict, set, frozenset})
_MOST_KNOWN = 10_000
_holders: dict[type, Callable[[Any], Iterable[Any]] | None] = {}
"""How to look into objects of a class; None for those that hold nothing of ours."""


def are_plain(values: Iterable[Any]) -> bool:
    """Whether there is certainly nothing to be looked for in these values."""
    return _PLAIN.issuperset(map(type, values))


def found_in(value: Any) -> Iterator[Future[Any] | State[Any] | Annotation[Any]]:
    """Give the futures, states and annotations in a value, those in collections and in data classes included."""
    seen: dict[int, Any] = {}  # with the object: what a property made could go, and another get its id
    left = [value]
    while left:
        item = left.pop()
        if type(item) in _PLAIN:
            continue
        if isinstance(item, Future | State | Annotation):
            yield item
            continue
        inner = inside(item)
        if inner is None or id(item) in seen:
            continue
        seen[id(item)] = item
        inner = list(inner)
        if not are_plain(inner):
            left.extend(reversed(inner))


def inside(value: Any) -> Iterable[Any] | None:
    """Give what a collection or data class holds; None for what holds nothing of ours."""
    kind = type(value)
    if kind is dict:
        return _of_dict(value)
    if kind in _BUILT_IN:
        return value  # type: ignore[no-any-return]
    try:
        holder = _holders[kind]
    except KeyError:
        if len(_holders) >= _MOST_KNOWN:  # classes may be made without end
            _holders.clear()
        holder = _holders[kind] = _holder(kind)
    return None if holder is None else holder(value)


def _holder(kind: type) -> Callable[[Any], Iterable[Any]] | None:
    if issubclass(kind, dict):
        return _of_dict
    if issubclass(kind, list | tuple | set | frozenset):
        return lambda value: value
    if hasattr(kind, "__dataclass_fields__") or _is_model(kind):
        return lambda value: [item for _, item in _named(value)]
    return None


def _of_dict(value: dict[Any, Any]) -> Iterable[Any]:
    return (*value, *value.values())


def _is_model(kind: type) -> bool:
    return hasattr(kind, "model_fields") and hasattr(kind, "model_copy")


def _named(value: Any) -> Iterable[tuple[str, Any]]:
    """The fields of a data class or of a pydantic model by name."""
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is not None:
        return ((name, getattr(value, name, None)) for name in names)
    attributes: dict[str, Any] = vars(value) | (getattr(value, "__pydantic_extra__", None) or {})
    return attributes.items()


def upstream_of(values: Iterable[Any]) -> Iterator[Future[Any]]:
    """Give the futures in arguments, what annotations hold included."""
    for value in values:
        for item in found_in(value):
            if isinstance(item, Future):
                yield item
            elif isinstance(item, Annotation) and not isinstance(item, opaque):
                yield from upstream_of((item.value,))


async def wait_for_all(values: Iterable[Any]) -> None:
    """Wait for the futures in arguments without holding up the event loop."""
    for future in upstream_of(values):
        await future.wait_async()


def resolved(value: Any, resolve: Callable[[Any], Any]) -> Any:
    """Give a value with all futures, states and annotations in it replaced; the value itself if there are none."""
    return _resolved(value, resolve, {})


def _resolved(value: Any, resolve: Callable[[Any], Any], made: dict[int, Any]) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Future | State | Annotation):
        return resolve(value)
    if id(value) in made:
        return made[id(value)]
    if next(found_in(value), None) is None:
        return value
    return _rebuilt(value, made, lambda item: _resolved(item, resolve, made))


def _rebuilt(value: Any, made: dict[int, Any], resolve: Callable[[Any], Any]) -> Any:
    """A copy of a collection or data class; `made` has it before its items are resolved, which may contain it."""
    import copy  # noqa: PLC0415 - for the few that need one

    copied: Any
    kind = type(value)
    if isinstance(value, tuple | frozenset):
        items = (resolve(item) for item in value)
        copied = made[id(value)] = kind(*items) if hasattr(value, "_fields") else kind(items)
        return copied
    if _is_model(kind):
        copied = made[id(value)] = value.model_copy()
        changes = {name: resolve(item) for name, item in _named(value)}
        vars(copied).update({name: item for name, item in changes.items() if name in vars(copied)})
        if copied.__pydantic_extra__:
            copied.__pydantic_extra__.update({n: changes[n] for n in copied.__pydantic_extra__})
        return copied
    copied = made[id(value)] = [] if isinstance(value, FutureList) else copy.copy(value)
    if isinstance(value, dict):
        entries = [(resolve(key), resolve(item)) for key, item in value.items()]
        copied.clear()
        copied.update(entries)
    elif isinstance(value, list):
        copied[:] = [resolve(item) for item in value]
    elif isinstance(value, set):
        members = [resolve(item) for item in value]
        copied.clear()
        copied.update(members)
    else:
        for name, item in _named(value):
            object.__setattr__(copied, name, resolve(item))  # even of a frozen one: nobody has seen the copy
    return copied


def resolved_futures(value: Any) -> Any:
    """Give a returned value with the final states in place of its futures."""
    return resolved(value, state_of) if any(isinstance(f, Future) for f in found_in(value)) else value


def result_of(item: Any) -> Any:
    """Give what a run gets in place of a future, state or annotation.

    Raises:
        UpstreamTaskError: It did not complete.
    """
    if isinstance(item, opaque):
        return item.value
    if isinstance(item, allow_failure):
        return resolved(item.value, _result_or_exception)
    if isinstance(item, Annotation):
        return resolved(item.value, result_of)
    state = _state_of(item)
    if state.type is not StateType.COMPLETED:
        raise UpstreamTaskError(_not_completed(item))
    return resolved(state.result(), result_of)


def _result_or_exception(item: Any) -> Any:
    if isinstance(item, opaque):
        return item.value
    if isinstance(item, Annotation):
        return resolved(item.value, _result_or_exception)
    state = _state_of(item)
    return state.data if state.is_completed() else state_exception(state)


def state_of(item: Any) -> Any:
    """Give the final state in place of a future; states and annotations stay."""
    return _state_of(item) if isinstance(item, Future) else item


def _state_of(item: Future[Any] | State[Any]) -> State[Any]:
    if isinstance(item, State):
        return item
    item.wait()
    return item.state


def listed(wait_for: Any) -> tuple[Any, ...]:
    """What is to be waited for; a single future or state may stand for a list of one."""
    return (wait_for,) if isinstance(wait_for, Future | State) else tuple(wait_for)


def must_have_completed(values: Iterable[Any]) -> None:
    """See that all of `wait_for` completed.

    Raises:
        UpstreamTaskError: Something did not.
    """
    for value in values:
        for item in found_in(value):
            if isinstance(item, allow_failure):
                for future in upstream_of((item.value,)):
                    future.wait()
            elif isinstance(item, Annotation):
                if not isinstance(item, opaque):
                    must_have_completed((item.value,))
            elif _state_of(item).type is not StateType.COMPLETED:
                raise UpstreamTaskError(_not_completed(item))


def _not_completed(item: Future[Any] | State[Any]) -> str:
    what = f"task run {item.name!r}" if isinstance(item, Future) else f"state {item}"
    return f"Upstream {what} did not reach a 'COMPLETED' state."
