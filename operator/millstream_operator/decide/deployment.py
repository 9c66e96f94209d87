"""What to do about a deployment: say whether runs can be made, and let go of what it used to say."""

from datetime import datetime, timedelta
from typing import Any

from millstream.resources import parameters
from millstream.resources.flow_deployment import READY, FlowDeploymentSpec, FlowDeploymentStatus
from millstream.resources.flow_run import DeploymentRef, FlowRunSpec, FlowRunStatus
from millstream.resources.model import with_condition
from millstream.resources.names import revision_name
from millstream.resources.reasons import Reason
from millstream_operator.decide.attempt import create_job
from millstream_operator.decide.message import condition, with_hint
from millstream_operator.decide.observed import Deployment, ObservedDeployment, Revision, Run
from millstream_operator.decide.plan import Action, DeleteRevision, Plan, TryJob, WriteDeploymentStatus

__all__ = ["decide_deployment", "problem"]

_KEEP_UNUSED = timedelta(minutes=5)
"""A run that is being admitted may not have written down yet which revision it uses."""


def decide_deployment(observed: ObservedDeployment) -> Plan:
    """Decide what to do about a deployment, or about what is left of one that was deleted."""
    deployment = observed.deployment
    actions = _judge(observed, deployment) if deployment else ()
    superseded = _superseded(observed)
    return Plan((*actions, *_unused(observed, superseded)), _next_look(observed, superseded))


def problem(spec: FlowDeploymentSpec) -> tuple[Reason, str] | None:
    """Find what makes runs of a deployment impossible, whatever their parameters."""
    for name, value in (("parameters", spec.parameters), ("parameterSchema", spec.parameter_schema)):
        if parameters.too_deep(value):
            return Reason.INVALID_DEFAULTS, f"{name} is nested more than {parameters.MAX_DEPTH} levels deep"
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


def _judge(observed: ObservedDeployment, deployment: Deployment) -> tuple[Action, ...]:
    if any(
        c.type == READY and c.observed_generation == deployment.generation
        for c in deployment.status.conditions
    ):
        return ()
    found = problem(deployment.spec)
    if found is None and observed.tried != deployment.generation:
        return (TryJob(_specimen(observed, deployment)),)
    if found is None and observed.refusal:
        found = (Reason.INVALID_POD, observed.refusal)
    return (WriteDeploymentStatus(_status(observed, deployment, found)),)


def _specimen(observed: ObservedDeployment, deployment: Deployment) -> dict[str, Any]:
    """Build a Job as a run would get, for the API server to look at."""
    run = Run(
        namespace=deployment.namespace,
        name=deployment.name,
        uid=deployment.uid,
        version=0,
        generation=0,
        creation_time=observed.now,
        deleting=False,
        spec=FlowRunSpec(deployment_ref=DeploymentRef(name=deployment.name)),
        status=FlowRunStatus(),
    )
    return dict(create_job(run, deployment.spec.template(), 1).job)


def _status(
    observed: ObservedDeployment, deployment: Deployment, found: tuple[Reason, str] | None
) -> FlowDeploymentStatus:
    reason, message = found or (Reason.VALID, "")
    ready = condition(
        READY,
        "False" if found else "True",
        reason,
        with_hint(message, reason),
        now=observed.now,
        generation=deployment.generation,
    )
    return deployment.status.replace(
        observed_generation=deployment.generation,
        conditions=with_condition(deployment.status.conditions, ready),
    )


def _superseded(observed: ObservedDeployment) -> tuple[Revision, ...]:
    """Find the revisions that hold something else than the deployment says now."""
    if not observed.revisions:
        return ()
    deployment, current = observed.deployment, None
    if deployment is not None and problem(deployment.spec) is None:
        current = revision_name(deployment.name, deployment.spec.template().to_dict())
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
