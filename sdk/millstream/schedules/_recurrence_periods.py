"""The days of every so many years, months, weeks or days."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby, pairwise

from millstream.schedules._recurrence_days import Days, days_of_year
from millstream.schedules._schedule import LAST_YEAR

__all__ = ["Frequency", "Periods"]

_MONTHS_PER_YEAR = 12


class Frequency(StrEnum):
    """What a rule repeats by."""

    YEARLY = "YEARLY"
    MONTHLY = "MONTHLY"
    WEEKLY = "WEEKLY"
    DAILY = "DAILY"
    HOURLY = "HOURLY"
    MINUTELY = "MINUTELY"
    SECONDLY = "SECONDLY"


_LONGEST = {Frequency.YEARLY: 366, Frequency.MONTHLY: 31, Frequency.WEEKLY: 7, Frequency.DAILY: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Periods, counted from the one of a first day, and which of their days are meant.

    Attributes:
        period: YEARLY, MONTHLY, WEEKLY, or DAILY.
        interval: every so many of them.
        week_start: weekday on which a week begins, from Monday as 0.
        first: a day of the first one, as an ordinal of the proleptic Gregorian calendar.
        days: which days.
    """

    period: Frequency
    interval: int
    week_start: int
    first: int
    days: Days

    @property
    def most_days(self) -> int:
        """Tell how many days a period has at most."""
        return _LONGEST[self.period]

    def days_from(self, edge: int, *, forward: bool) -> Iterator[int]:
        """Give ordinals of days from `edge` on, this included, ascending; or descending, if not `forward`."""
        for year in self._years_from(edge, forward=forward):
            days = self._days_of(year)
            for day in days if forward else reversed(days):
                if day >= edge if forward else day <= edge:
                    yield day

    def groups_from(self, edge: int, *, forward: bool) -> Iterator[list[int]]:
        """Give each period's days, ascending, from the period of `edge` on, maybe after a part of its neighbour."""
        if self.period in {Frequency.YEARLY, Frequency.MONTHLY}:
            for year in self._years_from(edge, forward=forward):
                days = self._days_of(year)
                groups = [days] if self.period is Frequency.YEARLY else _by_month(year, days)
                yield from groups if forward else reversed(groups)
            return
        length, begin = self.most_days, self._week_begin
        start = edge - length if forward else edge + length
        for _, group in groupby(
            self.days_from(start, forward=forward), key=lambda day: (day - begin) // length
        ):
            yield sorted(group)

    def _years_from(self, edge: int, *, forward: bool) -> range:
        year = date.fromordinal(edge).year
        # One year more, as weeks lie in two.
        return (
            range(year, LAST_YEAR + 2) if forward else range(year, date.fromordinal(self.first).year - 2, -1)
        )

    def _days_of(self, year: int) -> list[int]:
        """List the year's days, ascending."""
        new_year = date(year, 1, 1).toordinal()
        days = [new_year + day for day in days_of_year(self.days, year)]
        if self.interval == 1 or not days:
            return days
        if self.period is Frequency.YEARLY:
            return days if (year - date.fromordinal(self.first).year) % self.interval == 0 else []
        if self.period is Frequency.MONTHLY:
            start = date.fromordinal(self.first)
            before = (year - start.year) * _MONTHS_PER_YEAR - start.month
            months = enumerate(_by_month(year, days), before + 1)
            return [day for number, month in months if number % self.interval == 0 for day in month]
        length = self.most_days
        first = self.first - (self.first - self._week_begin) % length
        return [day for day in days if (day - first) // length % self.interval == 0]

    @property
    def _week_begin(self) -> int:
        return 1 + self.week_start  # the first ordinal is a Monday


def _by_month(year: int, days: list[int]) -> list[list[int]]:
    """Split a year's days, ascending, into those of its twelve months."""
    starts = [date(year, month, 1).toordinal() for month in range(1, _MONTHS_PER_YEAR + 1)]
    cuts = [*(bisect_left(days, start) for start in starts), len(days)]
    return [days[first:last] for first, last in pairwise(cuts)]
