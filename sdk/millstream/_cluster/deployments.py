"""A FlowDeployment of a cluster, as commands look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from millstream._cluster.kinds import FLOW_DEPLOYMENTS
from millstream._cluster.stored import Stored
from millstream.resources.flow_deployment import FlowDeploymentStatus

if TYPE_CHECKING:
    from millstream._cluster.cluster import Object
    from millstream.resources.model import Condition


@dataclass(frozen=True)
class Deployment(Stored):
    """A FlowDeployment.

    Attributes:
        status: What the operator says of it.
    """

    kind = FLOW_DEPLOYMENTS
    status: FlowDeploymentStatus

    @classmethod
    def of(cls, body: Object) -> Deployment:
        """Read an object."""
        return cls(body, FlowDeploymentStatus.model_validate(body.get("status", {})))

    @property
    def tags(self) -> list[str]:
        """Tags of every run of it."""
        return list(self.spec.get("tags", ()))

    def condition(self, kind: str) -> Condition | None:
        """What the operator says of its newest form."""
        generation = self.body["metadata"].get("generation", 0)
        return next(
            (
                one
                for one in self.status.conditions
                if one.type == kind and one.observed_generation == generation
            ),
            None,
        )
