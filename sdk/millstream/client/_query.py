"""What is asked of a history, wherever that is, and of the deployments of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from millstream.client.schemas.filters import (
        ArtifactFilter,
        DeploymentFilter,
        FlowFilter,
        FlowRunFilter,
        TaskRunFilter,
    )
    from millstream.client.schemas.objects import Artifact, Flow, FlowRun, TaskRun
    from millstream.states import State


class Query(NamedTuple):
    """What to look for, in which order, and which part of it.

    Attributes:
        limit: The most to give; all there is if None.
        offset: How many to leave out first.
    """

    sort: str
    limit: int | None = None
    offset: int = 0
    flow: FlowFilter | None = None
    flow_run: FlowRunFilter | None = None
    task_run: TaskRunFilter | None = None
    deployment: DeploymentFilter | None = None
    artifact: ArtifactFilter | None = None


class Runs(Protocol):
    """Somewhere that runs are remembered. Its methods may be called from any thread.

    What there cannot be is an UnsupportedError.

    Attributes:
        where: What it is, in messages.
    """

    where: str

    def flow_runs(self, query: Query) -> list[FlowRun]:
        """Flow runs; with a filter of task runs, those that have such a task run."""
        ...

    def task_runs(self, query: Query) -> list[TaskRun]:
        """Task runs."""
        ...

    def flows(self, query: Query) -> list[Flow]:
        """Flows of which there are such flow runs."""
        ...

    def artifacts(self, query: Query) -> list[Artifact]:
        """Artifacts that such flow runs have made, or nobody."""
        ...

    def flow_run_states(self, run_id: str) -> list[State[Any]]:
        """The states that a flow run was in, oldest first; none if there is no such run."""
        ...

    def task_run_states(self, run_id: str) -> list[State[Any]]:
        """The states that a task run was in, oldest first; none if there is no such run."""
        ...

    def update_flow_run(self, run_id: str, *, name: str | None, tags: list[str] | None) -> bool:
        """Give a flow run another name or other tags; false if there is no such run."""
        ...

    def delete_flow_run(self, run_id: str) -> bool:
        """Forget a flow run and all that belongs to it; false if there is no such run."""
        ...

    def cancel_flow_run(self, run_id: str) -> bool:
        """Have a flow run end; false if there is no such run."""
        ...
