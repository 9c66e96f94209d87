"""The kinds of objects that commands and clients read and write."""

from millstream.resources.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, Kind

__all__ = [
    "ACCESS_REVIEWS",
    "ADMISSION_BINDINGS",
    "ADMISSION_POLICIES",
    "CONFIG_MAPS",
    "CUSTOM_RESOURCE_DEFINITIONS",
    "DEPLOYMENTS",
    "EVENTS",
    "FLOW_DEPLOYMENTS",
    "FLOW_RUNS",
    "LEASES",
    "PODS",
    "POD_LOGS",
    "REVISIONS",
    "Kind",
]

ACCESS_REVIEWS = Kind("authorization.k8s.io", "v1", "selfsubjectaccessreviews")
ADMISSION_BINDINGS = Kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings")
ADMISSION_POLICIES = Kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies")
CONFIG_MAPS = Kind("", "v1", "configmaps")
CUSTOM_RESOURCE_DEFINITIONS = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions")
DEPLOYMENTS = Kind("apps", "v1", "deployments")
EVENTS = Kind("", "v1", "events")
LEASES = Kind("coordination.k8s.io", "v1", "leases")
PODS = Kind("", "v1", "pods")
REVISIONS = Kind("apps", "v1", "controllerrevisions")
POD_LOGS = Kind("", "v1", "pods/log")
"""As rules of RBAC call them."""
