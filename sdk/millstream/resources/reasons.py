"""Why a run is where it is: a closed list, each with what to do about it.

A reason stands in `status.reason`, in conditions, in metrics and in completion records, so it is never free text.
"""

from enum import StrEnum
from typing import Self

__all__ = ["Reason"]


_FROZEN = (
    "A run keeps what its deployment said when it was admitted: mend the deployment, delete this run and create a "
    "new one."
)
_PATIENCE = "After spec.timeouts.startSeconds (900 unless given) the run is given up."
_LOG = "millstream run logs {run} -n {namespace}"
_SEE_LOG = f"See its log: {_LOG}"


class Reason(StrEnum):
    """The reasons of a FlowRun's state, with a hint for the person who reads it.

    A hint may name the run as `{run}`, and its namespace as `{namespace}`.
    """

    hint: str

    def __new__(cls, value: str, hint: str = "") -> Self:
        """Make a member whose value is the word alone."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.hint = hint
        return member

    def advice(self, run: str, namespace: str) -> str:
        """The hint for whoever looks at a run."""
        return self.hint.replace("{run}", run).replace("{namespace}", namespace)

    # The run's input
    DEPLOYMENT_NOT_FOUND = (
        "DeploymentNotFound",
        "Check spec.deploymentRef.name: it names a FlowDeployment of the same namespace.",
    )
    DEPLOYMENT_NOT_READY = (
        "DeploymentNotReady",
        "Mend the FlowDeployment, then create a new run.",
    )
    INVALID_PARAMETERS = (
        "InvalidParameters",
        "Create a new run with parameters that fit the flow's signature.",
    )
    INVALID_ENTRYPOINT = (
        "InvalidEntrypoint",
        (
            "Check spec.entrypoint of the FlowDeployment, the file that it names, and that the image has what "
            "this file imports; then create a new run."
        ),
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

    INVALID_STATUS = (
        "InvalidStatus",
        "The operator writes no such status, so somebody else has; create a new run.",
    )
    OVERRIDE_NOT_ALLOWED = (
        "OverrideNotAllowed",
        "Leave spec.overrides.image out, or set overrides.allowImage in the FlowDeployment; then create a new run.",
    )
    CEILING_EXCEEDED = (
        "CeilingExceeded",
        "The ConfigMap millstream-defaults of the namespace, or the operator's, sets the limit.",
    )
    NO_IMAGE = (
        "NoImage",
        "Give spec.image in the FlowDeployment, or image in the ConfigMap millstream-defaults.",
    )

    # Before it is admitted
    CONCURRENCY_LIMIT = (
        "ConcurrencyLimit",
        "The FlowDeployment's concurrency.limit is reached.",
    )
    NAMESPACE_LIMIT = (
        "NamespaceLimit",
        "maxLiveRuns of the ConfigMap millstream-defaults is reached.",
    )
    NAMESPACE_SUSPENDED = (
        "NamespaceSuspended",
        "It goes on when suspend is taken out of the namespace's ConfigMap millstream-defaults.",
    )
    CLUSTER_SUSPENDED = (
        "ClusterSuspended",
        "It goes on when suspend is taken out of the operator's ConfigMap millstream-defaults.",
    )
    UNREADABLE_DEFAULTS = (
        "UnreadableDefaults",
        "Mend the ConfigMap millstream-defaults; until then nothing new starts where it applies.",
    )
    SUSPENDED = (
        "Suspended",
        "It goes on, with a new attempt, once spec.suspend is false and what ran has ended.",
    )
    JOB_SUSPENDED = (
        "JobSuspended",
        "Kueue, or somebody, has suspended the Job: it waits to be admitted. See: kubectl get workloads",
    )

    # Before the flow's container runs
    WAITING_FOR_POD = "WaitingForPod", "Kubernetes has not started the flow's container yet."
    IMAGE_PULL_ERROR = (
        "ImagePullError",
        f"Check spec.image and spec.imagePullSecrets of the FlowDeployment, and that nodes reach the registry. {_FROZEN} {_PATIENCE}",
    )
    CONFIG_ERROR = (
        "ConfigError",
        (
            "A ConfigMap, Secret or volume that the pod refers to is missing: create it, and the run goes on. Or "
            f"its security context does not fit the image. {_PATIENCE}"
        ),
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        (
            "No node fits: compare spec.pod.resources, nodeSelector and tolerations with the cluster's nodes. "
            f"{_FROZEN} {_PATIENCE}"
        ),
    )
    POD_CREATION_FAILED = (
        "PodCreationFailed",
        (
            "The cluster refuses the pod: a quota, pod security, or an admission policy. The run goes on when "
            "that changes."
        ),
    )
    START_TIMEOUT = (
        "StartTimeout",
        "Mend what it waited for, or raise spec.timeouts.startSeconds; then create a new run.",
    )

    # While and after it runs
    REQUIREMENTS_FAILED = (
        "RequirementsFailed",
        (
            "Check spec.source.requirements of the FlowDeployment, and that its pods reach the package index: "
            "variables of spec.pod.env, such as PIP_INDEX_URL, say where it is. Or use an image that has the "
            f"packages. The installer's own words: {_LOG}"
        ),
    )
    FLOW_FAILED = "FlowFailed", _SEE_LOG
    NON_ZERO_EXIT = "NonZeroExit", _SEE_LOG
    NO_RESULT = (
        "NoResult",
        (
            "Look for os._exit() in the flow and in what it calls, and for an image whose command is not "
            "millstream.runner."
        ),
    )
    OOM_KILLED = "OOMKilled", "Raise spec.pod.resources.limits.memory, or let the flow use less."
    SIGNALLED = "Signalled", f"A crash in a native library is a common cause. {_SEE_LOG}"
    RUN_TIMEOUT = "RunTimeout", "Raise spec.timeouts.runSeconds, or find what is slow."
    INTERRUPTED = "Interrupted", "A deleted pod or a drained node does that."
    EVICTED = "Evicted", "An eviction, a drain, a preemption or a node's loss does that."
    STORAGE_EXCEEDED = (
        "StorageExceeded",
        "The pod wrote more than a volume's or the node's limit allows; use a PersistentVolumeClaim.",
    )
    POD_LOST = "PodLost", "Its node may be gone, or somebody deleted it by force."
    NODE_LOST = (
        "NodeLost",
        (
            "Nobody can tell whether the process still runs. If the node does not come back: kubectl delete node "
            "NODE, or kubectl taint node NODE node.kubernetes.io/out-of-service=nodeshutdown:NoExecute. With "
            "disruptionPolicy: Replace, a run does not wait for that."
        ),
    )
    CANCEL_REQUESTED = "CancelRequested", "spec.cancel was set to true."
    NODE_UNREACHABLE = (
        "NodeUnreachable",
        "Its node is lost, so the process may still run, until Kubernetes or you remove the node.",
    )
    REPLACED = "Replaced", "The FlowDeployment's concurrency.policy is Replace."
    TOTAL_TIMEOUT = "TotalTimeout", "Raise spec.timeouts.totalSeconds, or find what is slow or fails."
    JOB_DELETED = "JobDeleted", "Deleting a run's Job cancels the run."
    JOB_CONFLICT = (
        "JobConflict",
        (
            "A Job of the name that this run needs belongs to something else; delete it, or use another name for "
            "the run."
        ),
    )
    JOB_REJECTED = "JobRejected", "Mend spec.pod of the FlowDeployment, then create a new run."

    # Of a FlowDeployment
    VALID = "Valid", "Runs can be made."
    ACTIVE = "Active", "Its schedules, if it has any, fire."
    INVALID_SCHEDULE = (
        "InvalidSchedule",
        "Mend spec.schedules. The deployment's other schedules and its other runs go on.",
    )
    INVALID_DEFAULTS = "InvalidDefaults", "Mend spec.parameters, or spec.parameterSchema."
    INVALID_PARAMETER_SCHEMA = (
        "InvalidParameterSchema",
        "Mend spec.parameterSchema. In YAML, quote names such as y, n, on and off: unquoted they are booleans.",
    )
    INVALID_POD = "InvalidPod", "Mend spec.pod."
