"""Every so many seconds, minutes, hours, or days."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from millstream.schedules._schedule import InvalidScheduleError, Schedule
from millstream.schedules._zones import load_zone

__all__ = ["Interval"]

_SECOND = timedelta(seconds=1)
_LONGEST = timedelta(days=366)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, init=False)
class Interval(Schedule):
    """One tick per interval, in time as it passes: 24 hours are 24 hours, also in the night when clocks change.

    For the same time of day in summer and winter, take `Cron`.

    Attributes:
        every: between two ticks: whole seconds, from 1 second to 366 days; a number counts seconds.
        anchor: one of the ticks, of whole seconds; ticks lie before it as well. The first second of 1970 in UTC, if
            not given, so that equal intervals fire together wherever they are computed.
        timezone: IANA name of the zone that its ticks may be shown in; it does not move them.

    Raises:
        InvalidScheduleError: it cannot be made of this.
    """

    every: timedelta
    anchor: datetime
    timezone: str

    def __init__(
        self,
        every: timedelta | float,
        anchor: datetime | None = None,
        timezone: str = "UTC",
        *,
        parameters: Mapping[str, Any] | None = None,
        slug: str | None = None,
        active: bool = True,
    ) -> None:
        load_zone(timezone)
        object.__setattr__(self, "parameters", {} if parameters is None else parameters)
        object.__setattr__(self, "slug", slug)
        object.__setattr__(self, "active", active)
        object.__setattr__(self, "every", _interval(every))
        object.__setattr__(self, "anchor", _EPOCH if anchor is None else _anchor(anchor))
        object.__setattr__(self, "timezone", timezone)

    def _ticks(self, start: datetime, *, forward: bool) -> Iterator[datetime]:
        passed = (start - self.anchor) // self.every
        steps = count(passed + 1) if forward else count(passed, -1)
        return (self.anchor + self.every * step for step in steps)


def _interval(every: object) -> timedelta:
    if isinstance(every, bool) or not isinstance(every, timedelta | int | float):
        raise InvalidScheduleError(f"interval must be a timedelta or a number of seconds, not {every!r}")
    try:
        interval = every if isinstance(every, timedelta) else timedelta(seconds=every)
    except (OverflowError, ValueError):  # huge, infinite, not a number
        interval = timedelta.max
    if not _SECOND <= interval <= _LONGEST or interval.microseconds:
        raise InvalidScheduleError(
            f"interval must be whole seconds, from 1 second to 366 days, such as timedelta(minutes=5), not {every!r}"
        )
    return interval


def _anchor(anchor: object) -> datetime:
    if not isinstance(anchor, datetime) or anchor.utcoffset() is None:
        raise InvalidScheduleError(
            f"anchor must be a time with a zone, such as 2026-01-01T06:00:00Z, not {anchor!r}"
        )
    if anchor.microsecond:
        raise InvalidScheduleError(f"anchor must be of whole seconds, not {anchor.isoformat()}")
    try:
        return anchor.astimezone(UTC)
    except OverflowError:
        raise InvalidScheduleError(f"anchor is out of range: {anchor.isoformat()}") from None
