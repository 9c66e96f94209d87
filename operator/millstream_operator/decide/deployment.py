"""What to do about a deployment: its ticks, whether runs of it can be made, and what is to be let go."""

from datetime import timedelta
from typing import Any

from millstream.resources.flow_deployment import FlowDeploymentStatus, LastRun
from millstream.resources.model import with_condition
from millstream_operator.decide import kstatus
from millstream_operator.decide.observed import Deployment, ObservedDeployment
from millstream_operator.decide.plan import Plan, TryJob, WriteDeploymentStatus
from millstream_operator.decide.readiness import ready, suspended
from millstream_operator.decide.retention import surplus
from millstream_operator.decide.revisions import let_go
from millstream_operator.decide.schedules import Ticks, due_ticks

__all__ = ["decide_deployment"]

_COUNT_AGAIN = timedelta(seconds=10)
"""What is only counted is not written more often than this."""
_SOON = timedelta(seconds=1)


def decide_deployment(observed: ObservedDeployment) -> Plan:
    """Decide what to do about a deployment, or about what is left of one that was deleted."""
    deployment = observed.deployment
    ticking = _tick(observed, deployment) if deployment else Plan()
    revisions = let_go(observed)
    too_many = surplus(observed)
    again = (ticking.requeue_at, revisions.requeue_at, observed.now + _SOON if too_many else None)
    return Plan(
        (*too_many, *revisions.actions, *ticking.actions),
        min((time for time in again if time is not None), default=None),
    )


def _tick(observed: ObservedDeployment, deployment: Deployment) -> Plan:
    """Create the runs that are due; only when they are there is it written down that their time has passed."""
    ticks = due_ticks(observed, deployment)
    if missing := tuple(t for t in ticks.due if t.run["metadata"]["name"] not in observed.runs):
        # Where many schedules fire in the same second, all runs are there before the first status is written.
        again = observed.now + _SOON
        return Plan(missing, min(again, ticks.next_time or again))
    return _tell(observed, deployment, ticks)


def _tell(observed: ObservedDeployment, deployment: Deployment, ticks: Ticks) -> Plan:
    condition = ready(observed, deployment)
    if isinstance(condition, TryJob):
        if ticks.statuses == deployment.status.schedules:
            return Plan((condition,), ticks.next_time)
        # What its schedules have come to does not wait for an answer.
        known = deployment.status.replace(**_of_schedules(deployment, ticks))
        return Plan((WriteDeploymentStatus(known), condition), ticks.next_time)
    conditions = kstatus.of_deployment(deployment.status.conditions, condition)
    told = deployment.status.replace(
        observed_generation=deployment.generation,
        conditions=with_condition(conditions, suspended(observed, deployment)),
        **_of_schedules(deployment, ticks),
    )
    status = _counted(observed, told)
    if status == deployment.status:
        return Plan(requeue_at=ticks.next_time)
    if told == deployment.status and observed.counted and observed.now < observed.counted + _COUNT_AGAIN:
        again = observed.counted + _COUNT_AGAIN
        return Plan(requeue_at=min(again, ticks.next_time or again))
    return Plan((WriteDeploymentStatus(status),), ticks.next_time)


def _of_schedules(deployment: Deployment, ticks: Ticks) -> dict[str, Any]:
    times = [schedule.next_time for schedule in ticks.statuses if schedule.next_time]
    return {
        "schedules": ticks.statuses,
        "next_time": min(times, default=None),
        # In the write that moves the schedules on: each tick counts once, whoever dies.
        "ticks_fired": deployment.status.ticks_fired + len(ticks.due),
        "ticks_missed": deployment.status.ticks_missed + ticks.missed,
    }


def _counted(observed: ObservedDeployment, status: FlowDeploymentStatus) -> FlowDeploymentStatus:
    ended = [runs[-1] for runs in (observed.completed, observed.failed) if runs]
    last = max(ended, key=lambda run: run.status.completion_time or observed.now, default=None)
    if last is not None and last.status.state and last.status.completion_time:
        time = last.status.completion_time
        if status.last_run is None or time >= status.last_run.completion_time:
            status = status.replace(
                last_run=LastRun(name=last.name, state=last.status.state, completion_time=time)
            )
    if observed.completed and (success := observed.completed[-1].status.completion_time):
        status = status.replace(last_success_time=max(success, status.last_success_time or success))
    return status.replace(active=observed.active, queued=observed.queued)
