"""A live attempt: what it waits for, or that it runs."""

from datetime import datetime, timedelta

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import frozen_template
from millstream_operator.decide.evidence import current_pods, pod_of
from millstream_operator.decide.gone import release
from millstream_operator.decide.observed import Job, ObservedRun, Pod, PodWarning, Run
from millstream_operator.decide.plan import Plan, ReadWarning, WriteRunStatus
from millstream_operator.decide.start_timeout import patience
from millstream_operator.decide.status import in_state, with_current

__all__ = ["report_progress"]

_POD_EXPECTED = timedelta(seconds=3)
_START_EXPECTED = timedelta(seconds=10)
_ASK_AGAIN = timedelta(seconds=10)
_NAMES_A_CLAIM = 'persistentvolumeclaim "'
"""The scheduler does so when the claim is missing or being deleted; no other node would help."""
_IMAGE_REASONS = {
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
    "RegistryUnavailable", "SignatureValidationFailed",
}  # fmt: skip


def report_progress(observed: ObservedRun, run: Run) -> Plan | None:
    """Report `Running`, or `Pending` with what the attempt waits for."""
    job = observed.jobs[run.status.current.job]
    pod = pod_of(run, current_pods(observed, run), job)
    if job.suspended:
        return _suspended(observed, run, job)
    if pod and pod.started_at:
        return _running(observed, run, job, pod)
    template = frozen_template(observed, run)
    if unseen := _ask(observed, job, pod):
        return unseen
    reason, message = _waits_for(observed, job, pod)
    deadline = None
    if template is not None and not (pod and pod.ended):
        deadline = job.start_time + patience(template, reason, message)
    again = _earliest(deadline, _look_again(observed, job, pod))
    changes = {"attempts": with_current(run.status, job_uid=job.uid, pod=pod.name if pod else None)}
    status = in_state(run, observed.now, RunState.PENDING, reason, message, **changes)
    return Plan((WriteRunStatus(status),) if _is_news(run, status) else (), again)


def _suspended(observed: ObservedRun, run: Run, job: Job) -> Plan:
    """A Job that waits for Kueue, perhaps not for the first time: it is no failure that its pods were taken away."""
    ended = release(pod for pod in current_pods(observed, run) if pod.ended)
    if (run.status.state, run.status.reason) == (RunState.QUEUED, Reason.JOB_SUSPENDED):
        return Plan(ended)
    attempts = with_current(run.status, job_uid=job.uid)
    status = in_state(run, observed.now, RunState.QUEUED, Reason.JOB_SUSPENDED, "", attempts=attempts)
    return Plan((WriteRunStatus(status), *ended))


def _is_news(run: Run, status: FlowRunStatus) -> bool:
    """Only what is missing is worth a second look; other words alternate, at every attempt to pull for instance."""
    if run.status.state is not RunState.PENDING or run.status.reason is not status.reason:
        return True
    return status.reason is Reason.CONFIG_ERROR and run.status.message != status.message


def _running(observed: ObservedRun, run: Run, job: Job, pod: Pod) -> Plan:
    if run.status.state is RunState.RUNNING:
        return Plan()
    attempts = with_current(
        run.status, job_uid=job.uid, pod=pod.name, node=pod.node, start_time=pod.started_at
    )
    status = in_state(
        run,
        observed.now,
        RunState.RUNNING,
        None,
        "",
        attempts=attempts,
        start_time=run.status.start_time or pod.started_at,
    )
    return Plan((WriteRunStatus(status),))


def _waits_for(observed: ObservedRun, job: Job, pod: Pod | None) -> tuple[Reason, str]:
    warning = _warning(observed, job, pod)
    if warning and warning.message:
        return Reason.CONFIG_ERROR if pod else Reason.POD_CREATION_FAILED, warning.message
    if pod is None:
        return Reason.WAITING_FOR_POD, ""
    if pod.unschedulable:
        reason = Reason.CONFIG_ERROR if _NAMES_A_CLAIM in pod.unschedulable else Reason.UNSCHEDULABLE
        return reason, pod.unschedulable
    if pod.waiting:
        word, said = pod.waiting
        reason = Reason.IMAGE_PULL_ERROR if word in _IMAGE_REASONS else Reason.CONFIG_ERROR
        return reason, f"{word}: {said}"
    return Reason.WAITING_FOR_POD, ""


def _ask(observed: ObservedRun, job: Job, pod: Pod | None) -> Plan | None:
    """Ask for Events when neither the Job nor the pod says why nothing happens."""
    expected = _silent_until(job, pod)
    if expected is None or observed.now < expected:
        return None
    warning = _warning(observed, job, pod)
    if warning and observed.now < warning.time + _ASK_AGAIN:
        return None
    return Plan((ReadWarning(pod.uid if pod else job.uid),))


def _warning(observed: ObservedRun, job: Job, pod: Pod | None) -> PodWarning | None:
    """Give what the Events say about the pod, or about the Job while it has none."""
    warning = observed.warning
    return warning if warning and warning.uid == (pod.uid if pod else job.uid) else None


def _silent_until(job: Job, pod: Pod | None) -> datetime | None:
    if job.suspended or (pod and (pod.ended or pod.waiting or pod.unschedulable)):
        return None
    return job.start_time + (_START_EXPECTED if pod else _POD_EXPECTED)


def _look_again(observed: ObservedRun, job: Job, pod: Pod | None) -> datetime | None:
    expected = _silent_until(job, pod)
    if expected is None:
        return None
    warning = _warning(observed, job, pod)
    return warning.time + _ASK_AGAIN if warning else expected


def _earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
