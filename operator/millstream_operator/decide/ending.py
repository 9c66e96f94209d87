"""An attempt that has ended: the run becomes final, or awaits its next attempt."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from millstream.resources.completion_record import CompletionRecord
from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.model import timestamp
from millstream.resources.reasons import Reason
from millstream.resources.run_template import RetryPolicy
from millstream.resources.states import RunState
from millstream.resources.user_metrics import UserSample
from millstream_operator.decide.attempt import frozen_template
from millstream_operator.decide.evidence import (
    VERDICTS,
    Outcome,
    current_pods,
    last_lines,
    outcome,
    pod_of,
    record_of,
)
from millstream_operator.decide.gone import release
from millstream_operator.decide.message import sentence
from millstream_operator.decide.observed import Job, ObservedRun, Pod, Run
from millstream_operator.decide.plan import ConfirmJob, Plan, WriteRunStatus
from millstream_operator.decide.retry import backoff
from millstream_operator.decide.status import in_state, with_end

__all__ = ["end", "finish", "retry_or_end"]

_RESULT_OF_RETRY = "Attempt {number} ended: {message} Attempt {next} starts at {time:%Y-%m-%d %H:%M:%S} UTC."


def end(observed: ObservedRun, run: Run) -> Plan | None:
    """Record the end of the current attempt, once it is certain."""
    job = observed.jobs[run.status.current.job]
    pod = pod_of(run, current_pods(observed, run), job)
    if pod and _speaks_for_itself(run, job, pod):
        return finish(observed, run, job, pod)
    if job.failure is None and not job.complete:
        return None
    if pod and pod.ended:
        return finish(observed, run, job, pod)
    if pod and not job.ended:
        return None  # the pod is being stopped, and what it leaves is worth waiting for
    if observed.confirmed != job.name:
        return Plan((ConfirmJob(job.name),))
    return finish(observed, run, job, pod)


def _speaks_for_itself(run: Run, job: Job, pod: Pod) -> bool:
    """Whether the pod alone tells how the attempt ended, before the Job controller has got there."""
    record = record_of(run, pod)
    if record is None or pod.exit_code is None:
        return False
    if pod.exit_code == 0:
        return record.state is RunState.COMPLETED
    disturbed = pod.deleting or pod.disruption is not None or job.deleting
    return not disturbed and record.reason in VERDICTS and record.reason is not Reason.INTERRUPTED


def finish(observed: ObservedRun, run: Run, job: Job | None, pod: Pod | None) -> Plan:
    """Write down how the attempt ended, and let go of its pods."""
    plan = retry_or_end(observed, run, job, pod, outcome(run, job, pod))
    return Plan((*plan.actions, *release(current_pods(observed, run))), plan.requeue_at)


def retry_or_end(observed: ObservedRun, run: Run, job: Job | None, pod: Pod | None, ended: Outcome) -> Plan:
    """Write down that the attempt ended like this: the run is final, or awaits its next attempt."""
    status, again = _after(observed, run, ended, _facts(observed, run, job, pod, ended))
    return Plan((WriteRunStatus(status),), again)


def _after(
    observed: ObservedRun, run: Run, ended: Outcome, facts: dict[str, Any]
) -> tuple[FlowRunStatus, datetime | None]:
    if ended.reason is None:
        return _final(observed, run, ended, RunState.COMPLETED, facts), None
    verdict = VERDICTS[ended.reason]
    spent = getattr(run.status, verdict.budget) + 1 if verdict.budget else 0
    if verdict.budget:
        facts[verdict.budget] = spent
    template = frozen_template(observed, run)
    policy = template.retry_policy if template else RetryPolicy(failures=0, disruptions=0)
    if verdict.budget is None or spent > getattr(policy, verdict.budget):
        return _final(observed, run, ended, verdict.state, facts), None
    number = run.status.attempt
    over = facts["attempts"][-1].completion_time
    again = timestamp(max(over + backoff(policy, number), observed.now))
    message = _RESULT_OF_RETRY.format(
        number=number, message=sentence(ended.message), next=number + 1, time=again
    )
    facts["next_attempt_time"] = again
    return in_state(run, observed.now, RunState.AWAITING_RETRY, ended.reason, message, **facts), again


def _final(
    observed: ObservedRun, run: Run, ended: Outcome, state: RunState, facts: dict[str, Any]
) -> FlowRunStatus:
    """Give the status of a run that ends with its attempt, and so when that did."""
    over = facts["attempts"][-1].completion_time
    return in_state(run, observed.now, state, ended.reason, ended.message, completion_time=over, **facts)


def _facts(
    observed: ObservedRun, run: Run, job: Job | None, pod: Pod | None, ended: Outcome
) -> dict[str, Any]:
    """Collect what an ended attempt leaves in the status."""
    started = pod.started_at if pod else None
    record = ended.record
    attempts = with_end(
        run.status,
        observed.now,
        job_uid=job.uid if job else run.status.current.job_uid,
        pod=pod.name if pod else run.status.current.pod,
        node=pod.node if pod else run.status.current.node,
        start_time=run.status.current.start_time or started,
        end_time=pod.ended_at if pod else run.status.current.end_time,
        reason=ended.reason,
        message=ended.message,
        exit_code=ended.exit_code,
        log_tail=last_lines(run, pod, frozen_template(observed, run)) if pod and ended.reason else "",
    )
    facts: dict[str, Any] = {"attempts": attempts, "start_time": run.status.start_time or started}
    if record is not None:
        samples = list(_samples(record))
        facts |= {
            "recorded_attempt": run.status.attempt,
            "tasks": record.tasks,
            "task_retries": record.task_retries,
            "metrics": samples,
            "metrics_dropped": record.metrics_dropped,
            "metrics_invalid": record.metrics_invalid + len(record.metrics) - len(samples),
        }
        if record.has_result:
            facts["result"] = record.result
        facts["result_storage"] = record.result_storage
    return facts


def _samples(record: CompletionRecord) -> Iterator[UserSample]:
    """Read what the flow recorded; what the runner would not have let it record is forged, or of a newer release."""
    known = set()
    for recorded in record.metrics:
        with suppress(ValueError):
            sample = UserSample.model_validate(recorded)
            series = (sample.name, frozenset(sample.labels.items()))
            if sample.is_recordable and series not in known:
                known.add(series)
                yield sample
