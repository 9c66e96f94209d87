"""What the value of a setting may be: each kind reads text, as in the environment, and TOML's own values."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_BOOLEANS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


class Kind(Generic[T_co]):
    """A kind of value.

    Attributes:
        takes: What to write, in words for people.
        read: Gives the value, or raises ValueError or TypeError.
    """

    __slots__ = ("read", "takes")

    def __init__(self, takes: str, read: Callable[[Any], T_co]) -> None:
        self.takes = takes
        self.read = read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else _BOOLEANS[_text(value).strip().lower()]


def _flag_or_auto(value: Any) -> bool | None:
    return None if isinstance(value, str) and value.strip().lower() == "auto" else _flag(value)


def _at_least(least: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = int(value) if isinstance(value, str) else value
        if type(number) is not int or number < least:
            raise ValueError
        return number

    return read


def _seconds(value: Any) -> float:
    seconds = float(value) if isinstance(value, str | int) and not isinstance(value, bool) else value
    if not isinstance(seconds, float) or not 0 <= seconds < float("inf"):
        raise ValueError
    return seconds


def _list_of_seconds(value: Any) -> float | list[float]:
    several = value.split(",") if isinstance(value, str) else value
    seconds = [_seconds(each) for each in several] if isinstance(several, list) else [_seconds(several)]
    return seconds[0] if len(seconds) == 1 else seconds


def _level(value: Any) -> int:
    text = str(value).strip().upper()
    return int(text) if text.isdecimal() else logging.getLevelNamesMapping()[text]


def _loggers(value: Any) -> tuple[str, ...]:
    names = tuple(_text(name).strip() for name in (value.split(",") if isinstance(value, str) else value))
    if "root" in names or "" in names:
        raise ValueError
    return names


def _folder(value: Any) -> Path:
    from pathlib import Path  # noqa: PLC0415 - slow to import

    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # there is no home directory that `~` could stand for
        raise ValueError from error


def _location(value: Any) -> str:
    return str(_folder(value)) if not isinstance(value, str) or value.startswith("~") else value


def _by_name(read: Callable[[Any], T]) -> Callable[[Any], dict[str, T]]:
    def read_all(value: Any) -> dict[str, T]:
        if isinstance(value, str):
            import json  # noqa: PLC0415 - slow to import

            value = json.loads(value)
        if not isinstance(value, dict):
            raise TypeError
        return {name: read(one) for name, one in value.items()}

    return read_all


def _rate(value: Any) -> float:
    rate = _seconds(value)
    if not rate:
        raise ValueError
    return rate


def choice(*words: str) -> Kind[str]:
    """One of some words."""

    def read(value: Any) -> str:
        word = _text(value).strip().lower()
        if word not in words:
            raise ValueError
        return word

    return Kind(" or ".join(f"`{word}`" for word in words), read)


TEXT = Kind("text", _text)
FLAG = Kind("`true` or `false`", _flag)
FLAG_OR_AUTO = Kind("`true`, `false` or `auto`", _flag_or_auto)
COUNT = Kind("a whole number from 0", _at_least(0))
POSITIVE = Kind("a whole number from 1", _at_least(1))
SECONDS = Kind("a number from 0", _seconds)
LIST_OF_SECONDS = Kind("a number from 0, or several with commas between", _list_of_seconds)
LEVEL = Kind("`DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL` or a number", _level)
LOGGERS = Kind("names of loggers with commas between, not `root`", _loggers)
FOLDER = Kind("the path of a folder; `~` is the home directory, which has to exist then", _folder)
LOCATION = Kind("a path or a URL", _location)
SLOTS = Kind(
    'a table or a JSON object of names and whole numbers from 0, as `{"database": 5}`', _by_name(_at_least(0))
)
RATES = Kind('a table or a JSON object of names and numbers above 0, as `{"api": 0.5}`', _by_name(_rate))
