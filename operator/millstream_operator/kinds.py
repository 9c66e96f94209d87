"""The kinds of objects that the operator reads and writes."""

from millstream.resources import labels, namespace_defaults
from millstream.resources.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, Kind

__all__ = [
    "CONFIG_MAPS",
    "EVENTS",
    "FLOW_DEPLOYMENTS",
    "FLOW_RUNS",
    "JOBS",
    "NODES",
    "PODS",
    "REVISIONS",
    "ROLE_BINDINGS",
    "SERVICE_ACCOUNTS",
    "Kind",
]

JOBS = Kind("batch", "v1", "jobs", labels.RUN_UID)
PODS = Kind("", "v1", "pods", labels.RUN_UID)
REVISIONS = Kind("apps", "v1", "controllerrevisions", labels.DEPLOYMENT)
CONFIG_MAPS = Kind("", "v1", "configmaps", fields=f"metadata.name={namespace_defaults.NAME}")
EVENTS = Kind("", "v1", "events")
NODES = Kind("", "v1", "nodes")
SERVICE_ACCOUNTS = Kind("", "v1", "serviceaccounts")
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io", "v1", "rolebindings")
