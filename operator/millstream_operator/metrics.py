"""What the operator counts while it works, and the page that shows it beside what others compute when asked."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from itertools import chain

from prometheus_client import Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from millstream_operator.metric_registry import LABEL_VALUES, METRICS, Metric
from millstream_operator.series import Owner, Series, SeriesBook

__all__ = ["MOST_SERIES", "Metrics", "encoded"]

MOST_SERIES = 20_000
"""Of a metric: whatever people name things, neither this process nor Prometheus runs out of memory."""
_DROPPED = "millstream_operator_series_dropped_total"
_EXEMPLAR_CHARACTERS = 128 - len("run")
_CODES = {str(int(status)) for status in HTTPStatus} | {"0"}


class Metrics:
    """What /metrics shows."""

    def __init__(
        self,
        most_series: int = MOST_SERIES,
        zero_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count nothing yet.

        Args:
            most_series: that a metric may have; what would make one more is left out, and counted.
            zero_seconds: how long a new series is shown as zero.
            clock: gives seconds, monotonic.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._most_series = most_series
        self._book = SeriesBook(most_series, zero_seconds, clock)
        self._computing: list[Collector] = []
        self._counters: dict[tuple[str, ...], Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in METRICS.values():
            if metric.kind == "histogram":
                self._histograms[metric.name] = _histogram(metric)
            elif metric.kind == "counter" and not metric.lasts:
                self._counters[metric.name, *metric.labels] = _counter(metric.name, *metric.labels)
        for kind in ("flowruns", "flowdeployments"):
            for result in LABEL_VALUES["millstream_operator_reconciles_total", "result"]:
                self.begin("millstream_operator_reconciles_total", kind, result)

    # --- counting ---

    def begin(self, name: str, *labels: str, more: Mapping[str, str] | None = None) -> None:
        """Show a series before anything is counted."""
        series = Series.of(name, labels, more)
        if self._book.begin(series):
            self._parent(series).labels(*series.values)

    def add(
        self, name: str, *labels: str, amount: float = 1, run: str = "", more: Mapping[str, str] | None = None
    ) -> None:
        """Count.

        Args:
            name: of the metric.
            labels: values of the labels that it is declared with.
            amount: how many.
            run: name of the run that it was, as an exemplar.
            more: labels that only this series has.
        """
        series = Series.of(name, labels, more)
        if self._book.enter(series):
            self._counter_of(series).labels(*series.values).inc(amount, _exemplar(run))
        else:
            self.drop(name, 1)

    def observe(self, name: str, *labels: str, amount: float, run: str = "") -> None:
        """Take a figure into a histogram."""
        if self._book.enter(Series.of(name, labels)):
            self._histograms[name].labels(*labels).observe(amount, _exemplar(run))
        else:
            self.drop(name, 1)

    def drop(self, name: str, number: int) -> None:
        """Count what has been left out of a metric; there are no more of these series than metrics."""
        self._book.enter(Series.of(_DROPPED, (name,)))
        self._counters[_DROPPED, "metric"].labels(name).inc(number)

    def of(self, owner: Owner) -> Collection[Series]:
        """Give the series of an owner."""
        return self._book.of(owner)

    def end(self, series: Collection[Series]) -> None:
        """Have series go, once they have been shown with all that was counted, if there are any who look."""
        self._remove(self._book.leave(series))

    def _parent(self, series: Series) -> Counter | Histogram:
        return self._histograms.get(series.metric) or self._counter_of(series)

    def _counter_of(self, series: Series) -> Counter:
        kind = series.kind
        if kind not in self._counters:
            self._counters[kind] = _counter(*kind)
        return self._counters[kind]

    def _remove(self, gone: Iterable[Series]) -> None:
        for series in gone:
            self._parent(series).remove(*series.values)
            is_declared = len(series.labels) == len(METRICS[series.metric].labels)
            if not (is_declared or self._book.has(series.kind)):
                del self._counters[series.kind]

    # --- what the operator's parts tell ---

    def api_call(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count a request to the API server."""
        known = str(code) if str(code) in _CODES else "other"
        self.add("millstream_operator_api_requests_total", verb, resource, known)
        self.observe("millstream_operator_api_request_duration_seconds", verb, resource, amount=seconds)

    def object_written(self, resource: str, size: int) -> None:
        """Take note of the size of an object."""
        self.observe("millstream_operator_object_bytes", resource, amount=size)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Count a decision."""
        self.add("millstream_operator_reconciles_total", kind, result)
        self.observe("millstream_operator_reconcile_duration_seconds", kind, amount=seconds)

    # --- showing ---

    def show(self, collector: Collector) -> None:
        """Show also what a collector computes when asked."""
        self._computing.append(collector)

    def collect(self) -> Iterable[Family]:
        """Give all that is to be shown.

        What is computed is computed at once, here, where the cache does not change meanwhile. What has been counted
        is read only when it is gone through, which may be in another thread.
        """
        computed = [self._bounded(family) for collector in self._computing for family in collector.collect()]
        zero, gone = self._book.show()
        self._remove(gone)
        return chain(_counted([*self._counters.values(), *self._histograms.values()], zero), computed)

    def _bounded(self, family: Family) -> Family:
        if len(family.samples) > self._most_series:
            self.drop(family.samples[0].name, len(family.samples) - self._most_series)
            del family.samples[self._most_series :]
        return family

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Give what /metrics answers and its type."""
        return encoded(self.collect(), accept)


class _Collected(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def encoded(families: Iterable[Family], accept: str) -> tuple[bytes, str]:
    """Write what was collected, and say in which type: OpenMetrics, with exemplars, for those who accept that."""
    encode, content_type = choose_encoder(accept)
    return encode(_Collected(families)), content_type


def _counted(counting: Iterable[Collector], zero: AbstractSet[Series]) -> Iterator[Family]:
    """Read what has been counted; the series that are to be shown as zero are."""
    families: dict[str, Family] = {}
    for family in (family for collector in counting for family in collector.collect()):
        family.samples = [_held(family, sample, zero) for sample in family.samples]
        if family.name in families:
            families[family.name].samples += family.samples
        else:
            families[family.name] = family
    yield from families.values()


def _held(family: Family, sample: Sample, zero: AbstractSet[Series]) -> Sample:
    if not sample.value:
        return sample
    name = family.name if family.type == "histogram" else sample.name
    series = Series(name, tuple(label for label in sample.labels.items() if label[0] != "le"))
    return sample._replace(value=0.0, exemplar=None) if series in zero else sample


def _counter(name: str, *labels: str) -> Counter:
    return Counter(name.removesuffix("_total"), METRICS[name].text, labels, registry=None)


def _histogram(metric: Metric) -> Histogram:
    return Histogram(
        metric.name, metric.text, metric.labels, unit=metric.unit, buckets=metric.buckets, registry=None
    )


def _exemplar(run: str) -> dict[str, str] | None:
    return {"run": run} if run and len(run) <= _EXEMPLAR_CHARACTERS else None
