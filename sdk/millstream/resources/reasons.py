"""Why a run is where it is: a closed list, each with what to do about it.

A reason stands in `status.reason`, in conditions, in metrics and in completion records, so it is never free text.
"""

from enum import StrEnum
from typing import Self

__all__ = ["Reason"]


class Reason(StrEnum):
    """The reasons of a FlowRun's state, with a hint for the person who reads it."""

    hint: str

    def __new__(cls, value: str, hint: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.hint = hint
        return member

    # The run's input
    DEPLOYMENT_NOT_FOUND = (
        "DeploymentNotFound",
        "Check spec.deploymentRef.name: it names a FlowDeployment of the same namespace.",
    )
    DEPLOYMENT_NOT_READY = (
        "DeploymentNotReady",
        "Its condition Ready says what is wrong; mend the FlowDeployment and create a new run.",
    )
    INVALID_PARAMETERS = (
        "InvalidParameters",
        (
            "Create a new run with parameters that fit the flow's signature. In YAML, quote what must stay text: "
            "unquoted yes, no, on, off and y are booleans, and 010 is the number 8."
        ),
    )
    INVALID_ENTRYPOINT = (
        "InvalidEntrypoint",
        "Check spec.entrypoint of the FlowDeployment against the files in its image or source.configMap.",
    )
    INVALID_DOCUMENT = (
        "InvalidDocument",
        "The image's SDK cannot read what the operator sent; use images of the operator's release.",
    )
    DOCUMENT_TOO_LARGE = (
        "DocumentTooLarge",
        "Put large input into a volume or an object store, and pass its address as a parameter.",
    )
    REVISION_LOST = (
        "RevisionLost",
        "The ControllerRevision with the deployment's frozen spec was deleted by hand; create a new run.",
    )

    # Before the flow's container runs
    WAITING_FOR_POD = "WaitingForPod", "Kubernetes has not started the flow's container yet."
    IMAGE_PULL_ERROR = (
        "ImagePullError",
        "Check spec.image and spec.imagePullSecrets of the FlowDeployment, and that nodes reach the registry.",
    )
    CONFIG_ERROR = (
        "ConfigError",
        (
            "A ConfigMap, Secret or key that the pod refers to is missing, or its security context does not fit "
            "the image."
        ),
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        "No node fits: compare spec.pod.resources, nodeSelector and tolerations with the cluster's nodes.",
    )
    POD_CREATION_FAILED = (
        "PodCreationFailed",
        "The cluster refuses the pod: a quota, pod security, an admission policy or a missing service account.",
    )
    START_TIMEOUT = (
        "StartTimeout",
        "The flow's container did not start within spec.timeouts.startSeconds.",
    )

    # While and after it runs
    FLOW_FAILED = "FlowFailed", "The flow raised an exception or returned a failed state; see its log."
    NON_ZERO_EXIT = "NonZeroExit", "The flow's process ended with an error; see its log."
    NO_RESULT = (
        "NoResult",
        (
            "The flow's process ended without reporting an outcome. Look for os._exit(), or for a container command "
            "that does not run millstream.runner."
        ),
    )
    OOM_KILLED = "OOMKilled", "Raise spec.pod.resources.limits.memory, or let the flow use less."
    SIGNALLED = (
        "Signalled",
        "A signal ended the flow's process; a crash in a native library is a common cause.",
    )
    RUN_TIMEOUT = "RunTimeout", "The attempt took longer than spec.timeouts.runSeconds."
    INTERRUPTED = "Interrupted", "Kubernetes stopped the pod before the flow had ended."
    EVICTED = "Evicted", "Kubernetes took the pod away: an eviction, a drain, a preemption or a node's loss."
    STORAGE_EXCEEDED = (
        "StorageExceeded",
        "The pod wrote more than a volume's or the node's limit allows; use a PersistentVolumeClaim.",
    )
    POD_LOST = "PodLost", "The pod was deleted before it had reported an outcome."
    JOB_DELETED = "JobDeleted", "The Job was deleted by somebody else, which cancels the run."
    JOB_CONFLICT = (
        "JobConflict",
        (
            "A Job of the name that this run needs exists and belongs to something else; delete it, or use another "
            "name for the run."
        ),
    )
    JOB_REJECTED = "JobRejected", "The API server refuses the Job; mend the FlowDeployment's pod settings."

    # Of a FlowDeployment
    VALID = "Valid", "Runs can be made."
    INVALID_PARAMETER_SCHEMA = (
        "InvalidParameterSchema",
        "Mend spec.parameterSchema. In YAML, quote names such as y, n, on and off: unquoted they are booleans.",
    )
