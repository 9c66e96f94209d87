"""Tasks that put together what other tasks need: collections with tasks in them, and plain values that are mapped over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from millstream.annotations import Annotation
from millstream.v1._task import Task

if TYPE_CHECKING:
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
        self._kind = kind
        options.setdefault("name", kind.__name__.capitalize())
        super().__init__(**options)

    def run(self, **items: Any) -> Any:
        """Make it."""
        return self._kind(items[name] for name in sorted(items, key=_number))


class Dict(Task):
    """A dictionary of results."""

    def __init__(self, keys: list[Any], **options: Unpack[TaskOptions]) -> None:
        self._keys = keys
        super().__init__(**options)

    def run(self, **items: Any) -> dict[Any, Any]:
        """Make it."""
        return dict(zip(self._keys, (items[name] for name in sorted(items, key=_number)), strict=True))


def holds_tasks(value: Any) -> bool:
    """Whether there is a task in the value: itself, or an item of it."""
    if isinstance(value, Annotation):
        return holds_tasks(value.value)
    if isinstance(value, dict):
        return any(holds_tasks(item) for item in value.values())
    if type(value) in (list, tuple, set):
        return any(holds_tasks(item) for item in value)
    return isinstance(value, Task)


def as_task(value: Any) -> tuple[Task, dict[str, Any]]:
    """The task that stands for a value, and its arguments."""
    if isinstance(value, Task):
        return value, {}
    if not holds_tasks(value):
        return Constant(value), {}
    if isinstance(value, dict):
        return Dict(list(value)), _numbered(value.values())
    return Collection(type(value)), _numbered(value)


def _numbered(items: Any) -> dict[str, Any]:
    return {f"item_{number}": item for number, item in enumerate(items)}


def _number(name: str) -> int:
    return int(name.removeprefix("item_"))
