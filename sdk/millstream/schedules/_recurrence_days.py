"""Which days of a year a recurrence rule may fall on."""

from calendar import isleap, monthrange
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from itertools import count

from millstream.schedules._schedule import FIRST_YEAR

__all__ = ["EVERY", "Days", "days_of_year"]

EVERY = 0
"""In place of a number: every such weekday."""

_DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Conditions that a day meets, all of them; an empty one is met by each day. Negative numbers count from the end.

    Attributes:
        months: 1 to 12; with months, the numbers of `weekdays` count in a month, else in the year.
        month_days: 1 to 31.
        year_days: 1 to 366.
        weeks: of ISO 8601, 1 to 53.
        weekdays: pairs of a weekday, from Monday as 0, and a number, or `EVERY`.
    """

    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    weeks: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()


def days_of_year(days: Days, year: int) -> tuple[int, ...]:
    """List the days, ascending, 1 January as 0."""
    return _days_of_like_year(days, _first_year_like(year))


@lru_cache(maxsize=2048)
def _days_of_like_year(days: Days, year: int) -> tuple[int, ...]:
    new_year, next_year = date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()
    return tuple(
        ordinal - new_year
        for ordinal in range(new_year, next_year)
        if _is_meant(days, date.fromordinal(ordinal), ordinal - new_year + 1, next_year - new_year)
    )


def _is_meant(days: Days, day: date, year_day: int, year_length: int) -> bool:
    if days.months and day.month not in days.months:
        return False
    _, month_length = monthrange(day.year, day.month)
    place, length = (day.day, month_length) if days.months else (year_day, year_length)
    return (
        _has(days.month_days, day.day, month_length)
        and _has(days.year_days, year_day, year_length)
        and (not days.weekdays or _is_weekday(days, day.weekday(), place, length))
        and (not days.weeks or _is_in_weeks(days, day))
    )


def _has(numbers: frozenset[int], place: int, length: int) -> bool:
    return not numbers or place in numbers or place - length - 1 in numbers


def _is_weekday(days: Days, weekday: int, place: int, length: int) -> bool:
    from_start, from_end = (place - 1) // _DAYS_PER_WEEK + 1, -((length - place) // _DAYS_PER_WEEK + 1)
    return any((weekday, number) in days.weekdays for number in (EVERY, from_start, from_end))


def _is_in_weeks(days: Days, day: date) -> bool:
    year, week, _ = day.isocalendar()
    return _has(days.weeks, week, date(year, 12, 28).isocalendar().week)


@cache
def _first_year_like(year: int) -> int:
    """Give a year of the same days and weeks; there are 28 kinds, one for each weekday and distance to a leap year."""
    return next(other for other in count(FIRST_YEAR) if _kind(other) == _kind(year))


def _kind(year: int) -> tuple[int, bool, bool, bool]:
    return date(year, 1, 1).weekday(), isleap(year - 1), isleap(year), isleap(year + 1)
