"""`task.map`: from what is mapped over to the arguments of each run."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from millstream._engine import inputs
from millstream.annotations import Annotation, allow_failure
from millstream.exceptions import MappingLengthMismatch, MappingMissingIterable
from millstream.futures import Future
from millstream.states import State

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHOLE = (str, bytes, bytearray, io.IOBase)


def calls_of(
    task: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Give positional and keyword arguments of each run.

    Raises:
        MappingLengthMismatch: What is mapped over differs in length.
        MappingMissingIterable: There is nothing to map over.
    """
    own = [_items(value) for value in args]
    named = {name: _items(value) for name, value in kwargs.items()}
    lengths = {f"argument {n}": len(items) for n, items in enumerate(own, 1) if items is not None}
    lengths |= {repr(name): len(items) for name, items in named.items() if items is not None}
    if not lengths:
        raise MappingMissingIterable(
            f"Task {task!r} is mapped over nothing: give it at least one list, or call {task}.submit()."
        )
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise MappingLengthMismatch(
            f"Task {task!r} is mapped over different lengths: {told}. Wrap what is the same for all in unmapped()."
        )
    return _each(next(iter(lengths.values())), args, own, kwargs, named)


def _each(
    length: int,
    args: tuple[Any, ...],
    own: list[list[Any] | None],
    kwargs: dict[str, Any],
    named: dict[str, list[Any] | None],
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    for number in range(length):
        yield (
            tuple(value if items is None else items[number] for value, items in zip(args, own, strict=True)),
            {
                name: value if (items := named[name]) is None else items[number]
                for name, value in kwargs.items()
            }
            if kwargs
            else kwargs,
        )


def _items(value: Any) -> list[Any] | None:
    """The items of what is mapped over; None for what is the same for all."""
    if isinstance(value, Future | State):
        value = inputs.result_of(value)  # a task that gives what is to be mapped over
    if isinstance(value, allow_failure):
        items = _items(value.value)
        return None if items is None else [allow_failure(item) for item in items]
    if isinstance(value, (Annotation, *_WHOLE)):
        return None
    try:
        items = iter(value)
    except TypeError:
        return None
    return list(items)
