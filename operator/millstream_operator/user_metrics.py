"""What flows record about themselves: taken from their runs' statuses, and shown as far as it is declared."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from millstream.resources.user_metrics import MOST_SERIES, MetricType, UserMetric, UserSample
from millstream_operator.cache import Cache
from millstream_operator.decide.observed import Deployment, Run
from millstream_operator.metric_registry import LABEL_VALUES, METRICS, OF_DEPLOYMENT

__all__ = ["UserMetrics", "fits"]

_COUNTER, _GAUGE = METRICS["millstream_user_counter_total"], METRICS["millstream_user_gauge"]
_DROPPED = METRICS["millstream_user_samples_dropped_total"]

_Name: TypeAlias = tuple[str, str]
_Series: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


class UserMetrics:
    """Counters, which grow with each attempt that ends, and gauges, which are what the newest run says.

    Of a deployment there are at most `MOST_SERIES` series.
    """

    def __init__(self, cache: Cache) -> None:
        """Know of nothing yet, but for what the cache does."""
        self._cache = cache
        self._counted: defaultdict[_Name, dict[_Series, float]] = defaultdict(dict)
        self._dropped: Counter[tuple[_Name, str]] = Counter()
        self._shown: defaultdict[_Name, set[_Series]] = defaultdict(set)

    def record(self, run: Run) -> None:
        """Add what an attempt that has ended recorded; where no deployment is, nobody has declared anything."""
        deployment = self._cache.deployment(run.namespace, run.deployment or "")
        if deployment is None:
            return
        name = (run.namespace, deployment.name)
        self._dropped[name, "FullRecord"] += run.status.metrics_dropped
        declared = {metric.name: metric for metric in deployment.spec.metrics}
        for sample in run.status.metrics:
            if not fits(sample, declared.get(sample.name)):
                self._dropped[name, "Undeclared"] += 1
            elif declared[sample.name].type is MetricType.COUNTER:
                self._add(name, sample)

    def _add(self, name: _Name, sample: UserSample) -> None:
        counted, series = self._counted[name], _series(sample)
        if series in counted or len(counted) < MOST_SERIES:
            counted[series] = counted.get(series, 0.0) + max(0.0, sample.value)
        else:
            self._dropped[name, "TooManySeries"] += 1

    def collect(self) -> Iterable[Family]:
        """Give what the deployments of this moment declare."""
        counters, gauges, dropped = families = self._families()
        shown = list(self._cache.deployments())
        self._forget({(deployment.namespace, deployment.name) for deployment in shown})
        for deployment in shown:
            declared = {metric.name: metric for metric in deployment.spec.metrics}
            if not declared:
                continue
            name = (deployment.namespace, deployment.name)
            counted = self._of_declared(name, declared)
            for series, value in counted.items():
                # What is new is zero once: else Prometheus would not see its first increase.
                seen = value if series in self._shown[name] else 0.0
                counters.add_sample(_COUNTER.name, _labels(name, *series), seen)
            self._shown[name] = set(counted)
            for sample in self._gauges(deployment, declared)[: MOST_SERIES - len(counted)]:
                gauges.add_sample(_GAUGE.name, _labels(name, *_series(sample)), sample.value)
            for reason in LABEL_VALUES[_DROPPED.name, "reason"]:
                dropped.add_metric([*name, reason], self._dropped[name, reason])
        return families

    def _of_declared(self, name: _Name, declared: Mapping[str, UserMetric]) -> dict[_Series, float]:
        """Give what is counted under a declared name, and forget the rest. What has no labels begins at zero."""
        counted = self._counted[name]
        for series in [s for s in counted if s[0] not in declared]:
            del counted[series]
        for metric in declared.values():
            if metric.type is MetricType.COUNTER and not metric.labels:
                counted.setdefault((metric.name, ()), 0.0)
        return counted

    def _gauges(self, deployment: Deployment, declared: Mapping[str, UserMetric]) -> Sequence[UserSample]:
        run = self._cache.newest_finished(deployment)
        found = run.status.metrics if run else ()
        gauges = {name: metric for name, metric in declared.items() if metric.type is MetricType.GAUGE}
        return [sample for sample in found if fits(sample, gauges.get(sample.name))]

    def _forget(self, kept: set[_Name]) -> None:
        for table in (self._counted, self._shown):
            for name in table.keys() - kept:
                del table[name]
        for key in [key for key in self._dropped if key[0] not in kept]:
            del self._dropped[key]

    @staticmethod
    def _families() -> tuple[CounterMetricFamily, GaugeMetricFamily, CounterMetricFamily]:
        return (
            CounterMetricFamily(_COUNTER.name, _COUNTER.text),
            GaugeMetricFamily(_GAUGE.name, _GAUGE.text),
            CounterMetricFamily(_DROPPED.name, _DROPPED.text, labels=_DROPPED.labels),
        )


def fits(sample: UserSample, metric: UserMetric | None) -> bool:
    """Whether a sample is one of a metric as it is declared now, which may be another than when it was recorded."""
    return metric is not None and metric.type is sample.type and sample.labels.keys() == set(metric.labels)


def _series(sample: UserSample) -> _Series:
    return sample.name, tuple(sorted(sample.labels.items()))


def _labels(name: _Name, metric: str, labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict(zip(OF_DEPLOYMENT, name, strict=True)) | {"metric": metric} | dict(labels)
