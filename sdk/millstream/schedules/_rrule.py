"""Recurrence rules of RFC 5545, the calendar format."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from millstream.schedules._clock_changes import each_once
from millstream.schedules._recurrence import Recurrence
from millstream.schedules._recurrence_text import read_recurrence
from millstream.schedules._schedule import Schedule
from millstream.schedules._zones import load_zone

__all__ = ["RRule"]


@dataclass(frozen=True, slots=True)
class RRule(Schedule):
    """A rule such as `FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=18`, by the clock of a zone.

    The text is that, or lines: one `RRULE:` and, each if wanted, a `DTSTART:`, and any number of `RDATE:` and
    `EXDATE:`. Times are as `20260101T090000`, of the schedule's zone, or in UTC with a `Z` at the end.

    What a rule does not say it takes from DTSTART: of `FREQ=WEEKLY`, the weekday and the time. Without DTSTART that
    is 2001-01-01T00:00:00, a Monday: weeks, months and years then begin where one expects, and every second week is
    the same one wherever it is computed. DTSTART itself is a tick only if the rule names it.

    Every rule goes by the time of day, also one of hours or minutes: where clocks are put back it pauses for an
    hour. `Interval` and `Cron` do not. An UNTIL without a time includes that day.

    So that each answer takes bounded time, an INTERVAL of hours, minutes or seconds divides a day, a day, or a
    minute; COUNT goes with DTSTART, up to 1000; and dates are of the years 1970 to 2149.

    Attributes:
        text: the rule, at most 4096 characters.
        timezone: IANA name of the zone.

    Raises:
        InvalidScheduleError: it cannot be made of this. A rule that never fires is no error: it has no ticks.
    """

    text: str
    timezone: str = "UTC"
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _recurrence: Recurrence = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zone", load_zone(self.timezone))
        object.__setattr__(self, "_recurrence", read_recurrence(self.text, self._zone))

    def _ticks(self, start: datetime, *, forward: bool) -> Iterator[datetime]:
        return each_once(self._recurrence.walls, self._zone, start, forward=forward)
