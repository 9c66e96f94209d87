"""What the cache knows of runs and deployments, computed when /metrics is asked for; nothing of it can be out of date."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from millstream.resources.flow_deployment import SUSPENDED
from millstream.resources.states import RunState
from millstream_operator.cache import Cache
from millstream_operator.decide.observed import Deployment, Run
from millstream_operator.metric_registry import LABEL_VALUES, METRICS
from millstream_operator.metrics import MOST_SERIES, Metrics
from millstream_operator.user_metrics import UserMetrics

__all__ = ["ClusterMetrics", "since"]

_AGED = LABEL_VALUES["millstream_flow_run_oldest_seconds", "state"]
_OF_CLUSTER = (
    "millstream_flow_runs",
    "millstream_flow_run_oldest_seconds",
    "millstream_flow_run_last_success_timestamp_seconds",
    "millstream_flow_run_last_duration_seconds",
    "millstream_flow_runs_failed_in_a_row",
    "millstream_deployment_info",
    "millstream_deployment_suspended",
    "millstream_schedule_next_timestamp_seconds",
    "millstream_schedule_ticks_total",
)
_BEGUN_AT_ZERO = (
    "millstream_flow_runs_created_total",
    "millstream_flow_runs_finished_total",
    "millstream_flow_runs_skipped_total",
    "millstream_flow_run_retries_total",
    "millstream_flow_run_duration_seconds",
    "millstream_flow_run_start_delay_seconds",
    "millstream_task_runs_finished_total",
    "millstream_task_retries_total",
    "millstream_schedule_lag_seconds",
    "millstream_pod_failures_total",
)


class ClusterMetrics(Collector):
    """The metrics of runs and deployments, shown by the operator that leads: those who stand by would show them twice."""

    def __init__(
        self,
        cache: Cache,
        metrics: Metrics,
        user: UserMetrics,
        leads: Callable[[], bool],
        now: Callable[[], datetime],
        most_series: int = MOST_SERIES,
    ) -> None:
        """Make the collector.

        Args:
            cache: what is known.
            metrics: whose series begin and end with the deployments that they are about.
            user: what flows have recorded.
            leads: whether to show anything.
            now: gives the time.
            most_series: that a metric may have.
        """
        self._cache = cache
        self._metrics = metrics
        self._user = user
        self._leads = leads
        self._now = now
        self._most_series = most_series

    def collect(self) -> Iterable[Family]:
        """Compute what holds now."""
        if not self._leads():
            return []
        families = _families()
        deployments = list(self._cache.deployments())
        self._renew_series(deployments, self._count_runs(families))
        for deployment in deployments:
            self._tell(families, deployment)
        for name, family in families.items():
            self._metrics.drop(name, len(family.samples) - self._most_series)
            del family.samples[self._most_series :]
        return [*families.values(), *self._user.collect()]

    def _renew_series(self, deployments: Iterable[Deployment], of_runs: set[tuple[str, str]]) -> None:
        """Begin the series of what is new, and drop those of what is gone."""
        known = {(deployment.namespace, deployment.name) for deployment in deployments} | of_runs
        namespaces = {namespace for namespace, _ in known}

        def wanted(labels: dict[str, str]) -> bool:
            namespace, deployment = labels.get("namespace", ""), labels.get("deployment", "")
            if not namespace:
                return True
            return (namespace, deployment) in known if deployment else namespace in namespaces

        self._metrics.keep(wanted)
        for name in _BEGUN_AT_ZERO:
            owners = known if "deployment" in METRICS[name].labels else {(n,) for n in namespaces}
            values = [v for label in METRICS[name].labels for v in LABEL_VALUES.get((name, label), ())]
            for owner in owners:
                for value in values:
                    self._metrics.begin(name, *owner, value)
                if not values:
                    self._metrics.begin(name, *owner)

    def _count_runs(self, families: dict[str, "_Family"]) -> set[tuple[str, str]]:
        """Count the runs, and give the namespaces and deployments that they are of."""
        tally: Counter[tuple[str, str, str]] = Counter()
        oldest: dict[tuple[str, str, str], datetime] = {}
        now = self._now()
        for run in self._cache.runs():
            name = run.deployment or ""
            state: str = run.status.state or RunState.PENDING
            deployment = name if self._cache.deployment(run.namespace, name) else ""
            labels = (run.namespace, deployment, state)
            tally[labels] += 1
            if state in _AGED:
                oldest[labels] = min(oldest.get(labels, now), since(run))
        for labels, count in tally.items():
            families["millstream_flow_runs"].add_metric(labels, count)
        for labels, time in oldest.items():
            age = max(0.0, (now - time).total_seconds())
            families["millstream_flow_run_oldest_seconds"].add_metric(labels, age)
        return {(namespace, deployment) for namespace, deployment, _ in tally}

    def _tell(self, families: dict[str, "_Family"], deployment: Deployment) -> None:
        spec, status = deployment.spec, deployment.status
        name = (deployment.namespace, deployment.name)
        words = (spec.version or "", spec.owner or "", spec.severity or "")
        families["millstream_deployment_info"].add_metric([*name, *words], 1)
        rests = any(c.type == SUSPENDED and c.status == "True" for c in status.conditions)
        families["millstream_deployment_suspended"].add_metric(name, rests)
        if status.next_time:
            family = families["millstream_schedule_next_timestamp_seconds"]
            family.add_metric(name, status.next_time.timestamp())
        if spec.schedules:
            family = families["millstream_schedule_ticks_total"]
            family.add_metric([*name, "Fired"], status.ticks_fired)
            family.add_metric([*name, "Missed"], status.ticks_missed)
        success = self._last_success(deployment)
        failed = [
            run
            for run in self._cache.finished_without_success(deployment)
            if run.status.state is not RunState.CANCELLED and not (success and run.ended <= success)
        ]
        families["millstream_flow_runs_failed_in_a_row"].add_metric(name, len(failed))
        if success:
            family = families["millstream_flow_run_last_success_timestamp_seconds"]
            family.add_metric(name, success.timestamp())
        newest = self._cache.newest_finished(deployment)
        if newest and newest.status.start_time and newest.status.completion_time:
            seconds = (newest.status.completion_time - newest.status.start_time).total_seconds()
            families["millstream_flow_run_last_duration_seconds"].add_metric(name, max(0.0, seconds))

    def _last_success(self, deployment: Deployment) -> datetime | None:
        newest = self._cache.newest_finished(deployment, completed_only=True)
        times = (deployment.status.last_success_time, newest.status.completion_time if newest else None)
        return max((time for time in times if time is not None), default=None)


_Family = CounterMetricFamily | GaugeMetricFamily


def _families() -> dict[str, _Family]:
    kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
    declared = [METRICS[name] for name in _OF_CLUSTER]
    return {m.name: kinds[m.kind](m.name, m.text, labels=m.labels) for m in declared}


def since(run: Run) -> datetime:
    """Say from when on a run has been Queued, Pending or Running."""
    status = run.status
    if not status.attempts:
        return run.waits_since
    attempt = status.current
    if status.state is RunState.RUNNING:
        return attempt.start_time or attempt.creation_time
    return attempt.completion_time or attempt.creation_time
