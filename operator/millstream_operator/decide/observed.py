"""What a decision is made from: the parts of Kubernetes objects that matter, read once."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from millstream.resources import labels, names
from millstream.resources.flow_deployment import FlowDeploymentSpec, FlowDeploymentStatus
from millstream.resources.flow_run import FlowRunSpec, FlowRunStatus
from millstream.resources.namespace_defaults import NamespaceDefaults
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState

__all__ = [
    "Defaults",
    "Deployment",
    "Job",
    "NodeSeen",
    "ObservedDeployment",
    "ObservedRun",
    "Pod",
    "PodWarning",
    "Refusal",
    "Revision",
    "Run",
    "Slots",
    "TickRefusal",
]

Object = Mapping[str, Any]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A FlowRun.

    Attributes:
        parent_uid: of the run that made it as its subflow, as its label says; None for others.
        trigger: what made it, as its labels say: Schedule, Backfill or Manual.
    """

    namespace: str
    name: str
    uid: str
    version: int
    generation: int
    creation_time: datetime
    deleting: bool
    spec: FlowRunSpec
    status: FlowRunStatus
    parent_uid: str | None = None
    trigger: str = "Manual"

    @classmethod
    def from_object(cls, o: Object) -> "Run":
        """Read it from the API's form."""
        meta = o["metadata"]
        return cls(
            **_identity(meta),
            generation=meta["generation"],
            creation_time=_time(meta["creationTimestamp"]),
            deleting="deletionTimestamp" in meta,
            spec=FlowRunSpec.model_validate(o["spec"], extra="ignore"),
            status=FlowRunStatus.model_validate(o.get("status") or {}),
            parent_uid=meta.get("labels", {}).get(labels.PARENT_RUN_UID) or None,
            trigger=_trigger(meta.get("labels", {})),
        )

    @property
    def deployment(self) -> str | None:
        """Name of the FlowDeployment, None for a run of a template."""
        return self.spec.deployment_ref.name if self.spec.deployment_ref else None

    @property
    def due(self) -> datetime:
        """When it is, or was, to start."""
        return self.spec.scheduled_time or self.creation_time

    @property
    def waits_since(self) -> datetime:
        """From when on it could have started: one made for a time long ago has not waited since then."""
        return max(self.due, self.creation_time)

    @property
    def ended(self) -> datetime:
        """When it became final; long ago if that is not known."""
        return self.status.completion_time or _LONG_AGO

    @property
    def live(self) -> bool:
        """Whether something is still to happen to it."""
        return self.status.state is None or not self.status.state.is_final

    @property
    def between_attempts(self) -> bool:
        """Whether it waits for its first attempt, or for one after a pause."""
        status = self.status
        if not status.attempts:
            return True
        resting = status.state in {RunState.PAUSED, RunState.QUEUED}
        return resting and status.current.completion_time is not None

    @property
    def malformed(self) -> bool:
        """Whether the status tells of an attempt without saying which one: the operator writes no such thing."""
        attempts = self.status.attempts
        return self.status.attempt != (attempts[-1].number if attempts else 0)

    @property
    def holds_slot(self) -> bool:
        """Whether it counts for the limits of concurrency."""
        return self.live and not self.between_attempts

    @property
    def waits_for_slot(self) -> bool:
        """Whether it stands in the queue; one that something keeps from being gone holds up nobody."""
        return self.status.state is RunState.QUEUED and self.between_attempts and not self.deleting


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A FlowDeployment."""

    namespace: str
    name: str
    uid: str
    version: int
    generation: int
    creation_time: datetime
    spec: FlowDeploymentSpec
    status: FlowDeploymentStatus

    @cached_property
    def template(self) -> RunTemplate:
        """What its runs freeze, put together once for all of them."""
        return self.spec.template()

    @classmethod
    def from_object(cls, o: Object) -> "Deployment":
        """Read it from the API's form."""
        meta = o["metadata"]
        return cls(
            **_identity(meta),
            generation=meta["generation"],
            creation_time=_time(meta["creationTimestamp"]),
            spec=FlowDeploymentSpec.model_validate(o["spec"], extra="ignore"),
            status=FlowDeploymentStatus.model_validate(o.get("status") or {}),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A ControllerRevision that holds what a deployment said."""

    namespace: str
    name: str
    uid: str
    version: int
    deployment: str
    creation_time: datetime
    template: RunTemplate

    @classmethod
    def from_object(cls, o: Object) -> "Revision":
        """Read it from the API's form."""
        meta = o["metadata"]
        return cls(
            **_identity(meta),
            deployment=meta["labels"][labels.DEPLOYMENT],
            creation_time=_time(meta["creationTimestamp"]),
            # A revision of a newer release, before a rollback, may say more.
            template=RunTemplate.model_validate(o["data"], extra="ignore"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A Job of a run.

    Attributes:
        start_time: when the Job controller began with it, again after a suspension; its creation before that.
        failure: reason and message of its condition FailureTarget or Failed.
        ended: all its pods have ended, and so has it.
    """

    namespace: str
    name: str
    uid: str
    version: int
    owner_uid: str
    run: str
    attempt: int
    creation_time: datetime
    start_time: datetime
    deleting: bool
    suspended: bool
    failure: tuple[str, str] | None
    complete: bool
    ended: bool

    @classmethod
    def from_object(cls, o: Object) -> "Job":
        """Read it from the API's form."""
        meta = o["metadata"]
        status = o.get("status") or {}
        conditions = {c["type"]: c for c in status.get("conditions", ()) if c["status"] == "True"}
        failure = conditions.get("Failed") or conditions.get("FailureTarget")
        return cls(
            **_identity(meta),
            owner_uid=_controller(meta, "FlowRun").get("uid", ""),
            run=meta["labels"][labels.RUN],
            attempt=int(meta["labels"][labels.ATTEMPT]),
            creation_time=_time(meta["creationTimestamp"]),
            start_time=_time(status.get("startTime") or meta["creationTimestamp"]),
            deleting="deletionTimestamp" in meta,
            suspended=bool(o["spec"].get("suspend")),
            failure=(failure.get("reason", ""), failure.get("message", "")) if failure else None,
            complete="Complete" in conditions,
            ended="Complete" in conditions or "Failed" in conditions,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """A pod of a run.

    Attributes:
        job: name of the Job that controls it, "" if none does.
        job_uid: of that Job.
        deletion_time: when it is to have ended, its grace period included; None while nobody deletes it.
        finalizers: what keeps it after its deletion.
        waiting: reason and message of the flow's container (or an init container) that does not start.
        unschedulable: what the scheduler says when no node fits, else "".
        disruption: what is said about its condition DisruptionTarget, None if it has none.
        started_at: when the flow's container started.
        exit_code: of the flow's container; None while it has not ended.
        container_reason: why the flow's container ended, in the kubelet's word.
        termination_message: what the container left.
        reason: the pod's own reason, `Evicted` for instance.
    """

    namespace: str
    name: str
    uid: str
    version: int
    run: str
    run_uid: str
    attempt: int
    job: str
    job_uid: str
    node: str | None
    deletion_time: datetime | None
    finalizers: tuple[str, ...]
    phase: str
    reason: str
    message: str
    disruption: str | None
    waiting: tuple[str, str] | None
    unschedulable: str
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    container_reason: str
    termination_message: str

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted."""
        return self.deletion_time is not None

    @property
    def held(self) -> bool:
        """Whether it carries our finalizer, which keeps it until its outcome is stored."""
        return labels.OUTCOME_FINALIZER in self.finalizers

    @property
    def ended(self) -> bool:
        """Whether nothing of the flow runs in it any more."""
        never_bound = self.deleting and self.node is None  # and it cannot be any more
        return self.exit_code is not None or self.phase in {"Succeeded", "Failed"} or never_bound

    @classmethod
    def from_object(cls, o: Object) -> "Pod":
        """Read it from the API's form."""
        meta, status = o["metadata"], o.get("status") or {}
        job = _controller(meta, "Job")
        conditions = {c["type"]: c for c in status.get("conditions", ())}
        scheduled = conditions.get("PodScheduled", {})
        statuses = status.get("containerStatuses", ())
        state: Object = next((s["state"] for s in statuses if s["name"] == names.CONTAINER), {})
        ended: Object = state.get("terminated") or {}
        running: Object = state.get("running") or {}
        started = running.get("startedAt") or ended.get("startedAt")
        return cls(
            **_identity(meta),
            run=meta["labels"][labels.RUN],
            run_uid=meta["labels"][labels.RUN_UID],
            attempt=int(meta["labels"][labels.ATTEMPT]),
            job=job.get("name", ""),
            job_uid=job.get("uid", ""),
            node=o["spec"].get("nodeName"),
            deletion_time=_time(meta["deletionTimestamp"]) if "deletionTimestamp" in meta else None,
            finalizers=tuple(meta.get("finalizers", ())),
            phase=status.get("phase", "Pending"),
            reason=status.get("reason", ""),
            message=status.get("message", ""),
            disruption=_disruption(conditions),
            waiting=_waiting((*status.get("initContainerStatuses", ()), *statuses)),
            unschedulable=scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else "",
            started_at=_time(started) if started else None,
            ended_at=_time(ended["finishedAt"]) if ended.get("finishedAt") else None,
            exit_code=ended.get("exitCode"),
            container_reason=ended.get("reason", ""),
            termination_message=ended.get("message", ""),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why the API server did not make a Job.

    Attributes:
        job: name of the Job.
        code: HTTP status.
        message: what was said.
        foreign: a Job of this name exists, and is not the run's.
        since: when it was refused first.
        time: when it was refused last.
    """

    job: str
    code: int
    message: str
    foreign: bool = False
    since: datetime
    time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PodWarning:
    """What Events say about a Job that gets no pod, or a pod whose container does not start.

    Attributes:
        uid: of the Job or pod.
        message: the latest that tells why; "" if none does.
        time: when they were read.
    """

    uid: str
    message: str
    time: datetime


@dataclass(frozen=True, slots=True)
class TickRefusal:
    """Why the API server did not create the run of a tick, and when."""

    message: str
    time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeSeen:
    """What was found when a node was asked for.

    Attributes:
        name: of the node.
        lost: it is not there, or does not answer; True also when the operator may not ask.
        time: when it was asked for.
    """

    name: str
    lost: bool
    time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """A ConfigMap `millstream-defaults`.

    Attributes:
        clusterwide: it stands in the operator's own namespace, and holds for all.
        error: why it cannot be read, else "".
        value: what it says; nothing if it cannot be read.
    """

    namespace: str
    name: str
    uid: str
    version: int
    clusterwide: bool
    error: str
    value: NamespaceDefaults


@dataclass(frozen=True, kw_only=True, slots=True)
class Slots:
    """How a run stands to others that are live. Each number leaves out the run itself.

    Attributes:
        held: live runs of its deployment.
        ahead: runs of its deployment that wait and come first.
        newer: runs of its deployment, live or waiting, that are due later.
        held_in_namespace: live runs of its namespace.
        ahead_in_namespace: runs of its namespace that wait, come first, and are kept by nothing else.
    """

    held: int = 0
    ahead: int = 0
    newer: int = 0
    held_in_namespace: int = 0
    ahead_in_namespace: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedRun:
    """All that a decision about a run is made from.

    Attributes:
        run: None when it does not exist (any more).
        parent: the run that made it as its subflow, None if there is none (any more).
        deployment: the one that it refers to, None if there is none or it is not known yet.
        deployment_error: why the stored deployment cannot be read, else "".
        revisions: templates by ControllerRevision name, of its deployment.
        jobs: its Jobs by name.
        pods: its pods, of any attempt.
        strays: pods of an earlier run of the same name.
        confirmed: name of the object that the API server was just asked for, if any: a Job with its pods, a
            revision, or the run. What is not observed of it does not exist.
        refusal: why the Job of the current attempt was not made.
        warning: what Events say about its Job or pod.
        nodes: what was found when the nodes of its pods were asked for, by name.
        defaults: the cluster's and the namespace's, in this order, as far as there are any.
        slots: how it stands to other live runs.
    """

    now: datetime
    run: Run | None
    parent: Run | None = None
    deployment: Deployment | None = None
    deployment_error: str = ""
    revisions: Mapping[str, RunTemplate] = field(default_factory=dict)
    jobs: Mapping[str, Job] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    strays: tuple[Pod, ...] = ()
    confirmed: str | None = None
    refusal: Refusal | None = None
    warning: PodWarning | None = None
    nodes: Mapping[str, NodeSeen] = field(default_factory=dict)
    defaults: tuple[Defaults, ...] = ()
    slots: Slots = Slots()


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedDeployment:
    """All that a decision about a deployment is made from.

    Attributes:
        deployment: None when it does not exist (any more).
        revisions: its ControllerRevisions.
        in_use: names of the revisions that its live runs use.
        admitting: some of its runs are about to choose their revision.
        tried: generation of the deployment whose Jobs were tried, None if none was.
        refusal: why they would not be accepted, "" if they would.
        runs: names of its runs that exist.
        live: UIDs of the runs that are not final.
        refused: why the runs of some ticks were not created, by their names.
        completed: its completed runs, the one that finished first at first.
        failed: its runs that finished otherwise, in the same order.
        active: how many of its runs hold a slot.
        queued: how many of its runs wait for one.
        counted: when the operator last wrote such numbers into the status, None if it has not.
        defaults: the cluster's and the namespace's, in this order, as far as there are any.
    """

    now: datetime
    deployment: Deployment | None
    revisions: tuple[Revision, ...] = ()
    in_use: frozenset[str] = frozenset()
    admitting: bool = False
    tried: int | None = None
    refusal: str = ""
    runs: Container[str] = frozenset()
    live: Container[str] = frozenset()
    refused: Mapping[str, TickRefusal] = field(default_factory=dict)
    completed: Sequence[Run] = ()
    failed: Sequence[Run] = ()
    active: int = 0
    queued: int = 0
    counted: datetime | None = None
    defaults: tuple[Defaults, ...] = ()


def _trigger(own: Mapping[str, str]) -> str:
    if labels.BACKFILL in own:
        return "Backfill"
    return "Schedule" if labels.SCHEDULE in own else "Manual"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _identity(meta: Object) -> dict[str, Any]:
    return {
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "version": int(meta["resourceVersion"]),
    }


def _controller(meta: Object, kind: str) -> Object:
    owners = meta.get("ownerReferences", ())
    return next((o for o in owners if o.get("controller") and o.get("kind") == kind), {})


def _disruption(conditions: Mapping[str, Object]) -> str | None:
    target = conditions.get("DisruptionTarget", {})
    return target.get("message", "") if target.get("status") == "True" else None


def _waiting(statuses: tuple[Object, ...]) -> tuple[str, str] | None:
    for status in statuses:
        waiting = status.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
            return waiting["reason"], waiting.get("message", "")
    return None
