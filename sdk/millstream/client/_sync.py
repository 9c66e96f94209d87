"""The client whose methods return at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, Unpack

from millstream.client._new_runs import NewRun, tags_of, when_due
from millstream.client._options import (
    ReadArtifactsOptions,
    ReadDeploymentsOptions,
    ReadFlowRunsOptions,
    ReadFlowsOptions,
    ReadTaskRunsOptions,
    query_of,
)
from millstream.client._plain import plain
from millstream.client.schemas import filters
from millstream.client.schemas.sorting import (
    ArtifactSort,
    DeploymentSort,
    FlowRunSort,
    FlowSort,
    TaskRunSort,
)
from millstream.exceptions import ObjectNotFound, UnsupportedError
from millstream.states import StateType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from millstream.client._cluster_deployments import ClusterDeployments
    from millstream.client._query import Runs
    from millstream.client.schemas.objects import Artifact, Deployment, Flow, FlowRun, TaskRun
    from millstream.states import State

    T = TypeVar("T")


class SyncMillstreamClient:
    """Reads runs, and changes what may be changed of them. Made by `get_client(sync_client=True)`.

    It holds nothing open: it may be used with and without `with`, as often and in as many threads as one likes.

    What reads several things takes filters, `sort`, `limit` and `offset`, and raises TypeError for an option that there
    is not or that is of another kind, and ValueError for an order that there is not or a negative number. What is about
    one thing raises ObjectNotFound if it is not there, and what the history or a cluster cannot do UnsupportedError.
    """

    def __init__(self, runs: Runs, deployments: ClusterDeployments | None = None) -> None:
        self._runs = runs
        self._deployments = deployments

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read_flow_runs(self, **options: Unpack[ReadFlowRunsOptions]) -> list[FlowRun]:
        """Flow runs; those that were due last come first unless `sort` says another order."""
        default = FlowRunSort.EXPECTED_START_TIME_DESC
        return self._runs.flow_runs(query_of("read_flow_runs", ReadFlowRunsOptions, default, options))

    def read_flow_run(self, flow_run_id: UUID | str) -> FlowRun:
        """A flow run."""
        wanted = filters.FlowRunFilter(id=filters.FlowRunFilterId(any_=[str(flow_run_id)]))
        return self._only(self.read_flow_runs(flow_run_filter=wanted), f"flow run {flow_run_id}")

    def read_flow_run_states(self, flow_run_id: UUID | str) -> list[State[Any]]:
        """The states that a flow run was in, oldest first."""
        return self._runs.flow_run_states(str(flow_run_id)) or self._missing(f"flow run {flow_run_id}")

    def update_flow_run(
        self, flow_run_id: UUID | str, *, name: str | None = None, tags: Iterable[str] | None = None
    ) -> None:
        """Give a flow run another name, or other tags in place of all that it has; also while it runs.

        In a cluster the tags of its deployment stay, and there is no other name.
        """
        if not self._runs.update_flow_run(str(flow_run_id), name=name, tags=tags_of(tags)):
            self._missing(f"flow run {flow_run_id}")

    def delete_flow_run(self, flow_run_id: UUID | str) -> None:
        """Forget a flow run, and what belongs to it."""
        if not self._runs.delete_flow_run(str(flow_run_id)):
            self._missing(f"flow run {flow_run_id}")

    def read_task_runs(self, **options: Unpack[ReadTaskRunsOptions]) -> list[TaskRun]:
        """Task runs; those that began last come first unless `sort` says another order."""
        query = query_of("read_task_runs", ReadTaskRunsOptions, TaskRunSort.START_TIME_DESC, options)
        return self._runs.task_runs(query)

    def read_task_run(self, task_run_id: UUID | str) -> TaskRun:
        """A task run."""
        wanted = filters.TaskRunFilter(id=filters.TaskRunFilterId(any_=[str(task_run_id)]))
        return self._only(self.read_task_runs(task_run_filter=wanted), f"task run {task_run_id}")

    def read_task_run_states(self, task_run_id: UUID | str) -> list[State[Any]]:
        """The states that a task run was in, oldest first."""
        return self._runs.task_run_states(str(task_run_id)) or self._missing(f"task run {task_run_id}")

    def read_flows(self, **options: Unpack[ReadFlowsOptions]) -> list[Flow]:
        """Flows that have such runs, by name unless `sort` says another order."""
        return self._runs.flows(query_of("read_flows", ReadFlowsOptions, FlowSort.NAME_ASC, options))

    def read_flow(self, flow_id: UUID | str) -> Flow:
        """A flow."""
        wanted = filters.FlowFilter(id=filters.FlowFilterId(any_=[str(flow_id)]))
        return self._only(self.read_flows(flow_filter=wanted), f"flow {flow_id}")

    def read_flow_by_name(self, flow_name: str) -> Flow:
        """A flow."""
        wanted = filters.FlowFilter(name=filters.FlowFilterName(any_=[flow_name]))
        return self._only(self.read_flows(flow_filter=wanted), f"flow {flow_name!r}")

    def read_artifacts(self, **options: Unpack[ReadArtifactsOptions]) -> list[Artifact]:
        """Artifacts, the latest first unless `sort` says another order."""
        query = query_of("read_artifacts", ReadArtifactsOptions, ArtifactSort.CREATED_DESC, options)
        return self._runs.artifacts(query)

    def set_flow_run_state(self, flow_run_id: UUID | str, state: State[Any], *, force: bool = False) -> None:
        """Have a flow run of a cluster end: all other states are what happens to it.

        Args:
            flow_run_id: Its id.
            state: `Cancelling()` or `Cancelled()`.
            force: There is nothing that could be forced.
        """
        if force or state.type not in {StateType.CANCELLING, StateType.CANCELLED}:
            raise UnsupportedError(
                f"A flow run cannot be made {state.name}: its state is what happens to it. "
                "set_flow_run_state takes Cancelling(), without force."
            )
        if not self._runs.cancel_flow_run(str(flow_run_id)):
            self._missing(f"flow run {flow_run_id}")

    def read_deployments(self, **options: Unpack[ReadDeploymentsOptions]) -> list[Deployment]:
        """Deployments, by name unless `sort` says another order; with a filter of flow runs, those that have such a run."""
        query = query_of("read_deployments", ReadDeploymentsOptions, DeploymentSort.NAME_ASC, options)
        return self._deployed().deployments(query)

    def read_deployment(self, deployment_id: UUID | str) -> Deployment:
        """A deployment."""
        wanted = filters.DeploymentFilter(id=filters.DeploymentFilterId(any_=[str(deployment_id)]))
        return self._only(self.read_deployments(deployment_filter=wanted), f"deployment {deployment_id}")

    def read_deployment_by_name(self, name: str) -> Deployment:
        """A deployment, by its name, or by FLOW/NAME as in Prefect."""
        flow_name, _, own_name = name.rpartition("/")
        wanted = filters.DeploymentFilter(name=filters.DeploymentFilterName(any_=[own_name]))
        found = self._only(self.read_deployments(deployment_filter=wanted), f"deployment {own_name!r}")
        if flow_name and flow_name.replace("-", "_") != found.flow_name.replace("-", "_"):
            raise ObjectNotFound(
                f"There is no deployment {own_name!r} of a flow {flow_name!r}: it is of {found.flow_name!r} "
                f"({found.entrypoint}). Its name alone is enough."
            )
        return found

    def create_flow_run_from_deployment(
        self,
        deployment_id: UUID | str,
        *,
        parameters: Mapping[str, Any] | None = None,
        state: State[Any] | None = None,
        name: str | None = None,
        tags: Iterable[str] | None = None,
        idempotency_key: str | None = None,
    ) -> FlowRun:
        """Make a flow run of a deployment.

        Args:
            deployment_id: The deployment's id.
            parameters: Those that are not to be as the deployment says.
            state: `Scheduled(scheduled_time=...)`; due at once unless given.
            name: The run's name; made of the deployment's unless given.
            tags: Its tags, beside the deployment's.
            idempotency_key: Whoever asks for a run of the same key, and of the same name if one is given, gets this one.

        Raises:
            ParameterTypeError: The parameters do not fit the flow.
            ObjectAlreadyExists: There is a run of that name.
        """
        wanted = NewRun(
            plain(parameters or {}), name, tuple(tags_of(tags) or ()), when_due(state), idempotency_key
        )
        made = self._deployed().create_run(str(deployment_id), wanted)
        return made or self._missing(f"deployment {deployment_id}")

    def pause_deployment(self, deployment_id: UUID | str) -> None:
        """Have the schedules of a deployment rest."""
        if not self._deployed().pause(str(deployment_id), paused=True):
            self._missing(f"deployment {deployment_id}")

    def resume_deployment(self, deployment_id: UUID | str) -> None:
        """Have the schedules of a deployment go on."""
        if not self._deployed().pause(str(deployment_id), paused=False):
            self._missing(f"deployment {deployment_id}")

    def _deployed(self) -> ClusterDeployments:
        if self._deployments is None:
            raise UnsupportedError(
                "The history of this machine has no deployments: those are in a cluster. Set MILLSTREAM_API=cluster, "
                'or use get_client(api="cluster").'
            )
        return self._deployments

    def _only(self, found: list[T], what: str) -> T:
        return found[0] if found else self._missing(what)

    def _missing(self, what: str) -> NoReturn:
        raise ObjectNotFound(f"There is no {what} in {self._runs.where}.")
