"""Whether runs of a deployment can be made, and whether its schedules rest."""

from typing import Any

from millstream.resources import parameters
from millstream.resources.flow_deployment import READY, SUSPENDED, FlowDeploymentSpec
from millstream.resources.flow_run import DeploymentRef, FlowRunSpec, FlowRunStatus
from millstream.resources.model import Condition
from millstream.resources.reasons import Reason
from millstream_operator.decide.attempt import create_job
from millstream_operator.decide.defaults import above_ceiling, filled, stopped
from millstream_operator.decide.message import condition, with_hint
from millstream_operator.decide.observed import Deployment, ObservedDeployment, Run
from millstream_operator.decide.plan import TryJob
from millstream_operator.decide.schedules import problem_of

__all__ = ["problem", "ready", "suspended"]

_OF_DEFAULTS = {Reason.NO_IMAGE, Reason.CEILING_EXCEEDED}
"""What may change without the deployment."""


def problem(deployment: Deployment) -> tuple[Reason, str] | None:
    """Find what makes runs of a deployment impossible, whatever their parameters."""
    known = _known(deployment)
    # What was found for this generation is not found out again for each of its runs.
    return None if known and known.status == "True" else _problem(deployment.spec)


def _problem(spec: FlowDeploymentSpec) -> tuple[Reason, str] | None:
    given = [("parameters", spec.parameters), ("parameterSchema", spec.parameter_schema)]
    given += ((f"parameters of schedule {schedule.name}", schedule.parameters) for schedule in spec.schedules)
    for name, value in given:
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


def ready(observed: ObservedDeployment, deployment: Deployment) -> Condition | TryJob:
    """Say whether runs can be made; what was found for this generation is not found out again."""
    found = _not_allowed(observed, deployment)
    if found is None and (known := _known(deployment)):
        return known
    found = found or _problem(deployment.spec)
    if found is None and observed.tried != deployment.generation:
        return TryJob(_specimen(observed, deployment))
    if found is None and observed.refusal:
        found = (Reason.INVALID_POD, observed.refusal)
    found = found or _invalid_schedule(deployment)
    reason, message = found or (Reason.VALID, "")
    return condition(
        READY,
        "False" if found else "True",
        reason,
        with_hint(message, reason),
        now=observed.now,
        generation=deployment.generation,
    )


def _known(deployment: Deployment) -> Condition | None:
    for known in deployment.status.conditions:
        current = known.observed_generation == deployment.generation
        if known.type == READY and current and known.reason not in _OF_DEFAULTS:
            return known
    return None


def _not_allowed(observed: ObservedDeployment, deployment: Deployment) -> tuple[Reason, str] | None:
    template = filled(deployment.template, observed.defaults)
    if template.image is None:
        return Reason.NO_IMAGE, "Neither the FlowDeployment nor the namespace names an image"
    if excess := above_ceiling(template, observed.defaults):
        return Reason.CEILING_EXCEEDED, excess
    return None


def _invalid_schedule(deployment: Deployment) -> tuple[Reason, str] | None:
    wrong = [f"{spec.name}: {text}" for spec in deployment.spec.schedules if (text := problem_of(spec))]
    return (Reason.INVALID_SCHEDULE, "; ".join(wrong)) if wrong else None


def suspended(observed: ObservedDeployment, deployment: Deployment) -> Condition:
    """Say whether its schedules rest, and on whose word."""
    reason, message = Reason.ACTIVE, Reason.ACTIVE.hint
    if found := stopped(observed.defaults):
        reason, message = found[0], with_hint(found[1], found[0])
    elif deployment.spec.suspend:
        reason, message = Reason.SUSPENDED, "spec.suspend is true: no scheduled runs."
    return condition(
        SUSPENDED,
        "False" if reason is Reason.ACTIVE else "True",
        reason,
        message,
        now=observed.now,
        generation=deployment.generation,
    )


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
    return dict(create_job(run, filled(deployment.template, observed.defaults), 1).job)
