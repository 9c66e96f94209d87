"""From times that a clock on a wall shows to instants, where the clock is put forward or back.

A wall-clock time is a naive `datetime`, of whole seconds. When the clock is put forward, some of them do not exist:
the gap. When it is put back, some occur twice.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Protocol
from zoneinfo import ZoneInfo

__all__ = ["Walls", "each_occurrence", "each_once"]

_SECOND = timedelta(seconds=1)
_NOTHING = timedelta(0)


class Walls(Protocol):
    """Gives wall-clock times from `start` on, this included, ascending, or descending if not `forward`."""

    def __call__(self, start: datetime, *, forward: bool) -> Iterator[datetime]: ...


def each_once(walls: Walls, zone: ZoneInfo, start: datetime, *, forward: bool) -> Iterator[datetime]:
    """Give one instant for each time: its first, or the end of the gap that it falls into.

    Args:
        walls: gives the times.
        zone: of the clock.
        start: instants are after it, ascending; or, if not `forward`, at or before it, descending.
        forward: which.
    """
    instants = _firsts(walls, zone, _wall_once(start, zone, forward=forward), forward=forward)
    for instant, _ in groupby(instants):
        if (instant > start) == forward:
            yield instant


def each_occurrence(walls: Walls, zone: ZoneInfo, start: datetime, *, forward: bool) -> Iterator[datetime]:
    """Give every instant at which the clock shows one of the times: two of some, none of those in a gap.

    Args as for `each_once`.
    """
    repeats: deque[datetime] = deque()
    for wall in walls(_wall_at(start, zone, forward=forward), forward=forward):
        early, late = _offsets(wall, zone)
        if early < late:
            continue
        first, repeat = _instant(wall, early), _instant(wall, late)
        if not forward:
            first, repeat = repeat, first
        # Between a time and its repetition, others occur.
        while repeats and (repeats[0] < first) == forward:
            yield from _beyond(repeats.popleft(), start, forward=forward)
        yield from _beyond(first, start, forward=forward)
        if repeat != first:
            repeats.append(repeat)
    for repeat in repeats:
        yield from _beyond(repeat, start, forward=forward)


def _beyond(instant: datetime, start: datetime, *, forward: bool) -> Iterator[datetime]:
    if (instant > start) == forward:
        yield instant


def _wall_once(instant: datetime, zone: ZoneInfo, *, forward: bool) -> datetime:
    """Show the instant on the wall; when times repeat, the end of those, as all of them have been."""
    local = instant.astimezone(zone).replace(microsecond=0)
    wall = local.replace(tzinfo=None, fold=0)
    if not local.fold:
        return wall
    early, late = _offsets(wall, zone)
    end = _change(_instant(wall, early), _instant(wall, late), zone).replace(tzinfo=None) + early
    return end if forward else end - _SECOND


def _wall_at(instant: datetime, zone: ZoneInfo, *, forward: bool) -> datetime:
    """Show the instant on the wall; where times repeat, so early (or late) that all that follows is included."""
    wall = instant.astimezone(zone).replace(tzinfo=None, fold=0, microsecond=0)
    early, late = _offsets(wall, zone)
    repeated = max(early - late, _NOTHING)
    return wall - repeated if forward else wall + repeated


def _firsts(walls: Walls, zone: ZoneInfo, start: datetime, *, forward: bool) -> Iterator[datetime]:
    resume: datetime | None = start
    while resume is not None:
        start, resume = resume, None
        for wall in walls(start, forward=forward):
            early, late = _offsets(wall, zone)
            if early >= late:
                yield _instant(wall, early)
                continue
            end = _change(_instant(wall, late), _instant(wall, early), zone)
            yield end
            # What else falls into the gap is the same instant; a day was skipped once, 86400 times of it.
            naive = end.replace(tzinfo=None)
            resume = naive + late if forward else naive + early - _SECOND
            break


def _offsets(wall: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """Give the offsets by which a time may be read: equal, or falling where it repeats, or rising in a gap."""
    aware = wall.replace(tzinfo=zone)
    return aware.utcoffset() or _NOTHING, aware.replace(fold=1).utcoffset() or _NOTHING


def _instant(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Find the instant at which the clock was put forward or back; the zone itself does not tell."""
    old = before.astimezone(zone).utcoffset()

    def is_past(seconds: int) -> bool:
        return (before + timedelta(seconds=seconds)).astimezone(zone).utcoffset() != old

    return before + timedelta(seconds=bisect_left(range((after - before) // _SECOND), True, key=is_past))  # noqa: FBT003
