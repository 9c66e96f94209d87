"""An attempt whose container does not start in time: a bad image, no node that fits, a quota."""

from datetime import datetime, timedelta

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import frozen_template
from millstream_operator.decide.evidence import current_pods, pod_of
from millstream_operator.decide.observed import Job, ObservedRun, Run
from millstream_operator.decide.plan import ConfirmJob, DeleteJob, Plan, WriteRunStatus
from millstream_operator.decide.status import ended_without_outcome

__all__ = ["start_deadline", "time_out_start", "timed_out"]


def start_deadline(job: Job, template: RunTemplate) -> datetime:
    """Give the time by which the container of a Job must run."""
    return job.start_time + timedelta(seconds=template.timeouts.start_seconds)


def time_out_start(observed: ObservedRun, run: Run) -> Plan | None:
    """End an attempt that did not start in time; no other is made, since it would wait for the same."""
    job = observed.jobs[run.status.current.job]
    pod = pod_of(run, current_pods(observed, run), job)
    template = frozen_template(observed, run)
    started = run.status.current.start_time or (pod and (pod.started_at or pod.ended))
    if template is None or job.suspended or started or observed.now < start_deadline(job, template):
        return None
    if observed.confirmed != job.name:
        return Plan((ConfirmJob(job.name),))
    return Plan((WriteRunStatus(timed_out(observed, run, template)), DeleteJob(job.name, job.uid)))


def timed_out(observed: ObservedRun, run: Run, template: RunTemplate) -> FlowRunStatus:
    """Give the status of a run whose attempt did not start in time."""
    last = run.status.reason
    waited = f"{last}: {run.status.message}" if last else "The pod did not start."
    message = f"Not started within {template.timeouts.start_seconds} seconds. {waited}"
    return ended_without_outcome(run, observed.now, RunState.CRASHED, Reason.START_TIMEOUT, message)
