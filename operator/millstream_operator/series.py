"""The series that there are: how many there may be, and how long each is shown, so that nobody misses what it says."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from millstream_operator.metric_registry import METRICS

__all__ = ["Owner", "Series", "SeriesBook"]

_UNSEEN_SECONDS = 600.0
"""Without anybody who looks, beyond the time for which series stay: then nobody scrapes, as where none is set up."""
Owner: TypeAlias = tuple[str, str]
"""A namespace and a deployment of it; "" for what is of no deployment."""


class Series(NamedTuple):
    """A metric with its labels, by name, in the order in which they are shown."""

    metric: str
    labels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, metric: str, labels: Iterable[str], more: Mapping[str, str] | None = None) -> "Series":
        """Name a series by the values of the labels that its metric is declared with, and what it has besides."""
        own = zip(METRICS[metric].labels, labels, strict=True)
        return cls(metric, (*own, *sorted((more or {}).items())))

    @property
    def kind(self) -> tuple[str, ...]:
        """The metric, and the names of the labels."""
        return self.metric, *(name for name, _ in self.labels)

    @property
    def values(self) -> list[str]:
        """The values of the labels."""
        return [value for _, value in self.labels]

    @property
    def owner(self) -> Owner:
        """What it is about; of the operator itself, nothing."""
        labels = dict(self.labels)
        return labels.get("namespace", ""), labels.get("deployment", "")


class SeriesBook:
    """What has been shown of series that only grow.

    Prometheus' `increase` sees what is added to a series after it was scraped first. So each is shown as zero for
    some time, whatever has been counted by then; and one whose owner is gone stays until it has been shown as long
    with all that was counted. One of which nothing was counted has nothing to say, and goes at once; and so do all
    if nobody looks.
    """

    def __init__(self, most_series: int, seconds: float, clock: Callable[[], float]) -> None:
        """Make an empty book.

        Args:
            most_series: that a metric may have.
            seconds: that all who scrape need to have scraped once.
            clock: gives seconds, monotonic.
        """
        self._most_series = most_series
        self._seconds = seconds
        self._clock = clock
        self._of: defaultdict[Owner, set[Series]] = defaultdict(set)
        self._numbers: Counter[str] = Counter()
        self._kinds: Counter[tuple[str, ...]] = Counter()
        self._new: dict[Series, float | None] = {}
        self._empty: set[Series] = set()
        self._leaving: dict[Series, float | None] = {}
        self._looked = clock()

    def begin(self, series: Series) -> bool:
        """Take a series in as `enter` does, before anything is counted of it."""
        is_new = series not in self.of(series.owner)
        taken = self._take(series)
        if taken and is_new:
            self._empty.add(series)
        return taken

    def enter(self, series: Series) -> bool:
        """Take a series in, if it is not there, to count; False if its metric has as many as it may."""
        self._empty.discard(series)
        return self._take(series)

    def _take(self, series: Series) -> bool:
        owner = series.owner
        if series in self.of(owner):
            self._leaving.pop(series, None)
            return True
        if (self._numbers[series.metric] + 1) * METRICS[series.metric].series > self._most_series:
            return False
        self._of[owner].add(series)
        self._numbers[series.metric] += 1
        self._kinds[series.kind] += 1
        self._new[series] = None
        return True

    def has(self, kind: tuple[str, ...]) -> bool:
        """Whether there are series of a kind."""
        return kind in self._kinds

    def of(self, owner: Owner) -> Collection[Series]:
        """Give the series of an owner."""
        return self._of.get(owner, ())

    def leave(self, series: Collection[Series]) -> list[Series]:
        """Have series go once they have been shown; give those that have gone now."""
        for one in series:
            self._leaving.setdefault(one, None)
        if self._clock() - self._looked > self._seconds + _UNSEEN_SECONDS:
            return self._remove(list(self._leaving))
        return self._remove([one for one in series if one in self._empty])

    def show(self) -> tuple[frozenset[Series], list[Series]]:
        """Take note that all series are shown now; give those to be shown as zero, and those that have gone."""
        self._looked = now = self._clock()
        for series, since in list(self._new.items()):
            self._new[series] = shown = now if since is None else since
            if now - shown >= self._seconds:
                del self._new[series]
        gone = self._remove([series for series in self._leaving if self._is_over(series, now)])
        return frozenset(self._new), gone

    def _is_over(self, series: Series, now: float) -> bool:
        """Whether a series that leaves has been shown long enough; the time begins when it is shown as it is."""
        if series in self._new:
            return False
        since = self._leaving[series]
        if since is None:
            self._leaving[series] = now
        return since is not None and now - since >= self._seconds

    def _remove(self, gone: list[Series]) -> list[Series]:
        for series in gone:
            del self._leaving[series]
            self._new.pop(series, None)
            self._empty.discard(series)
            self._numbers[series.metric] -= 1
            self._kinds[series.kind] -= 1
            if not self._kinds[series.kind]:
                del self._kinds[series.kind]
            self._of[series.owner].discard(series)
            if not self._of[series.owner]:
                del self._of[series.owner]
        return gone
