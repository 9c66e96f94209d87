"""A FlowRun of a cluster, as commands look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from millstream._cluster.kinds import FLOW_RUNS
from millstream._cluster.stored import Stored
from millstream.resources.flow_run import FlowRunStatus

if TYPE_CHECKING:
    from millstream._cluster.cluster import Cluster, Object
    from millstream.resources.flow_run import Attempt


@dataclass(frozen=True)
class Run(Stored):
    """A FlowRun.

    Attributes:
        status: What the operator says of it.
    """

    kind = FLOW_RUNS
    status: FlowRunStatus

    @classmethod
    def of(cls, body: Object) -> Run:
        """Read an object."""
        return cls(body, FlowRunStatus.model_validate(body.get("status", {})))

    @classmethod
    def get(cls, cluster: Cluster, name: str, *, namespace: str | None = None) -> Run:
        """Read the run of that name.

        Raises:
            ObjectNotFound: There is none.
        """
        return cls.of(cluster.get(FLOW_RUNS, name, namespace=namespace))

    @property
    def due(self) -> datetime:
        """Since when it may start."""
        scheduled = self.spec.get("scheduledTime")
        return self.created if scheduled is None else max(self.created, datetime.fromisoformat(scheduled))

    @property
    def state(self) -> str:
        """Its state; nothing as long as no operator has seen it."""
        return "" if self.status.state is None else self.status.state.value

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status.state is not None and self.status.state.is_final

    @property
    def deployment(self) -> str:
        """The name of its deployment; nothing if it has a template of its own."""
        return str(self.spec.get("deploymentRef", {}).get("name", ""))

    @property
    def tags(self) -> list[str]:
        """Its own tags."""
        return [*self.spec.get("template", {}).get("tags", ()), *self.spec.get("tags", ())]

    def attempt(self, number: int) -> Attempt | None:
        """What is known of an attempt."""
        return next((attempt for attempt in self.status.attempts if attempt.number == number), None)
