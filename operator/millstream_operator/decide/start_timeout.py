"""An attempt whose container does not start in time: a bad image, no node that fits, a quota."""

from datetime import timedelta

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import frozen_template
from millstream_operator.decide.evidence import current_pods, pod_of
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import ConfirmJob, DeleteJob, Plan, WriteRunStatus
from millstream_operator.decide.status import ended_without_outcome

__all__ = ["patience", "time_out_start", "timed_out"]

_REFUSED = timedelta(seconds=60)


def patience(template: RunTemplate, reason: Reason | None, message: str) -> timedelta:
    """Give how long an attempt may wait for what it waits for.

    A quota is waited for as long as for anything else; what else refuses a pod (pod security, an admission policy, a
    service account that is missing) seldom changes by itself.
    """
    limit = timedelta(seconds=template.timeouts.start_seconds)
    refused = reason is Reason.POD_CREATION_FAILED and "exceeded quota" not in message
    return min(limit, _REFUSED) if refused else limit


def time_out_start(observed: ObservedRun, run: Run) -> Plan | None:
    """End an attempt that did not start in time; no other is made, since it would wait for the same."""
    job = observed.jobs[run.status.current.job]
    pod = pod_of(run, current_pods(observed, run), job)
    template = frozen_template(observed, run)
    started = run.status.current.start_time or (pod and (pod.started_at or pod.ended))
    if template is None or job.suspended or started:
        return None
    if observed.now < job.start_time + patience(template, run.status.reason, run.status.message):
        return None
    if observed.confirmed != job.name:
        return Plan((ConfirmJob(job.name),))
    return Plan((WriteRunStatus(timed_out(observed, run, template)), DeleteJob(job.name, job.uid)))


def timed_out(observed: ObservedRun, run: Run, template: RunTemplate) -> FlowRunStatus:
    """Give the status of a run whose attempt did not start in time."""
    last = run.status.reason
    waited = f"{last}: {run.status.message}" if last else "The pod did not start."
    seconds = patience(template, last, run.status.message).total_seconds()
    message = f"Not started within {seconds:.0f} seconds. {waited}"
    return ended_without_outcome(run, observed.now, RunState.CRASHED, Reason.START_TIMEOUT, message)
