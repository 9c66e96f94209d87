"""The parts of a recurrence rule, `FREQ=…;BYDAY=…`: what each may be, and with which frequency."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from millstream.schedules._recurrence_days import EVERY
from millstream.schedules._recurrence_periods import Frequency
from millstream.schedules._schedule import InvalidScheduleError

__all__ = ["Parts"]

_LARGEST_INTERVAL = 9999
_LARGEST_COUNT = 1000
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WEEKDAY = re.compile(rf"([+-]?\d{{1,2}})?({'|'.join(_WEEKDAYS)})", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,6}", re.ASCII)

_LISTS = {
    "BYSECOND": (0, 59),
    "BYMINUTE": (0, 59),
    "BYHOUR": (0, 23),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
}
"""Lists of numbers: the least and the greatest. Where the least is negative, there is no 0."""

_OTHERS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST")

_CALENDAR = {Frequency.YEARLY, Frequency.MONTHLY, Frequency.WEEKLY, Frequency.DAILY}
_ONLY_WITH = {
    "BYMONTHDAY": set(Frequency) - {Frequency.WEEKLY},
    "BYYEARDAY": set(Frequency) - {Frequency.MONTHLY, Frequency.WEEKLY, Frequency.DAILY},
    "BYWEEKNO": {Frequency.YEARLY},
    "BYSETPOS": _CALENDAR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a rule says, each part by itself valid.

    Attributes:
        frequency: FREQ.
        interval: INTERVAL, or 1.
        count: COUNT.
        until: UNTIL, as it is written.
        week_start: WKST, or Monday; from Monday as 0.
        weekdays: BYDAY; pairs of a weekday and a number, or `EVERY`.
        numbers: the lists of numbers by their names, without repetitions, ascending; only those that are given.
    """

    frequency: Frequency
    interval: int
    count: int | None
    until: str | None
    week_start: int
    weekdays: frozenset[tuple[int, int]]
    numbers: Mapping[str, tuple[int, ...]]

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a rule in upper case.

        Raises:
            InvalidScheduleError: it is none.
        """
        given = _split(text)
        frequency = _read_frequency(given.get("FREQ"))
        for name, allowed in _ONLY_WITH.items():
            if name in given and frequency not in allowed:
                raise InvalidScheduleError(
                    f"{name} goes only with FREQ={', '.join(sorted(allowed))}, not {frequency}"
                )
        return cls(
            frequency=frequency,
            interval=_read_number("INTERVAL", given.get("INTERVAL", "1"), 1, _LARGEST_INTERVAL),
            count=_read_number("COUNT", given["COUNT"], 1, _LARGEST_COUNT) if "COUNT" in given else None,
            until=given.get("UNTIL"),
            week_start=_read_week_start(given.get("WKST", "MO")),
            weekdays=_read_weekdays(given["BYDAY"], frequency, in_month="BYMONTH" in given)
            if "BYDAY" in given
            else frozenset(),
            numbers={name: _read_list(name, given[name]) for name in _LISTS if name in given},
        )


def _split(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in text.rstrip(";").split(";"):
        name, _, value = part.partition("=")
        if not value or (name not in _LISTS and name not in _OTHERS):
            raise InvalidScheduleError(
                f"a recurrence rule cannot contain {part[:40]!r}, only NAME=VALUE of {', '.join((*_OTHERS, *_LISTS))}"
            )
        if name in given:
            raise InvalidScheduleError(f"the recurrence rule gives {name} twice: write one list, {name}=…,…")
        given[name] = value
    return given


def _read_frequency(value: str | None) -> Frequency:
    try:
        return Frequency(value or "")
    except ValueError:
        raise InvalidScheduleError(
            f"FREQ must be one of {', '.join(Frequency)}, not {(value or 'missing')[:40]!r}"
        ) from None


def _read_number(name: str, value: str, least: int, greatest: int) -> int:
    number = int(value) if _NUMBER.fullmatch(value) else None
    if number is None or not least <= number <= greatest or (number == 0 and least < 0):
        without_zero = " without 0" if least < 0 else ""
        raise InvalidScheduleError(
            f"{name} must be from {least} to {greatest}{without_zero}, not {value[:40]!r}"
        )
    return number


def _read_list(name: str, value: str) -> tuple[int, ...]:
    return tuple(sorted({_read_number(name, number, *_LISTS[name]) for number in value.split(",")}))


def _read_week_start(value: str) -> int:
    if value not in _WEEKDAYS:
        raise InvalidScheduleError(f"WKST must be one of {', '.join(_WEEKDAYS)}, not {value[:40]!r}")
    return _WEEKDAYS.index(value)


def _read_weekdays(value: str, frequency: Frequency, *, in_month: bool) -> frozenset[tuple[int, int]]:
    most = 5 if in_month or frequency is Frequency.MONTHLY else 53
    return frozenset(_read_weekday(text, frequency, most) for text in value.split(","))


def _read_weekday(text: str, frequency: Frequency, most: int) -> tuple[int, int]:
    match = _WEEKDAY.fullmatch(text)
    if not match:
        raise InvalidScheduleError(
            f"BYDAY lists {', '.join(_WEEKDAYS)}, or the second Monday as 2MO and the last Friday as -1FR, not {text[:40]!r}"
        )
    if match[1] is None:
        return _WEEKDAYS.index(match[2]), EVERY
    if frequency not in {Frequency.YEARLY, Frequency.MONTHLY}:
        raise InvalidScheduleError(
            f"BYDAY={text} needs FREQ=MONTHLY or YEARLY; with {frequency}, leave the number out"
        )
    return _WEEKDAYS.index(match[2]), _read_number("the number in BYDAY", match[1], -most, most)
