"""A run that is to end before its flow does: cancelled, replaced by a newer one, or out of time."""

from datetime import datetime, timedelta
from typing import Any

from millstream.resources.flow_deployment import ConcurrencyPolicy
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import frozen_template
from millstream_operator.decide.defaults import stopped
from millstream_operator.decide.evidence import current_pods
from millstream_operator.decide.gone import release
from millstream_operator.decide.lost_node import lost
from millstream_operator.decide.message import sentence
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import Plan, WriteRunStatus
from millstream_operator.decide.status import in_state, with_end
from millstream_operator.decide.stop import Stop, stop_attempt

__all__ = ["cancel", "cancel_for", "total_deadline"]


def cancel(observed: ObservedRun, run: Run) -> Plan | None:
    """End a run that is asked to end, or that has been asked before."""
    cause = _cause(observed, run)
    return cancel_for(observed, run, *cause) if cause else None


def cancel_for(observed: ObservedRun, run: Run, reason: Reason, message: str) -> Plan:
    """End a run for a reason: stop its attempt, then make it final."""
    unfinished = not run.between_attempts and run.status.current.completion_time is None
    if unfinished:
        plan = stop_attempt(observed, run, Stop(RunState.CANCELLING, reason, message))
        if plan is not None:
            return plan
    return _final(observed, run, reason, message, unfinished=unfinished)


def total_deadline(observed: ObservedRun, run: Run) -> datetime | None:
    """Give when the run must have ended, all its attempts together; None for no limit, or while it is paused."""
    admitted, status = run.status.admission_time, run.status
    if admitted is None or status.paused_time is not None:
        return None
    template = frozen_template(observed, run)
    if template is None or template.timeouts.total_seconds is None:
        return None
    return admitted + timedelta(seconds=template.timeouts.total_seconds + status.paused_seconds)


def _out_of_time(observed: ObservedRun, run: Run) -> str:
    template = frozen_template(observed, run)
    seconds = template.timeouts.total_seconds if template else None
    ended = next((a for a in reversed(run.status.attempts) if a.completion_time and a.message), None)
    last = f" Attempt {ended.number} ended: {sentence(ended.message)}" if ended else ""
    return f"Not finished within {seconds} seconds, all attempts together.{last}"


def _cause(observed: ObservedRun, run: Run) -> tuple[Reason, str] | None:
    if run.spec.cancel:
        parent = observed.parent
        told = f"{parent.name}, which made it, is cancelled." if parent and parent.spec.cancel else ""
        return Reason.CANCEL_REQUESTED, told
    deadline = total_deadline(observed, run)
    if deadline is not None and observed.now >= deadline:
        return Reason.TOTAL_TIMEOUT, _out_of_time(observed, run)
    if _is_replaced(observed, run):
        return Reason.REPLACED, f"A newer run of {run.deployment} has taken its place."
    if run.status.state is RunState.CANCELLING and run.status.attempts:
        # Its cause no longer shows, as when a Job was deleted or the newer run is gone; the attempt keeps it.
        reason = run.status.current.reason or Reason.CANCEL_REQUESTED
        told = f"Job {run.status.current.job} was deleted." if reason is Reason.JOB_DELETED else ""
        return reason, told
    return None


def _is_replaced(observed: ObservedRun, run: Run) -> bool:
    concurrency = observed.deployment.spec.concurrency if observed.deployment else None
    if concurrency is None or concurrency.policy is not ConcurrencyPolicy.REPLACE:
        return False
    resting = run.spec.suspend and run.between_attempts
    if resting or run.due > observed.now or stopped(observed.defaults):
        return False  # it holds no slot that the newer runs could take, or they could not take it
    return observed.slots.newer >= concurrency.limit


def _final(observed: ObservedRun, run: Run, reason: Reason, message: str, *, unfinished: bool) -> Plan:
    state = RunState.TIMED_OUT if reason is Reason.TOTAL_TIMEOUT else RunState.CANCELLED
    pods = current_pods(observed, run)
    if gone := next((pod for pod in pods if lost(observed, pod)), None):
        told = f"Pod {gone.name} on node {gone.node} could not be stopped."
        if state is RunState.TIMED_OUT:
            message = f"{message} {told} {Reason.NODE_UNREACHABLE.hint}"
        else:
            reason, message = Reason.NODE_UNREACHABLE, told
    changes: dict[str, Any] = {}
    if unfinished:
        attempts = with_end(run.status, observed.now, reason=reason, message=message)
        changes = {"attempts": attempts, "completion_time": attempts[-1].completion_time}
    status = in_state(run, observed.now, state, reason, message, **changes)
    return Plan((WriteRunStatus(status), *release(observed.pods)))
