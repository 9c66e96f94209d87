"""What Python's operators make of tasks: further tasks, which compute with their results when the flow runs."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from millstream.v1._task import Task


class Operators:
    """The operators. `==` is not among them: tasks are told apart by it; use `is_equal`."""

    def _operation(self, name: str, fn: Callable[[Any, Any], Any], left: Any, right: Any) -> Task:
        raise NotImplementedError

    def is_equal(self, other: object) -> Task:
        """Whether the results are equal."""
        return self._operation("Equal", operator.eq, self, other)

    def is_not_equal(self, other: object) -> Task:
        """Whether the results differ."""
        return self._operation("NotEqual", operator.ne, self, other)

    def not_(self) -> Task:
        """Whether the result is false."""
        return self._operation("Not", _not, self, None)

    def or_(self, other: object) -> Task:
        """This result if it is true, else the other one."""
        return self._operation("Or", _or, self, other)

    def __add__(self, other: object) -> Task:
        return self._operation("Add", operator.add, self, other)

    def __sub__(self, other: object) -> Task:
        return self._operation("Sub", operator.sub, self, other)

    def __mul__(self, other: object) -> Task:
        return self._operation("Mul", operator.mul, self, other)

    def __truediv__(self, other: object) -> Task:
        return self._operation("Div", operator.truediv, self, other)

    def __floordiv__(self, other: object) -> Task:
        return self._operation("FloorDiv", operator.floordiv, self, other)

    def __mod__(self, other: object) -> Task:
        return self._operation("Mod", operator.mod, self, other)

    def __pow__(self, other: object) -> Task:
        return self._operation("Pow", operator.pow, self, other)

    def __and__(self, other: object) -> Task:
        return self._operation("And", _and, self, other)

    def __radd__(self, other: object) -> Task:
        return self._operation("Add", operator.add, other, self)

    def __rsub__(self, other: object) -> Task:
        return self._operation("Sub", operator.sub, other, self)

    def __rmul__(self, other: object) -> Task:
        return self._operation("Mul", operator.mul, other, self)

    def __rtruediv__(self, other: object) -> Task:
        return self._operation("Div", operator.truediv, other, self)

    def __rfloordiv__(self, other: object) -> Task:
        return self._operation("FloorDiv", operator.floordiv, other, self)

    def __rmod__(self, other: object) -> Task:
        return self._operation("Mod", operator.mod, other, self)

    def __rpow__(self, other: object) -> Task:
        return self._operation("Pow", operator.pow, other, self)

    def __rand__(self, other: object) -> Task:
        return self._operation("And", _and, other, self)

    def __gt__(self, other: object) -> Task:
        return self._operation("GreaterThan", operator.gt, self, other)

    def __ge__(self, other: object) -> Task:
        return self._operation("GreaterThanOrEqual", operator.ge, self, other)

    def __lt__(self, other: object) -> Task:
        return self._operation("LessThan", operator.lt, self, other)

    def __le__(self, other: object) -> Task:
        return self._operation("LessThanOrEqual", operator.le, self, other)


def _not(value: Any, _: None) -> bool:
    return not value


def _or(left: Any, right: Any) -> Any:
    return left or right


def _and(left: Any, right: Any) -> Any:
    return left and right
