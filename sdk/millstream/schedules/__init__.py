"""When runs are due: cron expressions, intervals, and recurrence rules.

A schedule is a value: it computes its ticks from what it was made of and the times it is asked about, and knows no
clock. Ticks are whole seconds in UTC, because times of one zone compare by their wall clock, by which the two
half past one of the night in which clocks go back are equal; `tick.astimezone(ZoneInfo(schedule.timezone))` is
what that wall clock shows. Schedules know the years 1970 to 2149.

Where clocks change, the rule is that of Debian's cron. A fixed time of day that occurs twice fires once, the first
time; one that is skipped fires at the first instant after the gap, and several skipped ones fire there once.
Intervals, and cron expressions with a `*` or `*/n` for the minute or the hour, follow time as it passes.

Whatever text a schedule is made of, it is refused or answers within some 50 ms of CPU.

Usage:
    ```python
    from datetime import UTC, datetime

    from millstream.schedules import Cron

    Cron("30 6 * * MON-FRI", timezone="Europe/Berlin").next(datetime.now(UTC), 3)
    ```
"""

from millstream.schedules._cron import Cron
from millstream.schedules._interval import Interval
from millstream.schedules._rrule import RRule
from millstream.schedules._schedule import InvalidScheduleError, Schedule

__all__ = ["Cron", "Interval", "InvalidScheduleError", "RRule", "Schedule"]
