"""Every metric of /metrics, declared once: docs/metrics.md, the dashboards and the alerts are checked against this list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

__all__ = ["LABEL_VALUES", "METRICS", "OF_DEPLOYMENT", "POD_REASONS", "TASK_STATES", "Metric"]

OF_DEPLOYMENT = ("namespace", "deployment")
_RUN_SECONDS = (1, 2.5, 5, 10, 30, 60, 150, 300, 900, 1800, 3600, 10800, 43200, 86400)
_START_SECONDS = (1, 2, 3, 5, 10, 30, 60, 300, 900)
_LAG_SECONDS = (1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43200, 86400)
_CALL_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15)
_OBJECT_BYTES = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576)

TASK_STATES = ("Completed", "Cached", "Failed", "TimedOut", "Crashed", "Cancelled", "Other")
"""Names of states that the SDK gives to task runs; a flow may give any other, which counts as Other."""
POD_REASONS = (
    Reason.IMAGE_PULL_ERROR, Reason.CONFIG_ERROR, Reason.UNSCHEDULABLE, Reason.POD_CREATION_FAILED,
    Reason.START_TIMEOUT, Reason.REQUIREMENTS_FAILED, Reason.OOM_KILLED, Reason.EVICTED, Reason.INTERRUPTED, Reason.POD_LOST,
    Reason.NODE_LOST, Reason.STORAGE_EXCEEDED, Reason.SIGNALLED, Reason.NON_ZERO_EXIT, Reason.NO_RESULT,
)  # fmt: skip
"""What goes wrong with pods, rather than with what the flow's code does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: as in a query; that of a histogram without `_bucket`, `_sum` and `_count`.
        unit: seconds, bytes or ratio; what is counted, for other numbers.
        text: what it says, a sentence.
        labels: their names.
        buckets: upper bounds, of a histogram.
        lasts: its figure comes from what is stored in the cluster, and goes on after a restart of the operator.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    lasts: bool = False

    @property
    def series(self) -> int:
        """How many series there are for each combination of labels."""
        return len(self.buckets) + 3 if self.buckets else 1


def _counter(name: str, unit: str, text: str, *labels: str, lasts: bool = False) -> Metric:
    return Metric(name=name, kind="counter", unit=unit, text=text, labels=labels, lasts=lasts)


def _gauge(name: str, unit: str, text: str, *labels: str, lasts: bool = True) -> Metric:
    return Metric(name=name, kind="gauge", unit=unit, text=text, labels=labels, lasts=lasts)


def _histogram(name: str, unit: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name=name, kind="histogram", unit=unit, text=text, labels=labels, buckets=buckets)


