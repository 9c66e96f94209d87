"""From the parts of a recurrence rule to the rule: what it does not say is taken from its start."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import islice

from millstream.schedules._recurrence import Rule
from millstream.schedules._recurrence_days import EVERY, Days
from millstream.schedules._recurrence_parts import Parts
from millstream.schedules._recurrence_periods import Frequency, Periods
from millstream.schedules._schedule import LAST_YEAR, InvalidScheduleError

__all__ = ["read_rule"]

_DEFAULT_START = datetime(2001, 1, 1)  # noqa: DTZ001 - a wall-clock time
_FOREVER = datetime(LAST_YEAR, 12, 31, 23, 59, 59)  # noqa: DTZ001 - a wall-clock time
_MINUTES_PER_HOUR = 60
_MONTHS = frozenset(range(1, 13))
_WITHIN_DAY = {
    Frequency.HOURLY: (24, "a day"),
    Frequency.MINUTELY: (24 * 60, "a day"),
    Frequency.SECONDLY: (60, "a minute"),
}
"""How many of them there are in what an interval must divide."""


def read_rule(text: str, start: datetime | None, read_until: Callable[[str], datetime]) -> Rule:
    """Read `FREQ=…`, in upper case.

    Args:
        text: of the rule.
        start: its DTSTART, by the clock.
        read_until: gives the time of an UNTIL, by the clock.

    Raises:
        InvalidScheduleError: it is no rule, or none that can be searched in bounded time.
    """
    parts = Parts.read(text)
    _check(parts, is_start_given=start is not None)
    begin = start or _DEFAULT_START
    is_within_day = parts.frequency in _WITHIN_DAY
    rule = Rule(
        start=begin,
        until=read_until(parts.until) if parts.until else _FOREVER,
        periods=Periods(
            period=Frequency.DAILY if is_within_day else parts.frequency,
            interval=1 if is_within_day else parts.interval,
            week_start=parts.week_start,
            first=begin.toordinal(),
            days=_days(parts, begin),
        ),
        minutes=_minutes(parts, begin),
        seconds=_seconds(parts, begin),
        positions=parts.numbers.get("BYSETPOS", ()),
    )
    if parts.count is None:
        return rule
    last = next(islice(rule.walls(begin, forward=True), parts.count - 1, None), _FOREVER)
    return replace(rule, until=last)


def _check(parts: Parts, *, is_start_given: bool) -> None:
    if parts.count is not None and not is_start_given:
        raise InvalidScheduleError("COUNT counts from DTSTART: add a line such as DTSTART:20260101T090000")
    if parts.count is not None and parts.until is not None:
        raise InvalidScheduleError("COUNT and UNTIL exclude each other: give one of them")
    if "BYSETPOS" in parts.numbers and not parts.weekdays and len(parts.numbers) == 1:
        raise InvalidScheduleError(
            "BYSETPOS chooses among what another part lists: add BYDAY=MO,TU,WE,TH,FR, for instance"
        )
    if "BYWEEKNO" in parts.numbers and (
        not parts.weekdays or parts.week_start or any(number != EVERY for _, number in parts.weekdays)
    ):
        raise InvalidScheduleError(
            "BYWEEKNO counts the weeks of ISO 8601: give BYDAY=MO, or other days, and no WKST but MO"
        )
    whole, name = _WITHIN_DAY.get(parts.frequency, (parts.interval, ""))
    if whole % parts.interval:
        raise InvalidScheduleError(
            f"INTERVAL={parts.interval} with FREQ={parts.frequency} does not divide {name}, so its times would differ from "
            f"{name} to the next: for every so many hours, minutes or seconds, use an interval in place of the rule"
        )


def _days(parts: Parts, start: datetime) -> Days:
    days = Days(
        months=frozenset(parts.numbers.get("BYMONTH", ())),
        month_days=frozenset(parts.numbers.get("BYMONTHDAY", ())),
        year_days=frozenset(parts.numbers.get("BYYEARDAY", ())),
        weeks=frozenset(parts.numbers.get("BYWEEKNO", ())),
        weekdays=parts.weekdays,
    )
    if parts.frequency is Frequency.MONTHLY:
        days = replace(days, months=days.months or _MONTHS)
    if days.month_days or days.year_days or days.weeks or days.weekdays:
        return days
    if parts.frequency is Frequency.WEEKLY:
        return replace(days, weekdays=frozenset({(start.weekday(), EVERY)}))
    if parts.frequency is Frequency.MONTHLY:
        return replace(days, month_days=frozenset({start.day}))
    if parts.frequency is Frequency.YEARLY:
        return replace(
            days, months=days.months or frozenset({start.month}), month_days=frozenset({start.day})
        )
    return days


def _minutes(parts: Parts, start: datetime) -> tuple[int, ...]:
    """List the minutes of the day."""
    frequency = parts.frequency
    hours = parts.numbers.get("BYHOUR") or (range(24) if frequency in _WITHIN_DAY else (start.hour,))
    every_minute = frequency in {Frequency.MINUTELY, Frequency.SECONDLY}
    minutes = parts.numbers.get("BYMINUTE") or (range(60) if every_minute else (start.minute,))
    hour_step = parts.interval if frequency is Frequency.HOURLY else 1
    minute_step = parts.interval if frequency is Frequency.MINUTELY else 1
    first = start.hour * _MINUTES_PER_HOUR + start.minute
    return tuple(
        hour * _MINUTES_PER_HOUR + minute
        for hour in hours
        for minute in minutes
        if (hour - start.hour) % hour_step == 0
        and (hour * _MINUTES_PER_HOUR + minute - first) % minute_step == 0
    )


def _seconds(parts: Parts, start: datetime) -> tuple[int, ...]:
    """List the seconds of each of those minutes."""
    is_secondly = parts.frequency is Frequency.SECONDLY
    seconds = parts.numbers.get("BYSECOND") or (range(60) if is_secondly else (start.second,))
    return tuple(
        second for second in seconds if not is_secondly or (second - start.second) % parts.interval == 0
    )
