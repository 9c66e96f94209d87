"""What is to be started, at each look at the clock. No clock, no process: decisions only.

A tick is dealt with once: it starts a run, now or when the limit allows, or it is told why it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from millstream._ticks import since

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream.schedules import Schedule

_SECOND = timedelta(seconds=1)
_SET_BACK = timedelta(seconds=2)  # less is a clock that is kept right
MOST_MISSED = 100


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """A tick of a schedule, which is named by its number."""

    tick: datetime
    schedule: int


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Where a schedule stands.

    Attributes:
        tick: Its next one; None if there is none.
        last: The last one that was dealt with.
    """

    tick: datetime | None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known from one look to the next.

    Attributes:
        seen: What the clock showed at the last look.
        upcoming: Where each schedule stands.
        waiting: Ticks that the limit holds back, at most one of each schedule, in the order of their times.
    """

    seen: datetime
    upcoming: tuple[Upcoming, ...]
    waiting: tuple[Due, ...] = ()

    @property
    def next_tick(self) -> datetime | None:
        """The first tick of all schedules that is yet to come."""
        return min((each.tick for each in self.upcoming if each.tick is not None), default=None)


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a look at the clock.

    Attributes:
        plan: For the next look.
        start: Runs to start now, in this order.
        missed: Older ticks of a schedule that were due at the same look; at most `MOST_MISSED` of each.
        skipped: Ticks that are not run, as the one before still waits.
        set_back: By how much the clock was set back, if it was.
    """

    plan: Plan
    start: tuple[Due, ...] = ()
    missed: tuple[tuple[Due, ...], ...] = ()
    skipped: tuple[Due, ...] = ()
    set_back: timedelta | None = None


def begin(schedules: Sequence[Schedule], now: datetime) -> Plan:
    """Nothing is due from before now."""
    return Plan(now, tuple(_upcoming(schedule, now, None) for schedule in schedules))


def look(schedules: Sequence[Schedule], plan: Plan, now: datetime, free: int) -> Decision:
    """Decide what to do now.

    Args:
        schedules: The same ones each time.
        plan: What the look before gave.
        now: What the clock shows, which may be less than before.
        free: How many more runs there may be.
    """
    upcoming = list(plan.upcoming)
    waiting = {due.schedule: due for due in plan.waiting}
    missed: list[tuple[Due, ...]] = []
    skipped: list[Due] = []
    for number, (schedule, stands) in enumerate(zip(schedules, plan.upcoming, strict=True)):
        if now < plan.seen:
            upcoming[number] = _upcoming(schedule, now, stands.last)
        elif stands.tick is not None and stands.tick <= now:
            ticks = schedule.latest(stands.tick - _SECOND, now, MOST_MISSED + 1)
            *older, newest = (Due(tick, number) for tick in ticks)
            if older:
                missed.append(tuple(older))
            if number in waiting:
                skipped.append(newest)
            else:
                waiting[number] = newest
            upcoming[number] = _upcoming(schedule, now, newest.tick)
    in_order = sorted(waiting.values())
    after = replace(plan, seen=now, upcoming=tuple(upcoming), waiting=tuple(in_order[free:]))
    back = plan.seen - now
    return Decision(
        after, tuple(in_order[:free]), tuple(missed), tuple(skipped), back if back >= _SET_BACK else None
    )


def _upcoming(schedule: Schedule, now: datetime, last: datetime | None) -> Upcoming:
    ticks = schedule.next(since(now, last))
    return Upcoming(ticks[0] if ticks else None, last)