_DECLARED = (
    # --- runs ---
    _gauge("millstream_flow_runs", "runs", "FlowRuns that exist, by state.", *OF_DEPLOYMENT, "state"),
    _counter(
        "millstream_flow_runs_created_total", "runs",
        "FlowRuns that the operator took up, by what made them.", *OF_DEPLOYMENT, "trigger",
    ),
    _counter(
        "millstream_flow_runs_finished_total", "runs",
        "FlowRuns that became final, by state.", *OF_DEPLOYMENT, "state",
    ),
    _counter(
        "millstream_flow_runs_skipped_total", "runs",
        "FlowRuns that were cancelled since their deployment's concurrency.policy is Skip.", *OF_DEPLOYMENT,
    ),
    _counter(
        "millstream_flow_run_retries_total", "attempts",
        "Attempts that ended and are followed by another one, by who was to blame.", *OF_DEPLOYMENT, "cause",
    ),
    _histogram(
        "millstream_flow_run_duration_seconds", "seconds",
        "From the start of the flow's container to the end of the run, as its last pod tells it, all attempts together.",
        _RUN_SECONDS, *OF_DEPLOYMENT,
    ),
    _histogram(
        "millstream_flow_run_start_delay_seconds", "seconds",
        "From the time a run was due to the start of the flow's container: waiting, scheduling, image pull.",
        _START_SECONDS, *OF_DEPLOYMENT,
    ),
    _gauge(
        "millstream_flow_run_oldest_seconds", "seconds",
        "How long the run that has been Queued, Pending or Running for longest has been so.",
        *OF_DEPLOYMENT, "state",
    ),
    _gauge(
        "millstream_flow_run_last_success_timestamp_seconds", "seconds",
        "When a run completed last, in seconds since 1970.", *OF_DEPLOYMENT,
    ),
    _gauge(
        "millstream_flow_run_last_duration_seconds", "seconds",
        "How long the run took that finished last, of those that exist.", *OF_DEPLOYMENT,
    ),
    _gauge(
        "millstream_flow_runs_failed_in_a_row", "runs",
        "Runs that failed, crashed or timed out since one completed, of those that runHistory and ttlSecondsAfterFinished keep.",
        *OF_DEPLOYMENT,
    ),
    _counter(
        "millstream_pod_failures_total", "pods",
        "Pods that failed, were taken away or do not start, by reason.", "namespace", "reason",
    ),
    # --- tasks, from the completion records ---
    _counter(
        "millstream_task_runs_finished_total", "task runs",
        "Task runs that ended, by state, of attempts that left a completion record.", *OF_DEPLOYMENT, "state",
    ),
    _counter(
        "millstream_task_retries_total", "attempts",
        "Times that a task was tried again within an attempt that left a completion record.", *OF_DEPLOYMENT,
    ),
    # --- deployments and their schedules ---
    _gauge(
        "millstream_deployment_info", "deployments",
        "1 for each FlowDeployment, with what its spec says for people.",
        *OF_DEPLOYMENT, "version", "owner", "severity",
    ),
    _gauge(
        "millstream_deployment_suspended", "deployments",
        "1 where the schedules rest, by whosever word; else 0.", *OF_DEPLOYMENT,
    ),
    _counter(
        "millstream_schedule_ticks_total", "ticks",
        "Ticks of schedules that have passed while they were not suspended: Fired made a run, Missed did not.",
        *OF_DEPLOYMENT, "outcome", lasts=True,
    ),
    _histogram(
        "millstream_schedule_lag_seconds", "seconds",
        "From a tick to the creation of its run.", _LAG_SECONDS, *OF_DEPLOYMENT,
    ),
    _gauge(
        "millstream_schedule_next_timestamp_seconds", "seconds",
        "When the next tick is due, in seconds since 1970.", *OF_DEPLOYMENT,
    ),
    _gauge(
        "millstream_schedule_last_timestamp_seconds", "seconds",
        "When the latest tick was due of those that have passed since the schedules were made, edited or resumed, in seconds since 1970.",
        *OF_DEPLOYMENT,
    ),
    _gauge(
        "millstream_schedule_since_timestamp_seconds", "seconds",
        "When a schedule was last made, edited or resumed, in seconds since 1970.", *OF_DEPLOYMENT,
    ),
    # --- what flows record ---
    _counter(
        "millstream_user_counter_total", "as declared",
        "What flows counted; metric is the name that their deployment declares, beside the labels that it declares.",
        *OF_DEPLOYMENT, "metric",
    ),
    _gauge(
        "millstream_user_gauge", "as declared",
        "What the run that finished last recorded, of those that exist; labels as above.",
        *OF_DEPLOYMENT, "metric",
    ),
    _counter(
        "millstream_user_samples_dropped_total", "samples",
        "Values that flows recorded and that are not shown, by reason.", *OF_DEPLOYMENT, "reason",
    ),
    # --- the operator itself ---
    _gauge(
        "millstream_operator_build_info", "operators", "1, with the operator's version.", "version", lasts=False
    ),
    _gauge(
        "millstream_operator_leader", "operators",
        "1 for the operator that may write, 0 for those that stand by.", lasts=False,
    ),
    _gauge(
        "millstream_operator_lease_held", "operators",
        "1 from an operator that may write or sees another one renew the Lease, else 0.", lasts=False,
    ),
    _gauge(
        "millstream_operator_loop_lag_seconds", "seconds",
        "How late the event loop runs what is due.", lasts=False,
    ),
    _gauge("millstream_operator_queue_length", "keys", "Runs and deployments that wait to be decided about.", lasts=False),
    _gauge(
        "millstream_operator_queue_oldest_seconds", "seconds",
        "How long the one that has waited for longest has waited.", lasts=False,
    ),
    _counter(
        "millstream_operator_reconciles_total", "decisions",
        "Decisions that were carried out, or failed, by result.", "kind", "result",
    ),
    _histogram(
        "millstream_operator_reconcile_duration_seconds", "seconds",
        "How long decisions took, with what they did.", _CALL_SECONDS, "kind",
    ),
    _counter(
        "millstream_operator_api_requests_total", "requests",
        "Requests to the API server, by HTTP status; code 0 means no answer.", "verb", "resource", "code",
    ),
    _histogram(
        "millstream_operator_api_request_duration_seconds", "seconds",
        "How long requests to the API server took.", _CALL_SECONDS, "verb", "resource",
    ),
    _histogram(
        "millstream_operator_object_bytes", "bytes",
        "Size of the objects that the operator wrote, as JSON.", _OBJECT_BYTES, "resource",
    ),
    _gauge(
        "millstream_operator_watch_age_seconds", "seconds",
        "How long ago anything was heard of objects of a kind: at most 90 seconds where all is well, five and a half minutes for flowdeployments.",
        "resource", lasts=False,
    ),
    _counter(
        "millstream_operator_series_dropped_total", "observations",
        "Observations left out since their metric has as many series as it may have.", "metric",
    ),
)  # fmt: skip

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _DECLARED}

LABEL_VALUES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("millstream_flow_runs", "state"): tuple(RunState),
    ("millstream_flow_runs_created_total", "trigger"): ("Schedule", "Backfill", "Manual"),
    ("millstream_flow_runs_finished_total", "state"): tuple(s for s in RunState if s.is_final),
    ("millstream_flow_run_retries_total", "cause"): ("Failure", "Disruption"),
    ("millstream_flow_run_oldest_seconds", "state"): (RunState.QUEUED, RunState.PENDING, RunState.RUNNING),
    ("millstream_pod_failures_total", "reason"): POD_REASONS,
    ("millstream_task_runs_finished_total", "state"): TASK_STATES,
    ("millstream_schedule_ticks_total", "outcome"): ("Fired", "Missed"),
    ("millstream_user_samples_dropped_total", "reason"): (
        "FullRecord",
        "Invalid",
        "Undeclared",
        "TooManySeries",
    ),
    ("millstream_operator_reconciles_total", "result"): ("ok", "conflict", "refused", "unreachable", "error"),
}
"""The values of labels that stand in closed lists, for each metric that has such a label."""
