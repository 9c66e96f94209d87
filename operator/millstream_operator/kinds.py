"""The kinds of objects that the operator reads and writes."""

from dataclasses import dataclass

from millstream.resources import flow_deployment, flow_run, labels, namespace_defaults
from millstream.resources.model import GROUP, VERSION

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


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects.

    Attributes:
        selector: label selector of the objects that concern us, applied by the API server.
        fields: field selector of them.
    """

    group: str
    version: str
    plural: str
    selector: str = ""
    fields: str = ""

    def path(self, namespace: str | None = None, name: str | None = None, part: str | None = None) -> str:
        """Give the path of the collection, of an object, or of its subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if namespace else ""
        return "/".join(filter(None, (f"{root}{within}/{self.plural}", name, part)))


FLOW_RUNS = Kind(GROUP, VERSION, flow_run.PLURAL)
FLOW_DEPLOYMENTS = Kind(GROUP, VERSION, flow_deployment.PLURAL)
JOBS = Kind("batch", "v1", "jobs", labels.RUN_UID)
PODS = Kind("", "v1", "pods", labels.RUN_UID)
REVISIONS = Kind("apps", "v1", "controllerrevisions", labels.DEPLOYMENT)
CONFIG_MAPS = Kind("", "v1", "configmaps", fields=f"metadata.name={namespace_defaults.NAME}")
EVENTS = Kind("", "v1", "events")
NODES = Kind("", "v1", "nodes")
SERVICE_ACCOUNTS = Kind("", "v1", "serviceaccounts")
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io", "v1", "rolebindings")
