"""A fact about a run that the environment may state instead, in tests for instance."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Facts:
    """Facts about one thing, as attributes; the class's own name for it is part of the variables' names."""

    __slots__ = ()
    _subject: str

    @classmethod
    def _variable(cls, name: str) -> str:
        return f"MILLSTREAM__RUNTIME__{cls._subject}__{name.upper()}"

    if not TYPE_CHECKING:  # so that type checkers know the facts there are

        def __getattr__(self, name: str) -> str:
            """A fact that only the environment knows."""
            try:
                return os.environ[self._variable(name)]
            except KeyError:
                raise AttributeError(
                    f"{type(self).__name__} has no {name!r}; it has {', '.join(dir(self))}"
                ) from None

    def __dir__(self) -> list[str]:
        return sorted(name for name, value in vars(type(self)).items() if isinstance(value, Fact))


class Fact(Generic[T_co]):
    """One fact: from the environment if that states it, else as the method tells."""

    def __init__(self, tell: Callable[[Any], T_co], parse: Callable[[str], T_co]) -> None:
        self._tell = tell
        self._parse = parse
        self.__doc__ = tell.__doc__

    def __set_name__(self, owner: type[Facts], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, facts: None, owner: type[Facts]) -> Self: ...

    @overload
    def __get__(self, facts: Facts, owner: type[Facts]) -> T_co: ...

    def __get__(self, facts: Facts | None, owner: type[Facts]) -> Self | T_co:
        """The fact now, or of the class the descriptor.

        Raises:
            ValueError: The environment states what the fact cannot be.
        """
        if facts is None:
            return self
        variable = facts._variable(self._name)  # noqa: SLF001 - one of our own
        stated = os.environ.get(variable)
        if stated is None:
            return self._tell(facts)
        try:
            return self._parse(stated)
        except ValueError as error:
            raise ValueError(f"{variable} cannot be {stated!r}: {error}") from None


def fact(parse: Callable[[str], T]) -> Callable[[Callable[[Any], T]], Fact[T]]:
    """Make a method a fact.

    Args:
        parse: How to read it where the environment states it.
    """
    return lambda tell: Fact(tell, parse)


def unknown(_facts: Facts) -> None:
    """Not known to this process; None, but for what the environment states."""


def text(stated: str) -> str | None:
    """A text as it is."""
    return stated


def items(stated: str) -> list[str]:
    """Texts with commas between."""
    return [item.strip() for item in stated.split(",") if item.strip()]


def moment(stated: str) -> datetime | None:
    """A time in ISO 8601; UTC where it names no zone."""
    from datetime import UTC, datetime  # noqa: PLC0415 - slow to import

    time = datetime.fromisoformat(stated)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def mapping(stated: str) -> dict[str, Any]:
    """A JSON object."""
    import json  # noqa: PLC0415 - slow to import

    value = json.loads(stated)
    if not isinstance(value, dict):
        raise ValueError("it takes a JSON object")  # noqa: TRY004 - the text is of the right type
    return value
