"""Which finished runs of a deployment are too many."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from millstream.resources.flow_deployment import RunHistory
from millstream_operator.decide.observed import Deployment, ObservedDeployment, Run
from millstream_operator.decide.plan import DeleteRun
from millstream_operator.decide.schedules import reached
from millstream_operator.decide.subflow import is_needed

__all__ = ["delete", "is_remembered", "surplus"]

_AT_ONCE = 10


def surplus(observed: ObservedDeployment) -> tuple[DeleteRun, ...]:
    """Choose the oldest finished runs beyond the deployment's runHistory, some at a time."""
    deployment = observed.deployment
    history = deployment.spec.run_history if deployment else RunHistory()
    too_many = chain(
        _oldest(observed, observed.completed, history.successful),
        _oldest(observed, observed.failed, history.failed),
    )
    return tuple(map(delete, too_many))


def _oldest(observed: ObservedDeployment, runs: Sequence[Run], kept: int) -> Iterator[Run]:
    beyond = islice(runs, max(0, len(runs) - kept))
    # Only what may go counts: a few that have to stay would otherwise keep all the others.
    return islice((run for run in beyond if _may_go(observed, run)), _AT_ONCE)


def _may_go(observed: ObservedDeployment, run: Run) -> bool:
    return not is_needed(run, observed.live) and is_remembered(run, observed.deployment)


def is_remembered(run: Run, deployment: Deployment | None) -> bool:
    """Whether its tick would not be run again if it were gone, as far as the stored status tells."""
    if deployment is None or run.spec.schedule_name is None or run.spec.scheduled_time is None:
        return True
    for known in deployment.status.schedules:
        if known.name == run.spec.schedule_name:
            return run.spec.scheduled_time <= reached(known)
    return all(schedule.name != run.spec.schedule_name for schedule in deployment.spec.schedules)


def delete(run: Run) -> DeleteRun:
    """Make the action that deletes a run."""
    return DeleteRun(run.name, run.uid)
