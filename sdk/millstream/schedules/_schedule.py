"""What every schedule answers: which ticks come next, and which came last."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

__all__ = ["FIRST_YEAR", "LAST_YEAR", "InvalidScheduleError", "Schedule"]

FIRST_YEAR = 1970
LAST_YEAR = 2149

# A search for what never comes has an end.
_START = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_END = datetime(LAST_YEAR, 12, 31, 23, 59, 59, tzinfo=UTC)


class InvalidScheduleError(ValueError):
    """A schedule cannot be made of this; the message says what to write instead.

    Attributes:
        at: where in the text it is wrong, from and to which character; None if that is nowhere in particular.
    """

    def __init__(self, message: str, at: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True, kw_only=True)
class _ForRuns:
    """What a schedule carries for the runs of `flow.serve`. The ticks do not depend on it."""

    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    slug: str | None = field(default=None, repr=False)
    active: bool = field(default=True, repr=False)


class Schedule(_ForRuns, ABC):
    """When runs are due. Schedules are immutable, and equal if they were made of the same.

    Attributes:
        timezone: IANA name of the zone whose clock it goes by.
        parameters: For `flow.serve`: of its runs, over those of the deployment.
        slug: For `flow.serve`: what to call it.
        active: For `flow.serve`: whether it fires.
    """

    __slots__ = ()

    timezone: str

    def next(self, after: datetime, n: int = 1) -> list[datetime]:
        """Give the first `n` ticks after an instant, ascending, in UTC; fewer if it ends before, or never fires.

        Args:
            after: aware, of any zone; a tick at this very instant is not among them.
            n: how many, from 0.

        Raises:
            ValueError: `after` has no zone, or `n` is negative.
        """
        ticks = self._ticks(_within_bounds(after, "after"), forward=True)
        return list(islice(takewhile(lambda tick: tick <= _END, ticks), _number(n)))

    def latest(self, after: datetime, until: datetime, n: int) -> list[datetime]:
        """Give the last `n` ticks with `after` < tick <= `until`, ascending, in UTC; fewer if there are no more.

        The search goes back from `until`, so it takes no longer the longer ago `after` is.

        Args:
            after: aware, of any zone.
            until: aware, of any zone.
            n: how many, from 0.

        Raises:
            ValueError: `after` or `until` has no zone, or `n` is negative.
        """
        oldest = _within_bounds(after, "after")
        ticks = self._ticks(_within_bounds(until, "until"), forward=False)
        newest_first = list(islice(takewhile(lambda tick: tick > oldest, ticks), _number(n)))
        return newest_first[::-1]

    @abstractmethod
    def _ticks(self, start: datetime, *, forward: bool) -> Iterator[datetime]:
        """Give the ticks after `start`, ascending, or those up to and at `start`, descending; all in UTC."""


def _within_bounds(moment: datetime, name: str) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{name} must have a time zone, such as datetime.now(UTC), not {moment.isoformat()}")
    try:
        instant = moment.astimezone(UTC)
    except OverflowError:  # within a day of the years 1 and 9999
        instant = moment.replace(tzinfo=UTC)
    return min(max(instant, _START), _END)


def _number(n: int) -> int:
    if n < 0:
        raise ValueError(f"n is the number of ticks, it cannot be {n}")
    return n
