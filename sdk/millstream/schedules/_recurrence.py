"""The times that a recurrence rule names, on a clock on a wall.

dateutil's rules search on when there is nothing to find, for seconds or for hours, and count from the start of a rule
to reach a later time; a rule in a custom resource is anybody's. Here a rule is some days of each year, which are found
once for each kind of year, and the same times on each of them, so that every answer is near.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge

from millstream.schedules._recurrence_periods import Periods

__all__ = ["Recurrence", "Rule"]

_MINUTES_PER_HOUR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: some days, and the same times on each of them.

    Attributes:
        start: no time is before this.
        until: no time is after this.
        periods: the days.
        minutes: of the day, ascending, 0 to 1439.
        seconds: of each of those, ascending, 0 to 59.
        positions: which of a period's times, from 1, or -1 for its last; empty for all.
    """

    start: datetime
    until: datetime
    periods: Periods
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]
    positions: tuple[int, ...]

    def walls(self, start: datetime, *, forward: bool) -> Iterator[datetime]:
        """Give wall-clock times from `start` on, this included, ascending, or descending if not `forward`."""
        if not self.minutes or not self.seconds:
            return
        edge = max(start, self.start) if forward else min(start, self.until)
        times = self._picked_times if self.positions else self._times
        for wall in times(edge, forward=forward):
            if wall > self.until if forward else wall < self.start:
                return
            if wall >= edge if forward else wall <= edge:
                yield wall

    def _times(self, edge: datetime, *, forward: bool) -> Iterator[datetime]:
        for day in self.periods.days_from(edge.toordinal(), forward=forward):
            midnight = datetime.fromordinal(day)
            minutes = self._minutes_from(edge, forward=forward) if day == edge.toordinal() else self.minutes
            for minute in minutes if forward else reversed(minutes):
                for second in self.seconds if forward else reversed(self.seconds):
                    yield midnight + timedelta(minutes=minute, seconds=second)

    def _minutes_from(self, edge: datetime, *, forward: bool) -> Sequence[int]:
        minute = edge.hour * _MINUTES_PER_HOUR + edge.minute
        if forward:
            return self.minutes[bisect_left(self.minutes, minute) :]
        return self.minutes[: bisect_right(self.minutes, minute)]

    def _picked_times(self, edge: datetime, *, forward: bool) -> Iterator[datetime]:
        most = self.periods.most_days * len(self.minutes) * len(self.seconds)
        positions = [position for position in self.positions if abs(position) <= most]
        if not positions:
            return
        for days in self.periods.groups_from(edge.toordinal(), forward=forward):
            total = len(days) * len(self.minutes) * len(self.seconds)
            places = {position - 1 if position > 0 else total + position for position in positions}
            for place in sorted(places, reverse=not forward):
                if 0 <= place < total:
                    yield self._time(days, place)

    def _time(self, days: Sequence[int], place: int) -> datetime:
        """Give the time at a place, from 0, among those of the days."""
        minutes, second = divmod(place, len(self.seconds))
        day, minute = divmod(minutes, len(self.minutes))
        midnight = datetime.fromordinal(days[day])
        return midnight + timedelta(minutes=self.minutes[minute], seconds=self.seconds[second])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule, with times that are added to it and others that are taken out.

    Attributes:
        rule: the rule.
        added: wall-clock times, ascending.
        excluded: wall-clock times.
    """

    rule: Rule
    added: tuple[datetime, ...]
    excluded: frozenset[datetime]

    def walls(self, start: datetime, *, forward: bool) -> Iterator[datetime]:
        """Give wall-clock times from `start` on, this included, ascending, or descending if not `forward`."""
        first, last = bisect_left(self.added, start), bisect_right(self.added, start)
        added = self.added[first:] if forward else self.added[:last][::-1]
        both = merge(self.rule.walls(start, forward=forward), added, reverse=not forward)
        return (wall for wall in both if wall not in self.excluded)
