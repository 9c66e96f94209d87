"""The operator's metrics. Labels are namespaces, deployments and closed lists, never the name of a run."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run

__all__ = ["Metrics"]

_RUN_SECONDS = (1, 2.5, 5, 10, 30, 60, 150, 300, 900, 1800, 3600, 10800, 43200, 86400)
_START_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_CALL_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15)
_OF_RUN = ("namespace", "deployment")


class Metrics:
    """What /metrics shows."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._finished = Counter(
            "millstream_flow_runs_finished",
            "FlowRuns that became final since this operator started.",
            [*_OF_RUN, "state", "reason"],
            registry=self.registry,
        )
        self._duration = Histogram(
            "millstream_flow_run_duration_seconds",
            "From the start of the flow's container to the end of the run, all attempts together.",
            [*_OF_RUN, "state"],
            buckets=_RUN_SECONDS,
            registry=self.registry,
        )
        self._start_delay = Histogram(
            "millstream_flow_run_start_delay_seconds",
            "From the time a run was due to the start of the flow's container.",
            _OF_RUN,
            buckets=_START_SECONDS,
            registry=self.registry,
        )
        self._retries = Counter(
            "millstream_flow_run_retries",
            "New attempts, by the reason that the last one ended.",
            [*_OF_RUN, "reason"],
            registry=self.registry,
        )
        self._calls = Histogram(
            "millstream_operator_api_request_seconds",
            "Requests to the API server; code 0 means no answer.",
            ["verb", "resource", "code"],
            buckets=_CALL_SECONDS,
            registry=self.registry,
        )
        self._reconciles = Histogram(
            "millstream_operator_reconcile_seconds",
            "Decisions with what they did, by result.",
            ["kind", "result"],
            buckets=_CALL_SECONDS,
            registry=self.registry,
        )

    def observe_runs(self, runs: Callable[[], Iterable[Run]]) -> None:
        """Show the runs that exist by state, counted when asked."""
        self.registry.register(_RunsByState(runs))

    def observe_queue(self, length: Callable[[], int], oldest_seconds: Callable[[], float]) -> None:
        """Show how much waits to be decided, and for how long."""
        self.registry.register(_Gauge("millstream_operator_queue_length", "Keys that wait.", length))
        self.registry.register(
            _Gauge(
                "millstream_operator_queue_oldest_seconds", "Age of the oldest that waits.", oldest_seconds
            )
        )

    def run_moved(self, run: Run, status: FlowRunStatus, *, known: bool) -> None:
        """Count a change of a run's state that has been stored.

        The names of deployments that are not `known` are no labels: whoever may create runs could invent any number.
        """
        state = status.state
        if state is None or state is run.status.state:
            return
        of_run = (run.namespace, (run.deployment or "") if known else "")
        if run.status.start_time is None and status.start_time:
            due = max(run.due, run.creation_time)  # the ticks of a backfill were due long before
            self._start_delay.labels(*of_run).observe(max(0.0, (status.start_time - due).total_seconds()))
        if state is RunState.AWAITING_RETRY:
            self._retries.labels(*of_run, status.reason or "").inc()
        if state.is_final:
            self._finished.labels(*of_run, state, status.reason or "").inc()
            if status.start_time and status.completion_time:
                seconds = (status.completion_time - status.start_time).total_seconds()
                self._duration.labels(*of_run, state).observe(max(0.0, seconds))

    def api_call(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count a request to the API server."""
        self._calls.labels(verb, resource, str(code)).observe(seconds)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Count a decision."""
        self._reconciles.labels(kind, result).observe(seconds)

    def observe_process(self, leads: Callable[[], bool], lag_seconds: Callable[[], float]) -> None:
        """Show whether this operator is the one that writes, and how late its event loop is."""
        for name, text, value in (
            ("leader", "1 for the operator that may write, 0 for those that stand by.", leads),
            ("loop_lag_seconds", "How late the event loop runs what is due.", lag_seconds),
        ):
            self.registry.register(_Gauge(f"millstream_operator_{name}", text, value))

    def page(self) -> bytes:
        """Give what /metrics answers, in Prometheus' text format."""
        return generate_latest(self.registry)


class _RunsByState(Collector):
    def __init__(self, runs: Callable[[], Iterable[Run]]) -> None:
        self._runs = runs

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [self._family()]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        tally = Tally(
            (run.namespace, run.deployment or "", run.status.state or RunState.PENDING)
            for run in self._runs()
        )
        family = self._family()
        for labels, count in tally.items():
            family.add_metric(labels, count)
        return [family]

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "millstream_flow_runs", "FlowRuns that exist, by state.", labels=[*_OF_RUN, "state"]
        )


class _Gauge(Collector):
    def __init__(self, name: str, text: str, value: Callable[[], float]) -> None:
        self._name, self._text, self._value = name, text, value

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [GaugeMetricFamily(self._name, self._text)]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return [GaugeMetricFamily(self._name, self._text, value=self._value())]
