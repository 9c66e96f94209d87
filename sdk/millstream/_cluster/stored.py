"""What the objects of Millstream's own kinds have in common, as commands look at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.kinds import Kind


@dataclass(frozen=True)
class Stored:
    """An object of a cluster.

    Attributes:
        kind: Its kind.
        body: The object itself.
    """

    kind: ClassVar[Kind]
    body: Object

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.body["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        """What no other one has, also none of the same name."""
        return str(self.body["metadata"]["uid"])

    @property
    def spec(self) -> Object:
        """What is wanted of it."""
        spec: Object = self.body["spec"]
        return spec

    @property
    def created(self) -> datetime:
        """When it was created."""
        return datetime.fromisoformat(self.body["metadata"]["creationTimestamp"])

    def change(self, cluster: Cluster, spec: Mapping[str, Any]) -> None:
        """Change fields of its spec, and of no other one that has got its name since."""
        patch = {"metadata": {"uid": self.uid}, "spec": dict(spec)}
        cluster.patch(self.kind, self.name, patch, namespace=self.namespace)

    def delete(self, cluster: Cluster) -> None:
        """Delete it, and no other one that has got its name since."""
        cluster.delete(self.kind, self.name, namespace=self.namespace, uid=self.uid)
