"""What a change of a run counts for, and the one place where it is counted."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from millstream.resources.flow_run import Attempt, FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.cache import Cache
from millstream_operator.decide.evidence import VERDICTS
from millstream_operator.decide.observed import Run
from millstream_operator.kinds import FLOW_RUNS
from millstream_operator.metric_registry import METRICS, POD_REASONS, TASK_STATES
from millstream_operator.metrics import Metrics
from millstream_operator.user_metrics import UserMetrics

__all__ = ["Entry", "RunMetrics", "before_its_end", "entries"]

_PENDING_REASONS = {
    Reason.IMAGE_PULL_ERROR, Reason.CONFIG_ERROR, Reason.UNSCHEDULABLE, Reason.POD_CREATION_FAILED,
}  # fmt: skip
_CAUSES = {"failures": "Failure", "disruptions": "Disruption"}


class Entry(NamedTuple):
    """A metric, its labels, and what is to be added or observed."""

    metric: str
    labels: tuple[str, ...]
    amount: float = 1


def entries(before: FlowRunStatus, run: Run, deployment: str) -> Iterator[Entry]:
    """Say what has happened to a run since `before`, under the name of a deployment ("" for none that exists)."""
    after, of_run = run.status, (run.namespace, deployment)
    if before.state is None and after.state is not None:
        yield from _created(run, of_run)
    if before.start_time is None and after.start_time is not None:
        delay = max(0.0, (after.start_time - run.waits_since).total_seconds())
        yield Entry("millstream_flow_run_start_delay_seconds", of_run, delay)
    reason = after.reason if after.state is RunState.PENDING else None
    if reason in _PENDING_REASONS and (before.state, before.reason) != (after.state, reason):
        yield Entry("millstream_pod_failures_total", (run.namespace, reason))
    yield from _attempts(before, after, of_run)
    if after.recorded_attempt != before.recorded_attempt:
        yield from _tasks(after, of_run)
    if after.state is not None and after.state.is_final and not (before.state and before.state.is_final):
        yield from _finished(after, after.state, of_run)


def before_its_end(status: FlowRunStatus) -> FlowRunStatus:
    """Give the status of a run as it was before its newest attempt ended."""
    current = status.current.replace(completion_time=None)
    recorded = 0 if status.recorded_attempt == current.number else status.recorded_attempt
    return status.replace(
        state=RunState.RUNNING, attempts=[*status.attempts[:-1], current], recorded_attempt=recorded
    )


def _created(run: Run, of_run: tuple[str, str]) -> Iterator[Entry]:
    yield Entry("millstream_flow_runs_created_total", (*of_run, run.trigger))
    if run.trigger == "Schedule" and run.spec.scheduled_time:
        lag = max(0.0, (run.creation_time - run.spec.scheduled_time).total_seconds())
        yield Entry("millstream_schedule_lag_seconds", of_run, lag)


def _attempts(before: FlowRunStatus, after: FlowRunStatus, of_run: tuple[str, str]) -> Iterator[Entry]:
    known = {attempt.number for attempt in before.attempts if attempt.completion_time}
    for attempt in after.attempts:
        if attempt.completion_time is None or attempt.number in known:
            continue
        if attempt.reason in POD_REASONS:
            yield Entry("millstream_pod_failures_total", (of_run[0], attempt.reason))
        if cause := _retried(attempt, after):
            yield Entry("millstream_flow_run_retries_total", (*of_run, cause))


def _retried(attempt: Attempt, after: FlowRunStatus) -> str | None:
    """Say who was to blame for an attempt that is followed by another one; None if it is not, or was only paused."""
    if attempt.number == after.attempt and after.state is not RunState.AWAITING_RETRY:
        return None
    budget = VERDICTS[attempt.reason].budget if attempt.reason in VERDICTS else None
    return _CAUSES[budget] if budget else None


def _tasks(after: FlowRunStatus, of_run: tuple[str, str]) -> Iterator[Entry]:
    for name, number in after.tasks.items():
        state = name if name in TASK_STATES else "Other"
        yield Entry("millstream_task_runs_finished_total", (*of_run, state), max(0, number))
    if after.task_retries > 0:
        yield Entry("millstream_task_retries_total", of_run, after.task_retries)


def _finished(after: FlowRunStatus, state: RunState, of_run: tuple[str, str]) -> Iterator[Entry]:
    yield Entry("millstream_flow_runs_finished_total", (*of_run, state))
    if state is RunState.CANCELLED and after.reason is Reason.CONCURRENCY_LIMIT:
        yield Entry("millstream_flow_runs_skipped_total", of_run)
    if after.start_time and after.completion_time:
        seconds = max(0.0, (after.completion_time - after.start_time).total_seconds())
        yield Entry("millstream_flow_run_duration_seconds", of_run, seconds)


class RunMetrics:
    """Counts what happens to runs from the moment on in which this operator begins to decide about them.

    It goes by what the cache sees, so that also a change counts whose answer was lost; and each version of a run is
    seen once.
    """

    def __init__(self, metrics: Metrics, user: UserMetrics, cache: Cache) -> None:
        """Count nothing yet.

        Args:
            metrics: where it is counted.
            user: takes what flows have recorded.
            cache: knows which deployments there are. Other names are no labels: whoever may create runs could
                invent any number of them.
        """
        self._metrics = metrics
        self._user = user
        self._cache = cache
        self._begun = False
        cache.tell(FLOW_RUNS, self.moved)

    def begin(self, unreleased: Iterable[Run]) -> None:
        """Begin to count.

        Args:
            unreleased: runs whose newest attempt's end is stored while its pod is still held: who stored it died
                before it went on, so that what it counted was seen by nobody.
        """
        self._begun = True
        for run in unreleased:
            self._count(before_its_end(run.status), run)

    def moved(self, old: Run | None, new: Run | None) -> None:
        """Count what has happened to a run between two versions of it."""
        if self._begun and old is not None and new is not None:
            self._count(old.status, new)

    def _count(self, before: FlowRunStatus, run: Run) -> None:
        name = run.deployment or ""
        deployment = name if self._cache.deployment(run.namespace, name) else ""
        for entry in entries(before, run, deployment):
            count = self._metrics.observe if METRICS[entry.metric].buckets else self._metrics.add
            count(entry.metric, *entry.labels, amount=entry.amount, run=run.name)
        if run.status.recorded_attempt != before.recorded_attempt:
            self._user.record(run)
