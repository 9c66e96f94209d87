"""What the cache knows of runs and deployments, computed when /metrics is asked for; nothing of it can be out of date."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import takewhile

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from millstream.resources.flow_deployment import SUSPENDED
from millstream.resources.schedule_spec import ScheduleStatus
from millstream.resources.states import RunState
from millstream_operator.cache import Cache
from millstream_operator.decide.observed import Deployment, Run
from millstream_operator.metric_registry import LABEL_VALUES, METRICS
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
    "millstream_schedule_last_timestamp_seconds",
    "millstream_schedule_since_timestamp_seconds",
    "millstream_schedule_ticks_total",
)


class ClusterMetrics(Collector):
    """The metrics of runs and deployments, shown by the operator that leads: those who stand by would show them twice."""

    def __init__(
        self,
        cache: Cache,
        user: UserMetrics,
        leads: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        """Make the collector.

        Args:
            cache: what is known.
            user: what flows have recorded.
            leads: whether to show anything.
            now: gives the time.
        """
        self._cache = cache
        self._user = user
        self._leads = leads
        self._now = now

    def collect(self) -> Iterable[Family]:
        """Compute what holds now."""
        if not self._leads():
            return []
        families = _families()
        self._count_runs(families)
        for deployment in self._cache.deployments():
            self._tell(families, deployment)
        return [*families.values(), *self._user.collect()]

    def _count_runs(self, families: dict[str, "_Family"]) -> None:
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
        for what, times in _past(status.schedules).items():
            if times:
                families[f"millstream_schedule_{what}_timestamp_seconds"].add_metric(
                    name, max(times).timestamp()
                )
        if spec.schedules:
            family = families["millstream_schedule_ticks_total"]
            family.add_metric([*name, "Fired"], status.ticks_fired)
            family.add_metric([*name, "Missed"], status.ticks_missed)
        success = self._last_success(deployment)
        newest_first = reversed(self._cache.finished_without_success(deployment))
        since_then = takewhile(lambda run: success is None or run.ended > success, newest_first)
        failed = sum(run.status.state is not RunState.CANCELLED for run in since_then)
        families["millstream_flow_runs_failed_in_a_row"].add_metric(name, failed)
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


def _past(schedules: Iterable[ScheduleStatus]) -> dict[str, list[datetime]]:
    """Give the latest ticks and the beginnings of the schedules that go on; what was before a beginning is no tick of theirs."""
    going = [schedule for schedule in schedules if schedule.next_time]
    ticks = [s.last_time for s in going if s.last_time and s.last_time >= s.since]
    return {"last": ticks, "since": [s.since for s in going]}


def since(run: Run) -> datetime:
    """Say from when on a run has been Queued, Pending or Running."""
    status = run.status
    if not status.attempts:
        return run.waits_since
    attempt = status.current
    if status.state is RunState.RUNNING:
        return attempt.start_time or attempt.creation_time
    return attempt.completion_time or attempt.creation_time
