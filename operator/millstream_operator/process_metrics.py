"""What an operator's process knows of itself, computed when /metrics is asked for."""

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from millstream_operator.cache import Key
from millstream_operator.keyed_queue import KeyedQueue
from millstream_operator.metric_registry import METRICS

__all__ = ["ProcessMetrics"]


class ProcessMetrics(Collector):
    """The gauges of a process, which each replica shows."""

    def __init__(
        self,
        queue: KeyedQueue[Key],
        leads: Callable[[], bool],
        led: Callable[[], bool],
        lag_seconds: Callable[[], float],
        watch_ages: Callable[[], Mapping[str, float]],
    ) -> None:
        """Make the collector.

        Args:
            queue: what waits.
            leads: whether this operator may write.
            led: whether it sees any that may.
            lag_seconds: how late the event loop is.
            watch_ages: seconds since anything was heard, by kind.
        """
        self._queue = queue
        self._leads = leads
        self._led = led
        self._lag_seconds = lag_seconds
        self._watch_ages = watch_ages

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Compute what holds now."""
        build, ages = _family("build_info"), _family("watch_age_seconds")
        build.add_metric([version("millstream")], 1)
        for kind, age in self._watch_ages().items():
            ages.add_metric([kind], age)
        yield build
        yield ages
        for name, value in (
            ("leader", self._leads()),
            ("lease_held", self._led()),
            ("loop_lag_seconds", self._lag_seconds()),
            ("queue_length", len(self._queue)),
            ("queue_oldest_seconds", self._queue.oldest_seconds()),
        ):
            family = _family(name)
            family.add_metric([], value)
            yield family


def _family(name: str) -> GaugeMetricFamily:
    metric = METRICS[f"millstream_operator_{name}"]
    return GaugeMetricFamily(metric.name, metric.text, labels=metric.labels)
