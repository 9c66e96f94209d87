"""What to do about a deployment: say whether runs can be made, and let go of what it used to say."""

from datetime import datetime, timedelta

from millstream.resources import parameters
from millstream.resources.flow_deployment import READY, FlowDeploymentSpec
from millstream.resources.model import Condition, timestamp, with_condition
from millstream.resources.names import revision_name
from millstream.resources.reasons import Reason
from millstream_operator.decide.observed import Deployment, ObservedDeployment
from millstream_operator.decide.plan import DeleteRevision, Plan, WriteDeploymentStatus
from millstream_operator.decide.status import MESSAGE_CHARACTERS

__all__ = ["decide_deployment", "problem"]

_KEEP_UNUSED = timedelta(minutes=5)
"""A run that is being admitted may not have written down yet which revision it uses."""


def decide_deployment(observed: ObservedDeployment) -> Plan:
    """Decide what to do about a deployment, or about what is left of one that was deleted."""
    deployment = observed.deployment
    status = _status(observed, deployment) if deployment else ()
    return Plan((*status, *_unused(observed)), _next_look(observed))


def problem(spec: FlowDeploymentSpec) -> tuple[Reason, str] | None:
    """Find what makes runs of a deployment impossible, whatever their parameters."""
    if spec.parameter_schema is None:
        return None
    try:
        parameters.check_schema(spec.parameter_schema)
    except parameters.InvalidSchemaError as error:
        return Reason.INVALID_PARAMETER_SCHEMA, str(error)
    # What has no default is for the run to give.
    if wrong := parameters.problems(spec.parameter_schema | {"required": []}, spec.parameters):
        return Reason.INVALID_DEFAULTS, "; ".join(wrong)
    return None


def _status(observed: ObservedDeployment, deployment: Deployment) -> tuple[WriteDeploymentStatus, ...]:
    found = problem(deployment.spec)
    reason, message = found or (Reason.VALID, "")
    message = message[:MESSAGE_CHARACTERS]
    condition = Condition(
        type=READY,
        status="False" if found else "True",
        reason=reason,
        message=f"{message}. {reason.hint}" if message else reason.hint,
        last_transition_time=timestamp(observed.now),
        observed_generation=deployment.generation,
    )
    status = deployment.status.replace(
        observed_generation=deployment.generation,
        conditions=with_condition(deployment.status.conditions, condition),
    )
    return () if status == deployment.status else (WriteDeploymentStatus(status),)


def _unused(observed: ObservedDeployment) -> tuple[DeleteRevision, ...]:
    current = _current(observed)
    return tuple(
        DeleteRevision(revision.name, revision.uid)
        for revision in observed.revisions
        if revision.name != current
        and revision.name not in observed.in_use
        and revision.creation_time + _KEEP_UNUSED <= observed.now
    )


def _next_look(observed: ObservedDeployment) -> datetime | None:
    current = _current(observed)
    times = [
        revision.creation_time + _KEEP_UNUSED
        for revision in observed.revisions
        if revision.name != current and revision.creation_time + _KEEP_UNUSED > observed.now
    ]
    return min(times, default=None)


def _current(observed: ObservedDeployment) -> str | None:
    deployment = observed.deployment
    return revision_name(deployment.name, deployment.spec.template().to_dict()) if deployment else None
