"""What a decision says is to be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millstream.resources.flow_deployment import FlowDeploymentStatus
from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.run_template import ApiAccess

__all__ = [
    "Action",
    "CancelRun",
    "ConfirmDeployment",
    "ConfirmJob",
    "ConfirmRevision",
    "ConfirmRun",
    "CreateJob",
    "CreateRevision",
    "CreateRun",
    "DeleteJob",
    "DeletePod",
    "DeleteRevision",
    "DeleteRun",
    "Plan",
    "Question",
    "ReadNode",
    "ReadWarning",
    "ReleasePod",
    "TakeSlot",
    "TryJob",
    "WriteDeploymentStatus",
    "WriteRunStatus",
]


@dataclass(frozen=True, slots=True)
class Action:
    """One call to the API server."""


@dataclass(frozen=True, slots=True)
class WriteRunStatus(Action):
    """Replace the run's status. It fails, and with it the rest of the plan, if the run has changed meanwhile."""

    status: FlowRunStatus


@dataclass(frozen=True, slots=True)
class WriteDeploymentStatus(Action):
    """Replace the deployment's status."""

    status: FlowDeploymentStatus


@dataclass(frozen=True, slots=True)
class CreateRevision(Action):
    """Create the ControllerRevision of a deployment's template; one that exists is the same."""

    name: str
    deployment: str
    template: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteRevision(Action):
    """Delete a ControllerRevision that no live run uses."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class CreateJob(Action):
    """Create a Job; one of this name that the run owns is taken for it.

    Attributes:
        job: the Job.
        access: the service account that its pod uses, which is created with its role if it is not there.
    """

    job: Mapping[str, Any]
    access: ApiAccess = ApiAccess.NONE


@dataclass(frozen=True, slots=True)
class DeleteJob(Action):
    """Delete a Job, and its pods before it."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class ReleasePod(Action):
    """Take our finalizer off a pod whose outcome is stored."""

    name: str
    uid: str
    finalizers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeletePod(Action):
    """Delete a pod that no Job looks after any more."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class CreateRun(Action):
    """Create the FlowRun of a tick; one of this name is taken for it."""

    run: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteRun(Action):
    """Delete a FlowRun that is final, some at a time."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class CancelRun(Action):
    """Set spec.cancel of the run. It fails, as the write of a status does, if the run has changed meanwhile."""


@dataclass(frozen=True, slots=True)
class TakeSlot(Action):
    """Count the run as live from now on, while its status is being written."""


@dataclass(frozen=True, slots=True)
class Question(Action):
    """A question to the API server: what it says is in the next observation."""


@dataclass(frozen=True, slots=True)
class ConfirmJob(Question):
    """Ask for a Job and its pods before deciding on their absence."""

    name: str


@dataclass(frozen=True, slots=True)
class ConfirmDeployment(Question):
    """Ask for a FlowDeployment before deciding on its absence."""

    name: str


@dataclass(frozen=True, slots=True)
class ConfirmRevision(Question):
    """Ask for a ControllerRevision before deciding on its absence."""

    name: str


@dataclass(frozen=True, slots=True)
class ConfirmRun(Question):
    """Ask for the run itself before deciding on its absence."""

    name: str


@dataclass(frozen=True, slots=True)
class ReadWarning(Question):
    """Ask for the Events that say why a Job has no pod, or why a pod's container does not start."""

    uid: str


@dataclass(frozen=True, slots=True)
class ReadNode(Question):
    """Ask whether a node is there and answers."""

    name: str


@dataclass(frozen=True, slots=True)
class TryJob(Question):
    """Ask, by a dry run, whether a deployment's Jobs would be accepted."""

    job: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order; each action only when those before it have succeeded.

    Attributes:
        actions: calls to make.
        requeue_at: when to look again even if nothing changes.
    """

    actions: tuple[Action, ...] = ()
    requeue_at: datetime | None = None
