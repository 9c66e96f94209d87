"""A run that has no attempt under way: is it due, is its input valid, may it start? Then its next attempt begins."""

from datetime import datetime, timedelta

from millstream.resources import parameters
from millstream.resources.flow_deployment import ConcurrencyPolicy
from millstream.resources.names import job_name
from millstream.resources.reasons import Reason
from millstream.resources.run_document import MAX_BYTES
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import begin, document, frozen_template, revision_lost, with_overrides
from millstream_operator.decide.defaults import above_ceiling, filled
from millstream_operator.decide.gone import release
from millstream_operator.decide.message import with_hint
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import ConfirmDeployment, Plan, TakeSlot, WriteRunStatus
from millstream_operator.decide.readiness import problem
from millstream_operator.decide.slots import obstacle
from millstream_operator.decide.start_timeout import patience
from millstream_operator.decide.status import in_state

__all__ = ["admit"]

_TRY_AGAIN = timedelta(seconds=10)
_DEPLOYMENT_GRACE = timedelta(seconds=30)
"""One manifest may hold both, in either order, and the two kinds are watched apart."""


def admit(observed: ObservedRun, run: Run) -> Plan | None:
    """Begin the next attempt of a run that is due and valid, when a slot is free."""
    if not run.between_attempts:
        return None
    if run.status.attempt:
        return _go_on(observed, run)
    if run.due > observed.now:
        message = f"Due at {run.due:%Y-%m-%d %H:%M:%S %Z}."
        return _wait(observed, run, RunState.SCHEDULED, None, message, run.due)
    if run.spec.template is not None:
        return _first_attempt(observed, run, filled(run.spec.template, observed.defaults))
    return _of_deployment(observed, run)


def _go_on(observed: ObservedRun, run: Run) -> Plan:
    """Begin the attempt after a pause: what the run does was settled when it was admitted."""
    template = frozen_template(observed, run)
    return revision_lost(observed, run) if template is None else _start(observed, run, template)


def _of_deployment(observed: ObservedRun, run: Run) -> Plan:
    if observed.deployment_error:
        return _fail(observed, run, Reason.DEPLOYMENT_NOT_READY, observed.deployment_error)
    if observed.deployment is None:
        return _without_deployment(observed, run)
    if found := problem(observed.deployment):
        text = f"FlowDeployment {run.deployment} is not ready: {with_hint(found[1], found[0])}"
        return _fail(observed, run, Reason.DEPLOYMENT_NOT_READY, text)
    template = filled(observed.deployment.template, observed.defaults)
    return _first_attempt(observed, run, template)


def _without_deployment(observed: ObservedRun, run: Run) -> Plan:
    reason = Reason.DEPLOYMENT_NOT_FOUND
    text = f"There is no FlowDeployment {run.deployment} in namespace {run.namespace}."
    # Counted from our own first look: the API server's clock may be another.
    waiting = run.status.reason is reason and run.status.conditions
    until = (run.status.conditions[0].last_transition_time if waiting else observed.now) + _DEPLOYMENT_GRACE
    if observed.now < until:
        return _wait(observed, run, RunState.PENDING, reason, text, until)
    if run.deployment and observed.confirmed != run.deployment:
        return Plan((ConfirmDeployment(run.deployment),))
    return _fail(observed, run, reason, text)


def _first_attempt(observed: ObservedRun, run: Run, template: RunTemplate) -> Plan:
    found = _not_allowed(observed, run, template) or _invalid(run, template)
    return _fail(observed, run, *found) if found else _start(observed, run, template)


def _not_allowed(observed: ObservedRun, run: Run, template: RunTemplate) -> tuple[Reason, str] | None:
    """Find what a run, or its deployment, asks for and may not have."""
    own = with_overrides(run, template)
    if run.spec.overrides and run.spec.overrides.image and not template.overrides.allow_image:
        return Reason.OVERRIDE_NOT_ALLOWED, "The FlowDeployment does not allow a run to give an image."
    if own.image is None:
        return Reason.NO_IMAGE, "Neither the FlowDeployment nor the namespace names an image."
    if excess := above_ceiling(own, observed.defaults):
        return Reason.CEILING_EXCEEDED, f"{excess}."
    return None


def _invalid(run: Run, template: RunTemplate) -> tuple[Reason, str] | None:
    """Find what is wrong with the parameters of a run."""
    merged = template.parameters | run.spec.parameters
    if parameters.too_deep(merged):
        text = f"The parameters are nested more than {parameters.MAX_DEPTH} levels deep."
        return Reason.INVALID_PARAMETERS, text
    if template.parameter_schema is not None:
        try:
            wrong = parameters.problems(template.parameter_schema, merged)
        except parameters.InvalidSchemaError as error:
            return Reason.INVALID_PARAMETER_SCHEMA, f"The template's parameterSchema cannot be used: {error}."
        if wrong:
            return Reason.INVALID_PARAMETERS, "; ".join(wrong) + "."
    size = len(document(run, template, attempt=1).to_json().encode())
    if size > MAX_BYTES:
        text = f"The run document, mostly parameters, has {size:,} bytes; {MAX_BYTES:,} are possible."
        return Reason.DOCUMENT_TOO_LARGE, text
    return None


def _start(observed: ObservedRun, run: Run, template: RunTemplate) -> Plan:
    """Begin an attempt, or wait for what is in its way."""
    if (found := obstacle(observed, run)) is None:
        if refused := _refused(observed, run, template):
            return refused
        plan = begin(observed, run, template)
        return Plan((TakeSlot(), *release(observed.pods), *plan.actions), plan.requeue_at)
    reason, message = found
    concurrency = observed.deployment.spec.concurrency if observed.deployment else None
    skipped = concurrency is not None and concurrency.policy is ConcurrencyPolicy.SKIP
    if skipped and reason is Reason.CONCURRENCY_LIMIT and not run.status.attempt:
        status = in_state(run, observed.now, RunState.CANCELLED, reason, message)
        return Plan((WriteRunStatus(status),))
    return _wait(observed, run, RunState.QUEUED, reason, message, None)


def _refused(observed: ObservedRun, run: Run, template: RunTemplate) -> Plan | None:
    """Wait where the ControllerRevision of the attempt was refused, as by a quota, but not for ever."""
    refusal = observed.refusal
    if refusal is None or refusal.job != job_name(run.name, run.status.attempt + 1):
        return None
    reason = Reason.POD_CREATION_FAILED
    if observed.now >= refusal.since + patience(template, reason, refusal.message):
        return _fail(observed, run, Reason.JOB_REJECTED, refusal.message)
    again = refusal.time + _TRY_AGAIN
    return (
        _wait(observed, run, RunState.PENDING, reason, refusal.message, again)
        if observed.now < again
        else None
    )


def _wait(
    observed: ObservedRun,
    run: Run,
    state: RunState,
    reason: Reason | None,
    message: str,
    until: datetime | None,
) -> Plan:
    status = in_state(run, observed.now, state, reason, message)
    known = (run.status.state, run.status.reason, run.status.message)
    if known == (status.state, status.reason, status.message):
        return Plan(requeue_at=until)
    return Plan((WriteRunStatus(status),), until)


def _fail(observed: ObservedRun, run: Run, reason: Reason, message: str) -> Plan:
    return Plan((WriteRunStatus(in_state(run, observed.now, RunState.FAILED, reason, message)),))
