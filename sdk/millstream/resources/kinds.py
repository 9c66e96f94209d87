"""The kinds of objects of an API server, and where it has them."""

from dataclasses import dataclass
from urllib.parse import quote

from millstream.resources import flow_deployment, flow_run
from millstream.resources.model import GROUP, VERSION

__all__ = ["FLOW_DEPLOYMENTS", "FLOW_RUNS", "Kind"]


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
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        named = name and quote(name, safe="")
        return "/".join(filter(None, (f"{root}{within}/{self.plural}", named, part)))


FLOW_RUNS = Kind(GROUP, VERSION, flow_run.PLURAL)
FLOW_DEPLOYMENTS = Kind(GROUP, VERSION, flow_deployment.PLURAL)
