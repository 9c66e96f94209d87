"""Clocks: each gives the times of a schedule, and the Parameters of the runs at these times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from millstream.schedules import Cron, Interval, Schedule
from millstream.v1._missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Clock", "CronClock", "DatesClock", "IntervalClock", "ScheduleEvent"]

_FIRST = datetime(2019, 1, 1, tzinfo=UTC)
_SEVERAL = 16


class ScheduleEvent(NamedTuple):
    """A time at which a flow is to run.

    Attributes:
        start_time: That time, in UTC.
        parameter_defaults: Parameters of that run, over those that `run` was given.
    """

    start_time: datetime
    parameter_defaults: Mapping[str, Any]


class Clock:
    """Gives times.

    Attributes:
        start_date: None of them is before this.
        end_date: None of them is after this.
        zone: Whose clock filters see: that of `start_date`, UTC unless given.
        parameter_defaults: Parameters of the runs.
    """

    def __init__(
        self,
        start_date: datetime | None,
        end_date: datetime | None,
        parameter_defaults: Mapping[str, Any] | None,
        labels: object,
    ) -> None:
        if labels is not None:
            raise TypeError("A clock has no labels here: leave them out, there are no agents to choose.")
        self.start_date = _aware("start_date", start_date)
        self.end_date = _aware("end_date", end_date)
        self.zone: tzinfo = (start_date and start_date.tzinfo) or UTC
        self.parameter_defaults = dict(parameter_defaults or {})

    def events(self, after: datetime) -> Iterator[ScheduleEvent]:
        """All times after this one, in their order."""
        for time in self._times(after):
            if self.end_date is not None and time > self.end_date:
                return
            if self.start_date is None or time >= self.start_date:
                yield ScheduleEvent(time, self.parameter_defaults)

    def _times(self, after: datetime) -> Iterator[datetime]:
        raise NotImplementedError

    def _of(self, schedule: Schedule, after: datetime) -> Iterator[datetime]:
        if self.start_date is not None:
            after = max(after, self.start_date - timedelta(seconds=1))
        while ticks := schedule.next(after, _SEVERAL):
            yield from ticks
            after = ticks[-1]


class IntervalClock(Clock):
    """Every so often, from `start_date` on, in time as it passes; in whole seconds."""

    def __init__(
        self,
        interval: timedelta,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: None = None,
    ) -> None:
        if not isinstance(interval, timedelta):
            raise TypeError(f"interval is a timedelta, such as timedelta(minutes=5), and got {interval!r}.")
        super().__init__(start_date, end_date, parameter_defaults, labels)
        self.interval = interval
        if self.start_date is not None:
            self.start_date = self.start_date.replace(microsecond=0)
        self.schedule = Interval(interval, self.start_date or _FIRST)

    def _times(self, after: datetime) -> Iterator[datetime]:
        return self._of(self.schedule, after)


class CronClock(Clock):
    """Whenever a cron expression matches the clock of the zone of `start_date`, UTC unless given."""

    def __init__(
        self,
        cron: str,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: None = None,
        day_or: bool | None = None,  # noqa: FBT001 - as in Prefect
    ) -> None:
        if day_or is not None:
            raise TypeError(
                "CronClock has no day_or: with a `*` at the start of one of the days, both must match."
            )
        super().__init__(start_date, end_date, parameter_defaults, labels)
        self.cron = cron
        self.schedule = Cron(cron, _zone_of(start_date))

    def _times(self, after: datetime) -> Iterator[datetime]:
        return self._of(self.schedule, after)


class DatesClock(Clock):
    """At these times."""

    def __init__(
        self,
        dates: Iterable[datetime],
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: None = None,
    ) -> None:
        given = list(dates)
        self.dates = sorted(found for date in given if (found := _aware("dates", date)) is not None)
        if not self.dates:
            raise ValueError("A DatesClock has at least one date.")
        super().__init__(None, None, parameter_defaults, labels)
        self.zone = given[0].tzinfo or UTC

    def _times(self, after: datetime) -> Iterator[datetime]:
        return (date for date in self.dates if date > after)


def _aware(option: str, moment: datetime | None) -> datetime | None:
    """The time in UTC, which is also meant where it names no zone."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise TypeError(f"{option} is a datetime, and got {moment!r}.")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _zone_of(moment: datetime | None) -> str:
    """The name of the zone of a time.

    Raises:
        ValueError: It has a zone without a name, whose clock nobody knows at another time of the year.
    """
    zone = None if moment is None else moment.tzinfo
    if zone is None or zone is UTC:
        return "UTC"
    name = getattr(zone, "key", None) or getattr(zone, "name", None) or getattr(zone, "zone", None)
    if not isinstance(name, str):
        raise ValueError(  # noqa: TRY004 - the type is right
            f"start_date has the zone {zone}, which has no name: take ZoneInfo('Europe/Berlin') or the like."
        )
    return name


def __getattr__(name: str) -> NoReturn:
    raise missing(__name__, name)
