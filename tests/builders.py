"""Kubernetes objects in the API's own form, as short as a test can say them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from millstream.resources import labels
from millstream.resources.completion_record import CompletionRecord
from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.names import job_name
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import (
    Deployment,
    Job,
    NodeSeen,
    ObservedRun,
    Pod,
    PodWarning,
    Refusal,
    Revision,
    Run,
    Slots,
)
from millstream_operator.defaults_reader import read_defaults
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAMESPACE = "team"
CONFIG_NAMESPACE = "millstream"
NO_OTHERS = Slots()
WATCHED = (FLOW_DEPLOYMENTS, REVISIONS, PODS, JOBS, FLOW_RUNS)
TEMPLATE = {"entrypoint": "flows.py:etl", "image": "registry/etl:1"}
POD_RULE = "Container flow for pod team/etl-1-1-x failed with exit code {} matching FailJob rule at index 1"
DISRUPTION_RULE = "Pod team/etl-1-1-x has condition DisruptionTarget matching FailJob rule at index 0"

Object = dict[str, Any]


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def meta(name: str, uid: str | None = None, version: int = 1, **more: Any) -> Object:
    return {
        "namespace": NAMESPACE,
        "name": name,
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": text(more.pop("created", NOW)),
        **({"deletionTimestamp": text(NOW)} if more.pop("deleting", False) else {}),
        **more,
    }


def make_run(
    name: str = "etl-1",
    *,
    uid: str | None = None,
    version: int = 1,
    deployment: str | None = "etl",
    status: FlowRunStatus | None = None,
    created: datetime = NOW,
    deleting: bool = False,
    parent: str | None = None,
    made_by: Iterable[str] = (),
    **spec: Any,
) -> Object:
    """Make a FlowRun; `parent` is the UID of the one that made it as its subflow, `made_by` are names of labels."""
    own = {"labels": dict.fromkeys(made_by, "x") | ({labels.PARENT_RUN_UID: parent} if parent else {})}
    if deployment and "template" not in spec:
        spec["deploymentRef"] = {"name": deployment}
    return {
        "metadata": meta(name, uid, version, created=created, deleting=deleting, generation=1, **own),
        "spec": spec,
        "status": status.to_dict() if status else {},
    }


def make_status(
    state: RunState,
    reason: Reason | None = None,
    *,
    attempt: int = 1,
    run: str = "etl-1",
    job_uid: str | None = None,
    pod: str | None = None,
    **more: Any,
) -> FlowRunStatus:
    numbers = range(max(1, attempt - 9), attempt + 1)
    attempts = [
        {"number": number, "job": job_name(run, number), "creationTime": text(NOW)} for number in numbers
    ]
    attempts[-1:] = [{**attempts[-1], "jobUid": job_uid, "pod": pod}] if attempts else []
    return FlowRunStatus.model_validate(
        {"state": state, "reason": reason, "attempt": attempt, "attempts": attempts, **more}
    )


def make_deployment(
    name: str = "etl", *, uid: str | None = None, version: int = 1, status: Object | None = None, **spec: Any
) -> Object:
    return {
        "metadata": meta(name, uid, version, generation=1),
        "spec": TEMPLATE | spec,
        "status": status or {},
    }


def make_defaults(*, clusterwide: bool = False, version: int = 1, **data: str) -> Object:
    """Make a ConfigMap millstream-defaults, the namespace's or the cluster's; values are YAML."""
    namespace = {"namespace": CONFIG_NAMESPACE} if clusterwide else {}
    return {"metadata": meta("millstream-defaults", version=version) | namespace, "data": data}


def make_revision(
    name: str, template: Mapping[str, Any] = TEMPLATE, *, deployment: str = "etl", **more: Any
) -> Object:
    return {
        "metadata": meta(name, labels={labels.DEPLOYMENT: deployment}, **more),
        "data": dict(template),
    }


def make_job(
    run: str = "etl-1",
    attempt: int = 1,
    *,
    uid: str | None = None,
    owner: str | None = None,
    version: int = 1,
    created: datetime = NOW,
    deleting: bool = False,
    suspended: bool = False,
    failure: tuple[str, str] | None = None,
    stopping: bool = False,
    complete: bool = False,
) -> Object:
    """Make a Job; `failure` is a reason and a message, `stopping` says that its pods have not ended yet."""
    conditions: list[Object] = []
    if failure:
        kind = "FailureTarget" if stopping else "Failed"
        conditions.append({"type": kind, "status": "True", "reason": failure[0], "message": failure[1]})
    if complete:
        conditions.append({"type": "Complete", "status": "True"})
    owner = owner or f"uid-{run}"
    return {
        "metadata": meta(
            job_name(run, attempt),
            uid,
            version,
            created=created,
            deleting=deleting,
            labels={labels.RUN: run, labels.RUN_UID: owner, labels.ATTEMPT: str(attempt)},
            ownerReferences=[{"kind": "FlowRun", "name": run, "uid": owner, "controller": True}],
        ),
        "spec": {"suspend": True} if suspended else {},
        "status": {"conditions": conditions},
    }


def make_pod(
    run: str = "etl-1",
    attempt: int = 1,
    *,
    uid: str | None = None,
    job: str | None = None,
    run_uid: str | None = None,
    version: int = 1,
    deleting: bool = False,
    held: bool = True,
    node: str | None = "node-1",
    phase: str | None = None,
    reason: str = "",
    message: str = "",
    disrupted: bool = False,
    unschedulable: str = "",
    waiting: tuple[str, str] | None = None,
    running: bool = False,
    exit_code: int | None = None,
    ended: datetime | None = NOW,
    container_reason: str = "",
    record: CompletionRecord | str | None = None,
) -> Object:
    job = job or job_name(run, attempt)
    conditions: list[Object] = []
    if disrupted:
        conditions.append({"type": "DisruptionTarget", "status": "True"})
    if unschedulable:
        conditions.append(
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": unschedulable}
        )
    state: Object = {}
    if waiting:
        state = {"waiting": {"reason": waiting[0], "message": waiting[1]}}
    if running:
        state = {"running": {"startedAt": text(NOW)}}
    if exit_code is not None:
        left = record.encode().decode() if isinstance(record, CompletionRecord) else record or ""
        state = {
            "terminated": {
                "exitCode": exit_code,
                "reason": container_reason,
                "startedAt": text(NOW),
                "finishedAt": text(ended) if ended else None,
                "message": left,
            }
        }
    ended = {None: "Running" if running else "Pending", 0: "Succeeded"}.get(exit_code, "Failed")
    return {
        "metadata": meta(
            f"{job}-x",
            uid,
            version,
            deleting=deleting,
            labels={labels.RUN: run, labels.RUN_UID: run_uid or f"uid-{run}", labels.ATTEMPT: str(attempt)},
            finalizers=[labels.OUTCOME_FINALIZER] if held else [],
            ownerReferences=[{"kind": "Job", "name": job, "uid": f"uid-{job}", "controller": True}],
        ),
        "spec": {"nodeName": node} if node else {},
        "status": {
            "phase": phase or ended,
            "reason": reason,
            "message": message,
            "conditions": conditions,
            "containerStatuses": [{"name": "flow", "state": state}] if state else [],
        },
    }


def make_record(
    state: RunState = RunState.COMPLETED,
    reason: Reason | None = None,
    *,
    run: str = "etl-1",
    attempt: int = 1,
    **more: Any,
) -> CompletionRecord:
    return CompletionRecord(uid=f"uid-{run}", attempt=attempt, state=state, reason=reason, **more)


def observe(
    run: Object | None,
    *,
    now: datetime = NOW,
    parent: Object | None = None,
    deployment: Object | None = None,
    deployment_error: str = "",
    revisions: Iterable[Object] = (),
    jobs: Iterable[Object] = (),
    pods: Iterable[Object] = (),
    strays: Iterable[Object] = (),
    confirmed: str | None = None,
    refusal: Refusal | None = None,
    warning: PodWarning | None = None,
    nodes: Iterable[NodeSeen] = (),
    defaults: Iterable[Object] = (),
    slots: Slots = NO_OTHERS,
) -> ObservedRun:
    read = [Revision.from_object(o) for o in revisions]
    return ObservedRun(
        now=now,
        run=Run.from_object(run) if run else None,
        parent=Run.from_object(parent) if parent else None,
        deployment=Deployment.from_object(deployment) if deployment else None,
        deployment_error=deployment_error,
        revisions={revision.name: revision.template for revision in read},
        jobs={job.name: job for job in map(Job.from_object, jobs)},
        pods=tuple(map(Pod.from_object, pods)),
        strays=tuple(map(Pod.from_object, strays)),
        confirmed=confirmed,
        refusal=refusal,
        warning=warning,
        nodes={seen.name: seen for seen in nodes},
        defaults=tuple(read_defaults(o, CONFIG_NAMESPACE) for o in defaults),
        slots=slots,
    )
