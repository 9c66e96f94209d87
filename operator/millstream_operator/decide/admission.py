"""A run that has no attempt yet: is it due, and is its input valid? Then its first attempt begins."""

from datetime import datetime, timedelta

from millstream.resources import parameters
from millstream.resources.reasons import Reason
from millstream.resources.run_document import MAX_BYTES
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.decide.attempt import begin, document
from millstream_operator.decide.deployment import problem
from millstream_operator.decide.message import with_hint
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import Plan, WriteRunStatus
from millstream_operator.decide.status import in_state

__all__ = ["admit"]

_DEPLOYMENT_GRACE = timedelta(seconds=30)
"""One manifest may hold both, in either order, and the two kinds are watched apart."""


def admit(observed: ObservedRun, run: Run) -> Plan | None:
    """Begin the first attempt of a run that is due and valid."""
    if run.status.attempt:
        return None
    due = run.spec.scheduled_time
    if due is not None and due > observed.now:
        return _wait(observed, run, RunState.SCHEDULED, None, f"Due at {due:%Y-%m-%d %H:%M:%S %Z}.", due)
    if run.spec.template is not None:
        return _first_attempt(observed, run, run.spec.template)
    return _of_deployment(observed, run)


def _of_deployment(observed: ObservedRun, run: Run) -> Plan:
    if observed.deployment_error:
        return _fail(observed, run, Reason.DEPLOYMENT_NOT_READY, observed.deployment_error)
    if observed.deployment is None:
        return _without_deployment(observed, run)
    if found := problem(observed.deployment.spec):
        text = f"FlowDeployment {run.deployment} is not ready: {with_hint(found[1], found[0])}"
        return _fail(observed, run, Reason.DEPLOYMENT_NOT_READY, text)
    return _first_attempt(observed, run, observed.deployment.spec.template())


def _without_deployment(observed: ObservedRun, run: Run) -> Plan:
    reason = Reason.DEPLOYMENT_NOT_FOUND
    text = f"There is no FlowDeployment {run.deployment} in namespace {run.namespace}."
    # Counted from our own first look: the API server's clock may be another.
    waiting = run.status.reason is reason and run.status.conditions
    until = (run.status.conditions[0].last_transition_time if waiting else observed.now) + _DEPLOYMENT_GRACE
    if observed.now < until:
        return _wait(observed, run, RunState.PENDING, reason, text, until)
    return _fail(observed, run, reason, text)


def _first_attempt(observed: ObservedRun, run: Run, template: RunTemplate) -> Plan:
    merged = template.parameters | run.spec.parameters
    if parameters.too_deep(merged):
        text = f"The parameters are nested more than {parameters.MAX_DEPTH} levels deep."
        return _fail(observed, run, Reason.INVALID_PARAMETERS, text)
    if template.parameter_schema is not None:
        try:
            wrong = parameters.problems(template.parameter_schema, merged)
        except parameters.InvalidSchemaError as error:
            text = f"The template's parameterSchema cannot be used: {error}."
            return _fail(observed, run, Reason.INVALID_PARAMETER_SCHEMA, text)
        if wrong:
            return _fail(observed, run, Reason.INVALID_PARAMETERS, "; ".join(wrong) + ".")
    size = len(document(run, template, attempt=1).to_json().encode())
    if size > MAX_BYTES:
        text = f"The run document, mostly parameters, has {size:,} bytes; {MAX_BYTES:,} are possible."
        return _fail(observed, run, Reason.DOCUMENT_TOO_LARGE, text)
    return begin(observed, run, template)


def _wait(
    observed: ObservedRun, run: Run, state: RunState, reason: Reason | None, message: str, until: datetime
) -> Plan:
    if run.status.state is state and run.status.reason is reason:
        return Plan(requeue_at=until)
    return Plan((WriteRunStatus(in_state(run, observed.now, state, reason, message)),), until)


def _fail(observed: ObservedRun, run: Run, reason: Reason, message: str) -> Plan:
    return Plan((WriteRunStatus(in_state(run, observed.now, RunState.FAILED, reason, message)),))
