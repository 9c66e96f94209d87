"""What stands for values that are not there, because the tasks that give them do not run."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NoReturn

from millstream.exceptions import FlowVisualizationError

if TYPE_CHECKING:
    from collections.abc import Callable

_OWN_CLASSES: dict[type, type] = {
    kind: type(kind.__name__, (kind,), {"__slots__": ()}) for kind in (bytes, float, int, str)
}


class Placeholder:
    """The result of a task that was not run: it can be passed on, and nothing else."""

    def __init__(self, name: str, kind: str) -> None:
        self._name = name
        self._kind = kind

    def _refuse(self, *_: Any) -> NoReturn:
        how = (
            "give that task a viz_return_value, such as @task(viz_return_value=[1, 2])"
            if self._kind == "task"
            else "have a task with a viz_return_value work with it"
        )
        raise FlowVisualizationError(
            f"The flow needs the real result of {self._kind} {self._name!r}, which visualize() does not run: {how}."
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python's own questions, as `copy` and others ask them
            raise AttributeError(name)
        self._refuse()

    def __eq__(self, other: object) -> bool:
        return self is other or self._refuse()

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<the result of {self._kind} {self._name!r}>"

    __iter__ = __aiter__ = __len__ = __contains__ = __getitem__ = __setitem__ = __delitem__ = _refuse
    __bool__ = __int__ = __float__ = __index__ = __bytes__ = __fspath__ = __call__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __sub__ = __mul__ = __matmul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rmatmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = _refuse
    __rpow__ = __divmod__ = __rdivmod__ = _refuse
    __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = __rand__ = __ror__ = __rxor__ = _refuse
    __neg__ = __pos__ = __abs__ = __invert__ = __round__ = _refuse
    __enter__ = __exit__ = __aenter__ = __aexit__ = __await__ = _refuse


def own_copy(value: Any, made: Callable[[Any], object]) -> Any:
    """Give an equal value that is an object of its own, as are the items in it, so that it shows where it comes from.

    Args:
        value: What to copy.
        made: Called with each such object; not with those of which there can be no second one, such as None.
    """
    own = _copied(value, made)
    if own is not value:
        made(own)
    return own


def _copied(value: Any, made: Callable[[Any], object]) -> Any:
    kind = type(value)
    if kind in _OWN_CLASSES:
        return _OWN_CLASSES[kind](value)
    if kind in (list, tuple):
        return kind(own_copy(item, made) for item in value)
    if kind is dict:
        return {key: own_copy(item, made) for key, item in value.items()}
    try:
        return copy.copy(value)
    except Exception:  # noqa: BLE001 - whatever it raises, it cannot be copied
        return value
