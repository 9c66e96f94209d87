"""The client whose methods are awaited."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self, Unpack

from millstream._beside import beside
from millstream.client._sync import SyncMillstreamClient

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from millstream.client._cluster_deployments import ClusterDeployments
    from millstream.client._options import (
        ReadArtifactsOptions,
        ReadDeploymentsOptions,
        ReadFlowRunsOptions,
        ReadFlowsOptions,
        ReadTaskRunsOptions,
    )
    from millstream.client._query import Runs
    from millstream.client.schemas.objects import Artifact, Deployment, Flow, FlowRun, TaskRun
    from millstream.states import State


class MillstreamClient:
    """The same as `SyncMillstreamClient`, to be awaited. Made by `get_client()`.

    It belongs to no event loop: it may be used with and without `async with`, and under one `asyncio.run` after another.
    """

    def __init__(self, runs: Runs, deployments: ClusterDeployments | None = None) -> None:
        self._client = SyncMillstreamClient(runs, deployments)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def read_flow_runs(self, **options: Unpack[ReadFlowRunsOptions]) -> list[FlowRun]:
        """Flow runs; those that were due last come first unless `sort` says another order."""
        return await beside(partial(self._client.read_flow_runs, **options))

    async def read_flow_run(self, flow_run_id: UUID | str) -> FlowRun:
        """A flow run."""
        return await beside(self._client.read_flow_run, flow_run_id)

    async def read_flow_run_states(self, flow_run_id: UUID | str) -> list[State[Any]]:
        """The states that a flow run was in, oldest first."""
        return await beside(self._client.read_flow_run_states, flow_run_id)

    async def update_flow_run(
        self, flow_run_id: UUID | str, *, name: str | None = None, tags: Iterable[str] | None = None
    ) -> None:
        """Give a flow run another name, or other tags in place of all that it has; also while it runs.

        In a cluster the tags of its deployment stay, and there is no other name.
        """
        await beside(partial(self._client.update_flow_run, flow_run_id, name=name, tags=tags))

    async def delete_flow_run(self, flow_run_id: UUID | str) -> None:
        """Forget a flow run, and what belongs to it."""
        await beside(self._client.delete_flow_run, flow_run_id)

    async def read_task_runs(self, **options: Unpack[ReadTaskRunsOptions]) -> list[TaskRun]:
        """Task runs; those that began last come first unless `sort` says another order."""
        return await beside(partial(self._client.read_task_runs, **options))

    async def read_task_run(self, task_run_id: UUID | str) -> TaskRun:
        """A task run."""
        return await beside(self._client.read_task_run, task_run_id)

    async def read_task_run_states(self, task_run_id: UUID | str) -> list[State[Any]]:
        """The states that a task run was in, oldest first."""
        return await beside(self._client.read_task_run_states, task_run_id)

    async def read_flows(self, **options: Unpack[ReadFlowsOptions]) -> list[Flow]:
        """Flows that have such runs, by name unless `sort` says another order."""
        return await beside(partial(self._client.read_flows, **options))

    async def read_flow(self, flow_id: UUID | str) -> Flow:
        """A flow."""
        return await beside(self._client.read_flow, flow_id)

    async def read_flow_by_name(self, flow_name: str) -> Flow:
        """A flow."""
        return await beside(self._client.read_flow_by_name, flow_name)

    async def read_artifacts(self, **options: Unpack[ReadArtifactsOptions]) -> list[Artifact]:
        """Artifacts, the latest first unless `sort` says another order."""
        return await beside(partial(self._client.read_artifacts, **options))

    async def set_flow_run_state(
        self, flow_run_id: UUID | str, state: State[Any], *, force: bool = False
    ) -> None:
        """Have a flow run of a cluster end, by `Cancelling()`: all other states are what happens to it."""
        await beside(partial(self._client.set_flow_run_state, flow_run_id, state, force=force))

    async def read_deployments(self, **options: Unpack[ReadDeploymentsOptions]) -> list[Deployment]:
        """Deployments, by name unless `sort` says another order; with a filter of flow runs, those that have such a run."""
        return await beside(partial(self._client.read_deployments, **options))

    async def read_deployment(self, deployment_id: UUID | str) -> Deployment:
        """A deployment."""
        return await beside(self._client.read_deployment, deployment_id)

    async def read_deployment_by_name(self, name: str) -> Deployment:
        """A deployment, by its name, or by FLOW/NAME as in Prefect."""
        return await beside(self._client.read_deployment_by_name, name)

    async def create_flow_run_from_deployment(
        self,
        deployment_id: UUID | str,
        *,
        parameters: Mapping[str, Any] | None = None,
        state: State[Any] | None = None,
        name: str | None = None,
        tags: Iterable[str] | None = None,
        idempotency_key: str | None = None,
    ) -> FlowRun:
        """Make a flow run of a deployment; see `SyncMillstreamClient.create_flow_run_from_deployment`."""
        create = partial(
            self._client.create_flow_run_from_deployment,
            deployment_id,
            parameters=parameters,
            state=state,
            name=name,
            tags=tags,
            idempotency_key=idempotency_key,
        )
        return await beside(create)

    async def pause_deployment(self, deployment_id: UUID | str) -> None:
        """Have the schedules of a deployment rest."""
        await beside(self._client.pause_deployment, deployment_id)

    async def resume_deployment(self, deployment_id: UUID | str) -> None:
        """Have the schedules of a deployment go on."""
        await beside(self._client.resume_deployment, deployment_id)
