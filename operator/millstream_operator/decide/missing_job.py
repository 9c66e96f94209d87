"""An attempt whose Job is not there: not created yet, refused, or deleted by somebody."""

from datetime import datetime, timedelta
from http import HTTPStatus

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import create_job, frozen_template, revision_lost
from millstream_operator.decide.cancel import cancel_for
from millstream_operator.decide.evidence import current_pods
from millstream_operator.decide.gone import release
from millstream_operator.decide.observed import ObservedRun, Refusal, Run
from millstream_operator.decide.plan import ConfirmJob, CreateJob, Plan, WriteRunStatus
from millstream_operator.decide.start_timeout import patience, timed_out
from millstream_operator.decide.status import ended_without_outcome, in_state

__all__ = ["create_or_explain"]

_TRY_AGAIN = timedelta(seconds=10)
_LEFTOVER_GRACE = timedelta(seconds=60)
"""An earlier run of the same name may just have been deleted, and its Job is still on its way out."""
_SOON = timedelta(seconds=1)
_BUSY = {HTTPStatus.CONFLICT, *range(500, 600)}
_INVALID = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


def create_or_explain(observed: ObservedRun, run: Run) -> Plan | None:
    """Create the Job, or say why there is none; one that is being deleted counts as none."""
    attempt = run.status.current
    job = observed.jobs.get(attempt.job)
    if job is not None and not job.deleting:
        return None
    existed = job or attempt.job_uid or run.status.reason is Reason.JOB_DELETED or current_pods(observed, run)
    if not existed:
        return _create(observed, run)
    if observed.confirmed != attempt.job:
        return Plan((ConfirmJob(attempt.job),))
    return cancel_for(observed, run, Reason.JOB_DELETED, f"Job {attempt.job} was deleted.")


def _create(observed: ObservedRun, run: Run) -> Plan:
    template = frozen_template(observed, run)
    if template is None:
        return revision_lost(observed, run)
    name, refusal = run.status.current.job, observed.refusal
    job = create_job(run, template, run.status.attempt)
    if refusal is None or refusal.job != name:
        # It may have been made, by an operator before this one, and have been deleted unseen.
        return Plan((job if observed.confirmed == name else ConfirmJob(name),))
    if refusal.foreign:
        return _conflict(observed, run, refusal, job)
    if refusal.code in _INVALID:
        return _final(observed, run, RunState.FAILED, Reason.JOB_REJECTED, refusal.message)
    reason = None if refusal.code in _BUSY else Reason.POD_CREATION_FAILED
    if observed.now >= refusal.since + patience(template, reason, refusal.message):
        return Plan((WriteRunStatus(timed_out(observed, run, template)),))
    again = refusal.time + (_SOON if refusal.code in _BUSY else _TRY_AGAIN)
    return _wait(observed, run, Reason.POD_CREATION_FAILED, refusal.message, job, again)


def _conflict(observed: ObservedRun, run: Run, refusal: Refusal, job: CreateJob) -> Plan:
    if refusal.time >= refusal.since + _LEFTOVER_GRACE:
        return _final(observed, run, RunState.FAILED, Reason.JOB_CONFLICT, refusal.message)
    again = refusal.time + _SOON
    return _wait(observed, run, Reason.JOB_CONFLICT, refusal.message, job, again)


def _wait(
    observed: ObservedRun, run: Run, reason: Reason, message: str, job: CreateJob, again: datetime
) -> Plan:
    if observed.now >= again:
        return Plan((job,))
    if run.status.reason is reason:
        return Plan(requeue_at=again)
    status = in_state(run, observed.now, RunState.PENDING, reason, message)
    return Plan((WriteRunStatus(status),), again)


def _final(observed: ObservedRun, run: Run, state: RunState, reason: Reason, message: str) -> Plan:
    status = ended_without_outcome(run, observed.now, state, reason, message)
    return Plan((WriteRunStatus(status), *release(current_pods(observed, run))))
