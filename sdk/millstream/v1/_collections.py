"""Tasks that put together what other tasks need: collections with tasks in them, and plain values that are mapped over."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from millstream.annotations import Annotation
from millstream.v1._task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from millstream.v1._task_options import TaskOptions


class Constant(Task):
    """A value."""

    begins: ClassVar[bool] = True

    def __init__(self, value: Any, **options: Unpack[TaskOptions]) -> None:
        self.value = value
        options.setdefault("name", f"Constant[{type(value).__name__}]")
        super().__init__(**options)

    def run(self) -> Any:
        """Give it."""
        return self.value


class Collection(Task):
    """A list, tuple or set of results."""

    def __init__(self, kind: type, **options: Unpack[TaskOptions]) -> None:
        self._make: Callable[[Iterable[Any]], Any] = getattr(kind, "_make", kind)  # a named tuple has one
        options.setdefault("name", kind.__name__.capitalize())
        super().__init__(**options)

    def run(self, **items: Any) -> Any:
        """Make it."""
        return self._make(items[name] for name in sorted(items, key=_number))


class Dict(Task):
    """A dictionary of results."""

    def run(self, keys: list[Any], values: list[Any]) -> dict[Any, Any]:  # type: ignore[override] # its own arguments
        """Make it."""
        return dict(zip(keys, values, strict=True))


def holds_tasks(value: Any) -> bool:
    """Whether there is a task in the value: itself, or an item of it.

    Raises:
        TypeError: There is one where its result could not take its place.
    """
    if isinstance(value, Annotation):
        return holds_tasks(value.value)
    if isinstance(value, dict):
        return any(map(holds_tasks, (*value, *value.values())))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(holds_tasks, value))
    if is_dataclass(value) and any(holds_tasks(getattr(value, field.name, None)) for field in fields(value)):
        raise TypeError(
            f"There is a task inside of a {type(value).__name__}: results take the places of tasks in lists, tuples, sets "
            "and dictionaries. Make it in a task of its own."
        )
    return isinstance(value, Task)


def as_task(value: Any) -> tuple[Task, dict[str, Any]]:
    """The task that stands for a value, and its arguments."""
    if isinstance(value, Task):
        return value, {}
    if not holds_tasks(value):
        return Constant(value), {}
    if isinstance(value, dict):
        return Dict(), {"keys": list(value), "values": list(value.values())}
    return Collection(type(value)), {f"item_{number}": item for number, item in enumerate(value)}


def _number(name: str) -> int:
    return int(name.removeprefix("item_"))
