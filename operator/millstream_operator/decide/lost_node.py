"""Pods that should have ended long ago, on a node that does not answer: whether they still run, nobody can tell."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from millstream.resources.reasons import Reason
from millstream.resources.run_template import DisruptionPolicy
from millstream_operator.decide.attempt import frozen_template
from millstream_operator.decide.ending import retry_or_end
from millstream_operator.decide.evidence import Outcome, current_pods, pod_of
from millstream_operator.decide.observed import ObservedRun, Pod, Run
from millstream_operator.decide.plan import DeleteJob, Plan, ReadNode, WriteRunStatus
from millstream_operator.decide.status import in_state

__all__ = ["look_for_node", "lost", "overdue_times", "tell_of_lost_node"]

_OVERDUE = timedelta(seconds=60)
_ASK_AGAIN = timedelta(seconds=30)


def tell_of_lost_node(observed: ObservedRun, run: Run) -> Plan | None:
    """Say that the node of the attempt's pod is lost; with disruptionPolicy Replace, go on without it."""
    job = observed.jobs[run.status.current.job]
    pod = pod_of(run, current_pods(observed, run), job)
    if pod is None or pod.ended or not overdue(observed, pod):
        return None
    if question := look_for_node(observed, (pod,)):
        return question
    again = observed.now + _ASK_AGAIN
    if not lost(observed, pod):
        return Plan(requeue_at=again)
    message = f"Node {pod.node} is lost, with pod {pod.name} on it."
    template = frozen_template(observed, run)
    if template and template.disruption_policy is DisruptionPolicy.REPLACE:
        plan = retry_or_end(observed, run, job, pod, Outcome(reason=Reason.NODE_LOST, message=message))
        return Plan((*plan.actions, DeleteJob(job.name, job.uid)), plan.requeue_at)
    if run.status.reason is Reason.NODE_LOST:
        return Plan(requeue_at=again)
    state = run.status.state
    assert state is not None  # noqa: S101  (it has an attempt)
    return Plan((WriteRunStatus(in_state(run, observed.now, state, Reason.NODE_LOST, message)),), again)


def overdue_times(observed: ObservedRun, run: Run) -> list[datetime]:
    """Give when pods of the attempt are overdue: of a node that is lost, no event comes."""
    pods = current_pods(observed, run)
    return [pod.deletion_time + _OVERDUE for pod in pods if pod.deletion_time is not None and not pod.ended]


def overdue(observed: ObservedRun, pod: Pod) -> bool:
    """Whether a pod should have ended a minute ago."""
    return pod.deletion_time is not None and observed.now >= pod.deletion_time + _OVERDUE


def lost(observed: ObservedRun, pod: Pod) -> bool:
    """Whether a pod is on a node that was found to be lost."""
    seen = observed.nodes.get(pod.node or "")
    return not pod.ended and overdue(observed, pod) and seen is not None and seen.lost


def look_for_node(observed: ObservedRun, pods: Iterable[Pod]) -> Plan | None:
    """Ask for the nodes of pods that should have ended, each every now and then."""
    for pod in pods:
        if pod.node is None or pod.ended or not overdue(observed, pod):
            continue
        seen = observed.nodes.get(pod.node)
        if seen is None or observed.now >= seen.time + _ASK_AGAIN:
            return Plan((ReadNode(pod.node),))
    return None
