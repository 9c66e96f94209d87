"""What a future answers where a value is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn


class NotYetAValue:
    """Says what to do instead, wherever Python asks for items, for a number or for true or false."""

    __slots__ = ()

    if not TYPE_CHECKING:  # type checkers find such code by themselves

        def _refuse(self, *_: Any) -> NoReturn:
            raise TypeError(
                f"{self!r} is no value yet: pass it to a task, which gets the result, or call .result()."
            )

        __bool__ = __iter__ = __contains__ = __getitem__ = __int__ = __float__ = __index__ = _refuse
        __lt__ = __le__ = __gt__ = __ge__ = _refuse
        __add__ = __sub__ = __mul__ = __matmul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _refuse
        __radd__ = __rsub__ = __rmul__ = __rmatmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = _refuse
        __rpow__ = __and__ = __or__ = __xor__ = __rand__ = __ror__ = __rxor__ = _refuse
        __neg__ = __pos__ = __abs__ = __invert__ = _refuse
