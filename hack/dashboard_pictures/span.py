"""The time that a picture shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Span", "dates"]

_POINTS = 60
_LEAST_STEP = 5


def dates(moments: Sequence[float]) -> list[datetime]:
    """Give times of the epoch as dates."""
    return [datetime.fromtimestamp(moment, UTC) for moment in moments]


@dataclass(frozen=True)
class Span:
    """A time, and whose word is taken for it.

    Attributes:
        start: seconds of the epoch.
        end: likewise.
        source: of the figures, in some words.
    """

    start: float
    end: float
    source: str = "a Prometheus that scraped an operator"

    @property
    def step(self) -> int:
        """Seconds between two points of a line; what is shown of counters is their increase in each."""
        return max(_LEAST_STEP, math.ceil((self.end - self.start) / _POINTS))

    @property
    def window(self) -> str:
        """All of it, as a duration of PromQL."""
        return f"{math.ceil(self.end - self.start)}s"

    @property
    def grid(self) -> list[float]:
        """The times of the points."""
        return [
            self.start + number * self.step for number in range(int((self.end - self.start) / self.step) + 1)
        ]

    def on_grid(self, points: Sequence[tuple[float, float]], nothing: float) -> list[float]:
        """Give a value for each time of the grid."""
        found = {round((moment - self.start) / self.step): v for moment, v in points if not math.isnan(v)}
        return [found.get(number, nothing) for number in range(len(self.grid))]

    @property
    def words(self) -> str:
        """From when to when."""
        first, last = dates([self.start, self.end])
        return f"{first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S} UTC"
