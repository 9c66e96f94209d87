"""Labels, annotations and finalizers of the objects that belong to a run."""

__all__ = [
    "ATTEMPT",
    "DEPLOYMENT",
    "DOCUMENT_ANNOTATION",
    "MANAGED_BY",
    "MANAGED_BY_VALUE",
    "OUTCOME_FINALIZER",
    "PREFIX",
    "RUN",
    "RUN_UID",
]

PREFIX = "millstream.dev/"

RUN = PREFIX + "run"
"""Label on Jobs and pods: the FlowRun's name."""
RUN_UID = PREFIX + "run-uid"
"""Label on Jobs and pods: the FlowRun's UID, so that a re-created run of the same name has none of the old pods."""
ATTEMPT = PREFIX + "attempt"
"""Label on Jobs and pods: the attempt's number, from 1."""
DEPLOYMENT = PREFIX + "deployment"
"""Label on Jobs, pods and ControllerRevisions: the FlowDeployment's name; absent for a run of a template."""

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY_VALUE = "millstream"

DOCUMENT_ANNOTATION = PREFIX + "run"
"""Annotation on a pod: the run document, mounted as a file by the downward API."""
OUTCOME_FINALIZER = PREFIX + "outcome"
"""Finalizer on a pod: held until the pod's outcome stands in the FlowRun's status."""
