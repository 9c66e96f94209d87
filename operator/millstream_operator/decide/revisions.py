"""Which ControllerRevisions of a deployment nobody needs any more."""

from datetime import datetime, timedelta

from millstream.resources.names import revision_name
from millstream_operator.decide.defaults import filled
from millstream_operator.decide.observed import ObservedDeployment, Revision
from millstream_operator.decide.plan import DeleteRevision, Plan
from millstream_operator.decide.readiness import problem

__all__ = ["let_go"]

_KEEP_UNUSED = timedelta(minutes=5)
"""A run that is being admitted may not have written down yet which revision it uses."""


def let_go(observed: ObservedDeployment) -> Plan:
    """Delete the revisions that no live run uses and no new one would."""
    superseded = _superseded(observed)
    return Plan(_unused(observed, superseded), _next_look(observed, superseded))


def _superseded(observed: ObservedDeployment) -> tuple[Revision, ...]:
    """Find the revisions that hold something else than the deployment says now."""
    if not observed.revisions:
        return ()
    deployment, current = observed.deployment, None
    if deployment is not None and problem(deployment) is None:
        template = filled(deployment.template, observed.defaults)
        current = revision_name(deployment.name, template.to_dict())
    return tuple(revision for revision in observed.revisions if revision.name != current)


def _unused(observed: ObservedDeployment, superseded: tuple[Revision, ...]) -> tuple[DeleteRevision, ...]:
    if observed.admitting:
        return ()
    return tuple(
        DeleteRevision(revision.name, revision.uid)
        for revision in superseded
        if revision.name not in observed.in_use and revision.creation_time + _KEEP_UNUSED <= observed.now
    )


def _next_look(observed: ObservedDeployment, superseded: tuple[Revision, ...]) -> datetime | None:
    times = (revision.creation_time + _KEEP_UNUSED for revision in superseded)
    return min((time for time in times if time > observed.now), default=None)
