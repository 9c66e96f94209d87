"""Cron expressions."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from millstream.schedules._clock_changes import each_occurrence, each_once
from millstream.schedules._cron_text import cron_fields, is_satisfiable
from millstream.schedules._schedule import Schedule
from millstream.schedules._zones import load_zone

__all__ = ["Cron"]

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cron(Schedule):
    """Five fields, as in crontab: minute, hour, day of the month, month, day of the week.

    Each is `*` or a list of numbers, ranges and steps: `0,30`, `9-17`, `*/15`, `10-50/20`. Months and days of the
    week may be names, `JAN` and `MON`; Sunday is 0 and 7. `L` is the last day of the month, `LW` its last weekday,
    `5L` its last Friday, `1#2` its second Monday. `@hourly`, `@daily` or `@midnight`, `@weekly`, `@monthly`,
    `@yearly` or `@annually` stand for expressions.

    With both days given, it fires on either; if one of them starts with `*`, as `*/2` does, only on both. With a `*`
    at the start of minute or hour it fires whenever the clock matches, also twice or not at all when clocks change.

    Attributes:
        expression: those five fields.
        timezone: IANA name of the zone whose clock must match.

    Raises:
        InvalidScheduleError: it cannot be made of this. A date that never comes, such as 30 February, is no error:
            it has no ticks.
    """

    expression: str
    timezone: str = "UTC"
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _fields: str = field(init=False, repr=False, compare=False)
    _follows_time: bool = field(init=False, repr=False, compare=False)
    _fires: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = cron_fields(self.expression)
        object.__setattr__(self, "_zone", load_zone(self.timezone))
        object.__setattr__(self, "_fields", " ".join(fields))
        object.__setattr__(self, "_follows_time", any(text.startswith("*") for text in fields[:2]))
        object.__setattr__(self, "_fires", is_satisfiable(fields))

    def _ticks(self, start: datetime, *, forward: bool) -> Iterator[datetime]:
        if not self._fires:
            return iter(())
        instants = each_occurrence if self._follows_time else each_once
        return instants(self._walls, self._zone, start, forward=forward)

    def _walls(self, start: datetime, *, forward: bool) -> Iterator[datetime]:
        from cronsim import CronSim  # noqa: PLC0415 - slow to import

        # It leaves its start out. Without a zone it knows no clock changes: its own handling of them gives ticks
        # again that were given, when it starts between a time and its repetition.
        return CronSim(self._fields, start + (-_SECOND if forward else _SECOND), reverse=not forward)
