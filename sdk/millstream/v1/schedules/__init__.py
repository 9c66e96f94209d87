"""When `flow.run()` runs a flow: `Flow("etl", schedule=IntervalSchedule(timedelta(minutes=5)))`."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby, islice
from typing import NoReturn

from millstream import _surroundings
from millstream.v1._missing import missing
from millstream.v1.schedules import clocks, filters
from millstream.v1.schedules.clocks import Clock, CronClock, IntervalClock, ScheduleEvent

__all__ = ["CronSchedule", "IntervalSchedule", "Schedule", "ScheduleEvent", "clocks", "filters"]

Filter = Callable[[datetime], bool]
_LONGEST_SEARCH = timedelta(days=4 * 366)
"""Where filters let no time through for so long they never will: each day of a year has come, a 29 February, too."""


class Schedule:
    """The times of all its clocks that all filters, one of the or_filters, and none of the not_filters let through.

    Attributes:
        clocks: The clocks.
    """

    def __init__(
        self,
        clocks: Iterable[Clock],
        filters: Iterable[Filter] | None = None,
        or_filters: Iterable[Filter] | None = None,
        not_filters: Iterable[Filter] | None = None,
    ) -> None:
        self.clocks = list(clocks)
        for clock in self.clocks:
            if not isinstance(clock, Clock):
                raise TypeError(f"A Schedule has clocks, such as CronClock('0 6 * * *'), and got {clock!r}.")
        if not self.clocks:
            raise ValueError("A Schedule has at least one clock.")
        self.filters = _functions("filters", filters)
        self.or_filters = _functions("or_filters", or_filters)
        self.not_filters = _functions("not_filters", not_filters)

    def next(
        self,
        n: int,
        after: datetime | None = None,
        return_events: bool = False,  # noqa: FBT001, FBT002 - as in Prefect
    ) -> list[datetime] | list[ScheduleEvent]:
        """The next times.

        Args:
            n: How many.
            after: After when; now unless given.
            return_events: Give them with the Parameters of the runs.
        """
        if after is None:
            after = datetime.fromtimestamp(_surroundings.current.time(), UTC)
        elif after.tzinfo is None:
            after = after.replace(tzinfo=UTC)
        found = self.events(n, after)
        return found if return_events else [event.start_time for event in found]

    def events(self, n: int, after: datetime) -> list[ScheduleEvent]:
        """The next times after this one, with the Parameters of the runs."""
        return list(islice(chain.from_iterable(self._by_time(after)), n))

    def at_next_time(self, after: datetime) -> list[ScheduleEvent]:
        """All that is to run at the next time after this one."""
        return next(self._by_time(after), [])

    def _by_time(self, after: datetime) -> Iterator[list[ScheduleEvent]]:
        """What is to run at each time, in the order of the clocks; the same once, however many clocks give it."""
        each = (_of(clock, rank, after) for rank, clock in enumerate(self.clocks))
        given = heapq.merge(*each, key=lambda one: one[:2])  # dictionaries have no order
        none_since: datetime | None = None
        for time, together in groupby(given, key=lambda one: one[0]):
            found: list[ScheduleEvent] = []
            for _, rank, event in together:
                if event not in found and self._counts(time.astimezone(self.clocks[rank].zone)):
                    found.append(event)
            if found:
                none_since = None
                yield found
                continue
            none_since = none_since or time
            if time - none_since > _LONGEST_SEARCH:
                return

    def _counts(self, time: datetime) -> bool:
        return (
            all(one(time) for one in self.filters)
            and (not self.or_filters or any(one(time) for one in self.or_filters))
            and not any(one(time) for one in self.not_filters)
        )


def IntervalSchedule(  # noqa: N802 - Prefect's name
    start_date: datetime | None = None,
    interval: timedelta | None = None,
    end_date: datetime | None = None,
    parameter_defaults: dict[str, object] | None = None,
) -> Schedule:
    """A schedule that runs a flow every so often: `IntervalSchedule(interval=timedelta(minutes=5))`."""
    if interval is None:
        raise TypeError(
            "IntervalSchedule takes an interval: IntervalSchedule(interval=timedelta(minutes=5))."
        )
    return Schedule([IntervalClock(interval, start_date, end_date, parameter_defaults)])


def CronSchedule(  # noqa: N802
    cron: str,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    parameter_defaults: dict[str, object] | None = None,
) -> Schedule:
    """A schedule that runs a flow when a cron expression says so: `CronSchedule("0 6 * * *")`."""
    return Schedule([CronClock(cron, start_date, end_date, parameter_defaults)])


def _of(clock: Clock, rank: int, after: datetime) -> Iterator[tuple[datetime, int, ScheduleEvent]]:
    return ((event.start_time, rank, event) for event in clock.events(after))


def _functions(option: str, given: Iterable[Filter] | None) -> list[Filter]:
    found = list(given or ())
    if not all(callable(one) for one in found):
        raise TypeError(f"{option} is a list of functions of a time, and got {found!r}.")
    return found


def __getattr__(name: str) -> NoReturn:
    raise missing(__name__, name)
