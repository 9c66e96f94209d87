"""Which times of a schedule count: functions of a time, for `Schedule(clocks, filters=[...])`.

They see the time by the clock of the zone of the clock's `start_date`, in UTC unless that has one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

__all__ = [
    "at_time",
    "between_dates",
    "between_datetimes",
    "between_times",
    "is_day_of_week",
    "is_month_end",
    "is_month_start",
    "is_weekday",
    "is_weekend",
    "is_year_end",
    "on_date",
    "on_datetime",
]

Filter = Callable[[datetime], bool]


def on_datetime(dt: datetime) -> Filter:
    """At this very time."""
    return lambda moment: moment == dt


def on_date(month: int, day: int) -> Filter:
    """On this day of the year."""
    return lambda moment: (moment.month, moment.day) == (month, day)


def at_time(t: time) -> Filter:
    """At this time of the day."""
    return lambda moment: moment.time() == t


def between_datetimes(start: datetime, end: datetime) -> Filter:
    """From one time to another, both included."""
    return lambda moment: start <= moment <= end


def between_dates(start_month: int, start_day: int, end_month: int, end_day: int) -> Filter:
    """From one day of the year to another, both included, over the turn of the year if it must be."""
    start, end = (start_month, start_day), (end_month, end_day)

    def found(moment: datetime) -> bool:
        day = (moment.month, moment.day)
        return start <= day <= end if start <= end else day >= start or day <= end

    return found


def between_times(start: time, end: time) -> Filter:
    """From one time of the day to another, both included, over midnight if it must be."""

    def found(moment: datetime) -> bool:
        now = moment.time()
        return start <= now <= end if start <= end else now >= start or now <= end

    return found


def is_day_of_week(day: int) -> Filter:
    """On this day of the week; Monday is 1, and Sunday 0."""
    return lambda moment: moment.isoweekday() % 7 == day


def is_weekday(dt: datetime) -> bool:
    """From Monday to Friday."""
    return dt.isoweekday() <= 5  # noqa: PLR2004 - Friday


def is_weekend(dt: datetime) -> bool:
    """On Saturday and Sunday."""
    return not is_weekday(dt)


def is_month_start(dt: datetime) -> bool:
    """On the first day of a month."""
    return dt.day == 1


def is_month_end(dt: datetime) -> bool:
    """On the last day of a month."""
    return (dt + timedelta(days=1)).day == 1


def is_year_end(dt: datetime) -> bool:
    """On the last day of a year."""
    return (dt.month, dt.day) == (12, 31)
