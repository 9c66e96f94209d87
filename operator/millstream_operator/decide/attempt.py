"""A new attempt: its number is written down first, then its Job is made."""

from millstream.resources.flow_run import Attempt
from millstream.resources.model import timestamp
from millstream.resources.names import job_name, revision_name
from millstream.resources.reasons import Reason
from millstream.resources.run_document import RunDocument
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.decide.defaults import filled
from millstream_operator.decide.job import build_job
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import (
    Action,
    ConfirmRevision,
    CreateJob,
    CreateRevision,
    Plan,
    WriteRunStatus,
)
from millstream_operator.decide.status import in_state, with_attempt

__all__ = ["begin", "create_job", "document", "frozen_template", "revision_lost", "with_overrides"]


def frozen_template(observed: ObservedRun, run: Run) -> RunTemplate | None:
    """Give what the deployment said when the run was admitted, as the run overrides it; None if that is lost."""
    if run.spec.template is not None:
        return with_overrides(run, filled(run.spec.template, observed.defaults))
    stored = observed.revisions.get(run.status.revision or "")
    return with_overrides(run, stored) if stored is not None else None


def with_overrides(run: Run, template: RunTemplate) -> RunTemplate:
    """Give the template with what the run says differently."""
    return run.spec.overrides.applied_to(template) if run.spec.overrides else template


def revision_lost(observed: ObservedRun, run: Run) -> Plan:
    """End a run whose revision is gone, once the API server has said so."""
    revision = run.status.revision
    if revision and observed.confirmed != revision:
        return Plan((ConfirmRevision(revision),))
    text = (
        f"ControllerRevision {revision} is gone." if revision else "The status names no ControllerRevision."
    )
    lost = in_state(run, observed.now, RunState.FAILED, Reason.REVISION_LOST, text)
    return Plan((WriteRunStatus(lost),))


def begin(observed: ObservedRun, run: Run, template: RunTemplate) -> Plan:
    """Begin the next attempt, of what the deployment says or said."""
    actions: list[Action] = []
    revision = run.status.revision
    if run.deployment is not None and revision is None:
        stored = template.to_dict()
        revision = revision_name(run.deployment, stored)
        if revision not in observed.revisions:
            actions.append(CreateRevision(revision, run.deployment, stored))
    number = run.status.attempt + 1
    attempt = Attempt(number=number, job=job_name(run.name, number), creation_time=timestamp(observed.now))
    status = in_state(
        run,
        observed.now,
        RunState.PENDING,
        Reason.WAITING_FOR_POD,
        "",
        attempt=number,
        attempts=with_attempt(run.status, attempt),
        revision=revision,
        next_attempt_time=None,
        admission_time=run.status.admission_time or timestamp(observed.now),
    )
    own = with_overrides(run, template)
    return Plan((*actions, WriteRunStatus(status), create_job(run, own, number)))


def create_job(run: Run, template: RunTemplate, number: int) -> CreateJob:
    """Make the action that creates an attempt's Job."""
    written = document(run, template, attempt=number).to_json()
    return CreateJob(build_job(run, template, number, written), template.api_access)


def document(run: Run, template: RunTemplate, *, attempt: int) -> RunDocument:
    """Give the run document of an attempt."""
    return RunDocument(
        run=run.name,
        namespace=run.namespace,
        uid=run.uid,
        attempt=attempt,
        entrypoint=template.entrypoint,
        parameters=template.parameters | run.spec.parameters,
        deployment=run.deployment,
        tags=list(dict.fromkeys([*template.tags, *run.spec.tags])),
        scheduled_time=run.spec.scheduled_time.isoformat() if run.spec.scheduled_time else None,
        run_seconds=template.timeouts.run_seconds,
        grace_seconds=template.pod.termination_grace_period_seconds,
        log_tail=template.log_tail,
        metrics={m.name: {"type": m.type, "labels": m.labels} for m in template.metrics},
        requirements=template.source.requirements if template.source else [],
    )
