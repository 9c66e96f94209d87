"""Labels, annotations and finalizers of the objects that belong to a run."""

__all__ = [
    "ATTEMPT",
    "BACKFILL",
    "DEPLOYMENT",
    "DOCUMENT_ANNOTATION",
    "IDEMPOTENCY_KEY",
    "KUEUE_QUEUE",
    "MANAGED_BY",
    "MANAGED_BY_VALUE",
    "OUTCOME_FINALIZER",
    "PARENT_RUN_UID",
    "PREFIX",
    "RETRY_OF",
    "RUN",
    "RUN_UID",
    "SCHEDULE",
    "SOURCE",
]

PREFIX = "millstream.dev/"

RUN = PREFIX + "run"
"""Label on Jobs and pods: the FlowRun's name."""
RUN_UID = PREFIX + "run-uid"
"""Label on Jobs and pods: the FlowRun's UID, so that a re-created run of the same name has none of the old pods."""
ATTEMPT = PREFIX + "attempt"
"""Label on Jobs and pods: the attempt's number, from 1."""
DEPLOYMENT = PREFIX + "deployment"
"""Label on Jobs, pods, ControllerRevisions and scheduled FlowRuns: the FlowDeployment's name; absent for a run of a template."""

PARENT_RUN_UID = PREFIX + "parent-run-uid"
"""Label on FlowRuns that another run made as its subflow: the UID of that one."""

SCHEDULE = PREFIX + "schedule"
"""Label on FlowRuns that a schedule, or a backfill of it, made: its name."""

BACKFILL = PREFIX + "backfill"
"""Label on FlowRuns that a backfill made for ticks of a schedule."""

RETRY_OF = PREFIX + "retry-of"
"""Label on FlowRuns that somebody made to run another one again: the name of that one."""

KUEUE_QUEUE = "kueue.x-k8s.io/queue-name"
"""Label on Jobs by which Kueue takes them into a LocalQueue."""

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY_VALUE = "millstream"

DOCUMENT_ANNOTATION = PREFIX + "run"
"""Annotation on a pod: the run document, mounted as a file by the downward API."""
IDEMPOTENCY_KEY = PREFIX + "idempotency-key"
"""Annotation on FlowRuns that a client made: whoever asks for a run of this key again gets this one."""
OUTCOME_FINALIZER = PREFIX + "outcome"
"""Finalizer on a pod: held until the pod's outcome stands in the FlowRun's status."""

SOURCE = PREFIX + "source"
"""Label on ConfigMaps with the files of flows: the FlowDeployment's name."""
