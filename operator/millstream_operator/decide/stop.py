"""Stopping an attempt: its Job and pods are deleted, and the run waits until they are certainly gone."""

from dataclasses import dataclass
from datetime import timedelta

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.run_template import DisruptionPolicy
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import frozen_template
from millstream_operator.decide.ending import finish
from millstream_operator.decide.evidence import completed, current_pods, last_lines
from millstream_operator.decide.gone import release
from millstream_operator.decide.lost_node import look_for_node, lost
from millstream_operator.decide.observed import Job, ObservedRun, Pod, Run
from millstream_operator.decide.plan import Action, ConfirmJob, DeleteJob, DeletePod, Plan, WriteRunStatus
from millstream_operator.decide.status import in_state, with_current

__all__ = ["Stop", "stop_attempt"]

_LOOK_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an attempt is stopped.

    Attributes:
        state: of the run meanwhile.
        reason: of that.
        message: what is said about it.
    """

    state: RunState
    reason: Reason
    message: str = ""


def stop_attempt(observed: ObservedRun, run: Run, why: Stop) -> Plan | None:
    """Do what comes next to stop the current attempt; None when nothing of it is left.

    What completes while it is being stopped has completed.
    """
    pods = current_pods(observed, run)
    job = observed.jobs.get(run.status.current.job)
    if pod := completed(run, pods):
        return finish(observed, run, job, pod)
    if job is None and not pods:
        return None if observed.confirmed == run.status.current.job else _confirm(run)
    given_up = _abandoned(observed, run, pods)
    if given_up and (job is None or job.deleting):
        return None
    status = _status(observed, run, why, pods)
    actions: list[Action] = [] if status == run.status else [WriteRunStatus(status)]
    actions += _deletions(observed, run, job, pods)
    actions += release(pod for pod in pods if pod.ended)
    if not actions and (job is None or job.deleting) and (question := look_for_node(observed, pods)):
        return question
    return Plan(tuple(actions), observed.now + _LOOK_AGAIN)


def _confirm(run: Run) -> Plan:
    return Plan((ConfirmJob(run.status.current.job),))


def _abandoned(observed: ObservedRun, run: Run, pods: tuple[Pod, ...]) -> bool:
    """Whether what is left runs, if at all, on lost nodes, and is not to be waited for."""
    template = frozen_template(observed, run)
    replace = template is not None and template.disruption_policy is DisruptionPolicy.REPLACE
    return replace and bool(pods) and all(lost(observed, pod) for pod in pods)


def _status(observed: ObservedRun, run: Run, why: Stop, pods: tuple[Pod, ...]) -> FlowRunStatus:
    reason, message = why.reason, why.message
    if gone := next((pod for pod in pods if lost(observed, pod)), None):
        reason, message = Reason.NODE_LOST, f"Node {gone.node} is lost, with pod {gone.name} on it."
    left = next((pod for pod in pods if pod.ended and pod.held), None)
    found = _left_behind(observed, run, left) if left else {}
    attempts = with_current(run.status, reason=why.reason, **found)
    known = (run.status.state, run.status.reason, run.status.attempts)
    if known == (why.state, reason, attempts):
        return run.status
    return in_state(run, observed.now, why.state, reason, message, attempts=attempts, next_attempt_time=None)


def _left_behind(observed: ObservedRun, run: Run, pod: Pod) -> dict[str, object]:
    """Collect what is known of a pod only until it is let go."""
    return {
        "pod": pod.name,
        "node": pod.node,
        "start_time": run.status.current.start_time or pod.started_at,
        "end_time": pod.ended_at,
        "exit_code": pod.exit_code,
        "log_tail": last_lines(run, pod, frozen_template(observed, run)),
    }


def _deletions(observed: ObservedRun, run: Run, job: Job | None, pods: tuple[Pod, ...]) -> list[Action]:
    if job is not None:
        return [] if job.deleting else [DeleteJob(job.name, job.uid)]
    # One that has ended is deleted too: what its Job has left behind, nobody else would.
    orphans = [pod for pod in pods if not pod.deleting]
    if orphans and observed.confirmed != run.status.current.job:
        return [ConfirmJob(run.status.current.job)]
    return [DeletePod(pod.name, pod.uid) for pod in orphans]
