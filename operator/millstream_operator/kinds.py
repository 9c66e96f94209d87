"""The kinds of objects that the operator reads and writes."""

from dataclasses import dataclass

from millstream.resources import flow_deployment, flow_run, labels
from millstream.resources.model import GROUP, VERSION

__all__ = ["EVENTS", "FLOW_DEPLOYMENTS", "FLOW_RUNS", "JOBS", "PODS", "REVISIONS", "WATCHED", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects.

    Attributes:
        selector: label selector of the objects that concern us, applied by the API server.
    """

    group: str
    version: str
    plural: str
    selector: str = ""

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
EVENTS = Kind("", "v1", "events")

# In this order they are listed at the start: what a decision refers to comes before what is decided on.
WATCHED = (FLOW_DEPLOYMENTS, REVISIONS, PODS, JOBS, FLOW_RUNS)
