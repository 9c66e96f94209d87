"""Words around an argument of a task that say how it is mapped."""

from typing import TypeVar

from millstream.annotations import Annotation, unmapped

__all__ = ["flatten", "mapped", "unmapped"]

T = TypeVar("T")


class mapped(Annotation[T]):  # noqa: N801 - Prefect's names, written like functions
    """In a call: run the task once for each item of this argument."""

    __slots__ = ()


class flatten(Annotation[T]):  # noqa: N801
    """In a call or a `map`: the items of the items of this argument."""

    __slots__ = ()
