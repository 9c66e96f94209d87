"""The client whose methods are awaited."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self, Unpack

from millstream._beside import beside
from millstream.client._sync import SyncMillstreamClient

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from millstream.client._options import (
        ReadArtifactsOptions,
        ReadFlowRunsOptions,
        ReadFlowsOptions,
        ReadTaskRunsOptions,
    )
    from millstream.client._query import Runs
    from millstream.client.schemas.objects import Artifact, Flow, FlowRun, TaskRun
    from millstream.states import State


class MillstreamClient:
    """The same as `SyncMillstreamClient`, to be awaited. Made by `get_client()`.

    It belongs to no event loop: it may be used with and without `async with`, and under one `asyncio.run` after another.
    """

    def __init__(self, runs: Runs) -> None:
        self._client = SyncMillstreamClient(runs)

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
        """Give a flow run another name, or other tags in place of all that it has; also while it runs."""
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
