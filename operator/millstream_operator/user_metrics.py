"""What flows record about themselves: taken from their runs' statuses, and shown as far as it is declared."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from millstream.resources.user_metrics import MOST_SERIES, MetricType, UserMetric, UserSample
from millstream_operator.cache import Cache
from millstream_operator.decide.observed import Deployment, Run
from millstream_operator.metric_registry import LABEL_VALUES, METRICS
from millstream_operator.metrics import Metrics
from millstream_operator.series import Owner, Series

__all__ = ["UserMetrics", "fits"]

_COUNTER, _DROPPED = "millstream_user_counter_total", "millstream_user_samples_dropped_total"
_GAUGE = METRICS["millstream_user_gauge"]


class UserMetrics(Collector):
    """Counters, which grow with each attempt that ends, and gauges, which are what the newest run says.

    Of a deployment there are at most `MOST_SERIES` series.
    """

    def __init__(self, metrics: Metrics, cache: Cache) -> None:
        """Know of nothing yet.

        Args:
            metrics: where it is counted.
            cache: knows the deployments and their newest runs.
        """
        self._metrics = metrics
        self._cache = cache

    def declare(self, deployment: Deployment) -> None:
        """Begin what a deployment declares and has no labels; what it declares no more goes."""
        name = _name(deployment)
        shown = self._counters(deployment)
        self._metrics.end([s for s in self._metrics.of(name) if s.metric == _COUNTER and s not in shown])
        for metric in deployment.spec.metrics:
            if metric.type is MetricType.COUNTER and not metric.labels:
                self._metrics.begin(_COUNTER, *name, metric.name)
        for reason in LABEL_VALUES[_DROPPED, "reason"] if deployment.spec.metrics else ():
            self._metrics.begin(_DROPPED, *name, reason)

    def record(self, run: Run) -> None:
        """Add what an attempt that has ended recorded; where no deployment is, nobody has declared anything."""
        deployment = self._cache.deployment(run.namespace, run.deployment or "")
        if deployment is None:
            return
        samples = _fitting(run, deployment)
        self._drop(deployment, "FullRecord", run.status.metrics_dropped)
        self._drop(deployment, "Invalid", run.status.metrics_invalid)
        self._drop(deployment, "Undeclared", len(run.status.metrics) - len(samples))
        known = self._counters(deployment)
        for sample in samples:
            if sample.type is MetricType.COUNTER:
                self._add(run, deployment, sample, known)
        gauges = sum(sample.type is MetricType.GAUGE for sample in samples)
        self._drop(deployment, "TooManySeries", gauges - (MOST_SERIES - len(known)))

    def _add(self, run: Run, deployment: Deployment, sample: UserSample, known: set[Series]) -> None:
        labels = (*_name(deployment), sample.name)
        series = Series.of(_COUNTER, labels, sample.labels)
        if series not in known and len(known) >= MOST_SERIES:
            self._drop(deployment, "TooManySeries", 1)
            return
        known.add(series)
        self._metrics.add(_COUNTER, *labels, amount=max(0.0, sample.value), run=run.name, more=sample.labels)

    def _drop(self, deployment: Deployment, reason: str, number: int) -> None:
        if number > 0:
            self._metrics.add(_DROPPED, *_name(deployment), reason, amount=number)

    def _counters(self, deployment: Deployment) -> set[Series]:
        """Find the counters of a deployment that are shown and that it declares."""
        kinds = {
            (metric.name, *sorted(metric.labels))
            for metric in deployment.spec.metrics
            if metric.type is MetricType.COUNTER
        }
        return {series for series in self._metrics.of(_name(deployment)) if _kind(series) in kinds}

    def collect(self) -> Iterable[Family]:
        """Give what the newest runs say of what the deployments of this moment declare."""
        family = GaugeMetricFamily(_GAUGE.name, _GAUGE.text)
        for deployment in self._cache.deployments():
            run = self._cache.newest_finished(deployment) if deployment.spec.metrics else None
            if run is None:
                continue
            gauges = [s for s in _fitting(run, deployment) if s.type is MetricType.GAUGE]
            room = MOST_SERIES - len(self._counters(deployment)) if gauges else 0
            for sample in gauges[: max(0, room)]:
                series = Series.of(_GAUGE.name, (*_name(deployment), sample.name), sample.labels)
                family.add_sample(_GAUGE.name, dict(series.labels), sample.value)
        return [family]


def fits(sample: UserSample, metric: UserMetric | None) -> bool:
    """Whether a sample is one of a metric as it is declared now, which may be another than when it was recorded."""
    return metric is not None and metric.type is sample.type and sample.labels.keys() == set(metric.labels)


def _fitting(run: Run, deployment: Deployment) -> Sequence[UserSample]:
    declared = {metric.name: metric for metric in deployment.spec.metrics}
    return [sample for sample in run.status.metrics if fits(sample, declared.get(sample.name))]


def _name(deployment: Deployment) -> Owner:
    return deployment.namespace, deployment.name


def _kind(series: Series) -> tuple[str, ...] | None:
    """Give the name of a flow's counter, and those of its labels; None for another metric."""
    if series.metric != _COUNTER:
        return None
    declared = len(METRICS[_COUNTER].labels)
    return series.values[declared - 1], *series.kind[1 + declared :]
