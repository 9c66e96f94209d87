"""How an attempt ended, from what is left of it.

The order of evidence: a valid completion record of `Completed` with exit code 0; the Job's condition; the pod's
and the container's reason; the exit code. A pod's own conditions come last because the taint manager may mark a
pod as disrupted that had already failed.
"""

import re
from dataclasses import dataclass
from typing import Literal

from millstream.resources.completion_record import CompletionRecord
from millstream.resources.exit_codes import ExitCode
from millstream.resources.flow_run import Attempt
from millstream.resources.reasons import Reason
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.decide.message import MESSAGE_CHARACTERS
from millstream_operator.decide.observed import Job, ObservedRun, Pod, Run
from millstream_operator.decide.storable import plain, storable

__all__ = ["VERDICTS", "Outcome", "completed", "current_pods", "last_lines", "outcome", "pod_of", "record_of"]

_SIGNAL_BASE = 128
_TAIL_CHARACTERS = 2000
_KILLED = {ExitCode.INTERRUPTED, ExitCode.OUT_OF_MEMORY}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an end with some reason costs, and the run's state when no attempt is left."""

    budget: Literal["failures", "disruptions"] | None
    state: RunState


VERDICTS = {
    Reason.FLOW_FAILED: Verdict("failures", RunState.FAILED),
    Reason.NON_ZERO_EXIT: Verdict("failures", RunState.FAILED),
    Reason.SIGNALLED: Verdict("failures", RunState.FAILED),
    Reason.OOM_KILLED: Verdict("failures", RunState.FAILED),
    Reason.STORAGE_EXCEEDED: Verdict("failures", RunState.FAILED),
    Reason.REQUIREMENTS_FAILED: Verdict("failures", RunState.FAILED),
    Reason.RUN_TIMEOUT: Verdict("failures", RunState.TIMED_OUT),
    Reason.NO_RESULT: Verdict("failures", RunState.CRASHED),
    Reason.EVICTED: Verdict("disruptions", RunState.CRASHED),
    Reason.INTERRUPTED: Verdict("disruptions", RunState.CRASHED),
    Reason.POD_LOST: Verdict("disruptions", RunState.CRASHED),
    Reason.NODE_LOST: Verdict("disruptions", RunState.CRASHED),
    Reason.INVALID_PARAMETERS: Verdict(None, RunState.FAILED),
    Reason.INVALID_ENTRYPOINT: Verdict(None, RunState.FAILED),
    Reason.INVALID_DOCUMENT: Verdict(None, RunState.FAILED),
}
_BY_EXIT_CODE = {
    ExitCode.INVALID_DOCUMENT: Reason.INVALID_DOCUMENT,
    ExitCode.INVALID_PARAMETERS: Reason.INVALID_PARAMETERS,
    ExitCode.INVALID_ENTRYPOINT: Reason.INVALID_ENTRYPOINT,
    ExitCode.REQUIREMENTS_FAILED: Reason.REQUIREMENTS_FAILED,
    ExitCode.NO_RESULT: Reason.NO_RESULT,
    ExitCode.RUN_TIMEOUT: Reason.RUN_TIMEOUT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How an attempt ended; `reason` is None when it completed."""

    reason: Reason | None
    message: str
    exit_code: int | None = None
    record: CompletionRecord | None = None


def current_pods(observed: ObservedRun, run: Run) -> tuple[Pod, ...]:
    """Give the pods of the newest attempt: those that its Job controls, as anybody may write our labels."""
    if not run.status.attempt:
        return ()
    pods = (pod for pod in observed.pods if pod.attempt == run.status.attempt)
    return tuple(pod for pod in pods if _is_controlled(observed, run.status.current, pod))


def _is_controlled(observed: ObservedRun, attempt: Attempt, pod: Pod) -> bool:
    job = observed.jobs.get(attempt.job)
    uids = {uid for uid in (job.uid if job else None, attempt.job_uid) if uid}
    if not pod.job_uid and pod.name == attempt.pod:
        return True  # the one that was seen to run: whoever deletes a Job and leaves its pod takes the owner away
    if uids:
        return pod.job_uid in uids
    # The pod has come to our knowledge before its Job, or the Job was gone before that.
    return pod.job == attempt.job


def pod_of(run: Run, pods: tuple[Pod, ...], job: Job) -> Pod | None:
    """Choose the pod that speaks for a Job; Kubernetes may, rarely, have started two."""
    own = [pod for pod in pods if pod.job_uid == job.uid]
    live = [pod for pod in own if not pod.ended]
    return completed(run, tuple(own)) or next(iter(live or own), None)


def completed(run: Run, pods: tuple[Pod, ...]) -> Pod | None:
    """Find a pod that completed the flow: exit code 0, and a record that says so."""
    for pod in pods:
        record = record_of(run, pod)
        if pod.exit_code == 0 and record is not None and record.state is RunState.COMPLETED:
            return pod
    return None


def record_of(run: Run, pod: Pod) -> CompletionRecord | None:
    """Read the completion record that a pod left; None if there is none that is valid."""
    record = CompletionRecord.decode(pod.termination_message, uid=run.uid, attempt=pod.attempt)
    return storable(record) if record else None


def last_lines(run: Run, pod: Pod, template: RunTemplate | None) -> str:
    """Give the last lines of output that a pod left: in its record, or in place of one."""
    if template is not None and not template.log_tail:
        return ""
    record = record_of(run, pod)
    return record.log_tail if record else plain(pod.termination_message)[-_TAIL_CHARACTERS:]


def outcome(run: Run, job: Job | None, pod: Pod | None) -> Outcome:
    """Judge an attempt that has ended."""
    record = record_of(run, pod) if pod else None
    if pod and completed(run, (pod,)):
        return Outcome(reason=None, message=record.message if record else "", exit_code=0, record=record)
    reason, message = _reason(job, pod, record)
    return Outcome(
        reason=reason, message=message[:MESSAGE_CHARACTERS], exit_code=_exit_code(job, pod), record=record
    )


def _reason(job: Job | None, pod: Pod | None, record: CompletionRecord | None) -> tuple[Reason, str]:
    cause, said = job.failure if job and job.failure else ("", "")
    if cause == "PodFailurePolicy" and "DisruptionTarget" in said:
        return Reason.EVICTED, (pod.disruption if pod else "") or "Kubernetes took the pod away."
    if cause == "DeadlineExceeded":
        return Reason.RUN_TIMEOUT, "The Job was active for longer than all its limits together."
    if pod and (told := _by_kubelet(pod, record)):
        return told
    if record and record.reason and record.reason in VERDICTS and pod and pod.exit_code != 0:
        return record.reason, record.message
    return _by_exit_code(_exit_code(job, pod), gone=pod is None or pod.deleting)


def _by_kubelet(pod: Pod, record: CompletionRecord | None) -> tuple[Reason, str] | None:
    if pod.reason == "Evicted":
        return Reason.STORAGE_EXCEEDED, pod.message
    if pod.phase == "Failed" and pod.exit_code is None:
        return Reason.POD_LOST, f"The node did not run the pod: {pod.reason} {pod.message}".rstrip()
    if pod.container_reason == "OOMKilled":
        return Reason.OOM_KILLED, record.message if record else "The container reached its memory limit."
    return None


def _by_exit_code(code: int | None, *, gone: bool) -> tuple[Reason, str]:
    if code == 0:
        return Reason.NO_RESULT, "The container ended with exit code 0 and left no completion record."
    if gone and (code is None or code in _KILLED):
        return Reason.POD_LOST, "The pod was deleted before it had reported an outcome."
    if code is None:
        return Reason.NO_RESULT, "The pod ended without an exit code."
    if code in _BY_EXIT_CODE:
        return _BY_EXIT_CODE[ExitCode(code)], f"The container ended with exit code {code}."
    if code > _SIGNAL_BASE:
        return Reason.SIGNALLED, f"Signal {code - _SIGNAL_BASE} ended the container's process."
    return Reason.NON_ZERO_EXIT, f"The container ended with exit code {code}."


def _exit_code(job: Job | None, pod: Pod | None) -> int | None:
    if pod is not None and pod.exit_code is not None:
        return pod.exit_code
    if job is None:
        return None
    if job.complete:
        return 0
    # The pod failure policy's second rule makes the Job keep the exit code of a pod that is gone.
    told = re.search(r"exit code (\d+)", job.failure[1]) if job.failure else None
    return int(told[1]) if told else None
