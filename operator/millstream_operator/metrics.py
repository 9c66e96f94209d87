"""What the operator counts while it works, and the page that shows it beside what others compute when asked."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from millstream_operator.metric_registry import LABEL_VALUES, METRICS, Metric

__all__ = ["MOST_SERIES", "Metrics", "encoded"]

MOST_SERIES = 20_000
"""Of a metric: whatever people name things, neither this process nor Prometheus runs out of memory."""
_DROPPED = "millstream_operator_series_dropped_total"
_EXEMPLAR_CHARACTERS = 128 - len("run")
_CODES = {str(int(status)) for status in HTTPStatus} | {"0"}
_COMPUTED = {
    "millstream_schedule_ticks_total",
    "millstream_user_counter_total",
    "millstream_user_samples_dropped_total",
}
"""Counters that are not counted here."""


class Metrics:
    """What /metrics shows."""

    def __init__(self, most_series: int = MOST_SERIES) -> None:
        """Count nothing yet.

        Args:
            most_series: that a metric may have; what would make one more is left out, and counted.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._counting = CollectorRegistry()
        self._computing: list[Collector] = []
        self._most_series = most_series
        self._known: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        self._counters = {m.name: self._counter(m) for m in METRICS.values() if _counted_here(m, "counter")}
        self._histograms = {
            m.name: self._histogram(m) for m in METRICS.values() if _counted_here(m, "histogram")
        }
        for kind in ("flowruns", "flowdeployments"):
            for result in LABEL_VALUES["millstream_operator_reconciles_total", "result"]:
                self.begin("millstream_operator_reconciles_total", kind, result)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(
            metric.name.removesuffix("_total"), metric.text, metric.labels, registry=self._counting
        )

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.name,
            metric.text,
            metric.labels,
            unit=metric.unit,
            buckets=metric.buckets,
            registry=self._counting,
        )

    # --- counting ---

    def begin(self, name: str, *labels: str) -> None:
        """Show a series before anything is counted: else Prometheus would not see its first increase."""
        if self._fits(name, labels):
            (self._counters.get(name) or self._histograms[name]).labels(*labels)

    def add(self, name: str, *labels: str, amount: float = 1, run: str = "") -> None:
        """Count; `run` is the name of the run that it was, as an exemplar."""
        if self._fits(name, labels):
            self._counters[name].labels(*labels).inc(amount, _exemplar(run))
        else:
            self.drop(name, 1)

    def observe(self, name: str, *labels: str, amount: float, run: str = "") -> None:
        """Take a figure into a histogram."""
        if self._fits(name, labels):
            self._histograms[name].labels(*labels).observe(amount, _exemplar(run))
        else:
            self.drop(name, 1)

    def drop(self, name: str, number: int) -> None:
        """Count what somebody else has left out of a metric."""
        if number > 0:
            self._counters[_DROPPED].labels(name).inc(number)

    def _fits(self, name: str, labels: tuple[str, ...]) -> bool:
        known = self._known[name]
        if labels not in known and (len(known) + 1) * METRICS[name].series > self._most_series:
            return False
        known.add(labels)
        return True

    def keep(self, wanted: Callable[[dict[str, str]], bool]) -> None:
        """Drop the series whose labels are not wanted any more."""
        for name, known in self._known.items():
            gone = [
                labels for labels in known if not wanted(dict(zip(METRICS[name].labels, labels, strict=True)))
            ]
            for labels in gone:
                known.discard(labels)
                (self._counters.get(name) or self._histograms[name]).remove(*labels)

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

    def collect(self) -> list[Family]:
        """Give all that is to be shown. Who computes comes first, and may begin series of what is counted."""
        computed = [family for collector in self._computing for family in collector.collect()]
        return [*self._counting.collect(), *computed]

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


def _counted_here(metric: Metric, kind: str) -> bool:
    return metric.kind == kind and metric.name not in _COMPUTED


def _exemplar(run: str) -> dict[str, str] | None:
    return {"run": run} if run and len(run) <= _EXEMPLAR_CHARACTERS else None
