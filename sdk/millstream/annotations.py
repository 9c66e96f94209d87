"""Words around an argument that say how a task is to take it."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Annotation", "allow_failure", "opaque", "quote", "unmapped"]

T = TypeVar("T")


class Annotation(Generic[T]):
    """A value, and how it is meant.

    Attributes:
        value: The value itself.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def unwrap(self) -> T:
        """The value itself."""
        return self.value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class unmapped(Annotation[T]):  # noqa: N801 - Prefect's names, written like functions
    """In `task.map`: the same value for all, even if it could be iterated over."""

    __slots__ = ()


class allow_failure(Annotation[T]):  # noqa: N801
    """A future or state whose failure is no obstacle: the task gets the exception in place of a result."""

    __slots__ = ()


class opaque(Annotation[T]):  # noqa: N801
    """A value that is passed on as it is: no futures are looked for in it."""

    __slots__ = ()


quote = opaque
"""Prefect's other name of `opaque`."""
