"""The client whose methods return at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, Unpack

from millstream.client._options import (
    ReadArtifactsOptions,
    ReadFlowRunsOptions,
    ReadFlowsOptions,
    ReadTaskRunsOptions,
    query_of,
)
from millstream.client.schemas import filters
from millstream.client.schemas.sorting import ArtifactSort, FlowRunSort, FlowSort, TaskRunSort
from millstream.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from millstream.client._query import Runs
    from millstream.client.schemas.objects import Artifact, Flow, FlowRun, TaskRun
    from millstream.states import State

    T = TypeVar("T")


class SyncMillstreamClient:
    """Reads runs, and changes what may be changed of them. Made by `get_client(sync_client=True)`.

    It holds nothing open: it may be used with and without `with`, as often and in as many threads as one likes.

    What reads several things takes filters, `sort`, `limit` and `offset`, and raises TypeError for an option that there
    is not or that is of another kind, and ValueError for an order that there is not or a negative number. What is about
    one thing raises ObjectNotFound if it is not there.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

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
        return _only(self.read_flow_runs(flow_run_filter=wanted), f"flow run {flow_run_id}")

    def read_flow_run_states(self, flow_run_id: UUID | str) -> list[State[Any]]:
        """The states that a flow run was in, oldest first."""
        return self._runs.flow_run_states(str(flow_run_id)) or _missing(f"flow run {flow_run_id}")

    def update_flow_run(
        self, flow_run_id: UUID | str, *, name: str | None = None, tags: Iterable[str] | None = None
    ) -> None:
        """Give a flow run another name, or other tags in place of all that it has; also while it runs."""
        if not self._runs.update_flow_run(str(flow_run_id), name=name, tags=_tags(tags)):
            _missing(f"flow run {flow_run_id}")

    def delete_flow_run(self, flow_run_id: UUID | str) -> None:
        """Forget a flow run, and what belongs to it."""
        if not self._runs.delete_flow_run(str(flow_run_id)):
            _missing(f"flow run {flow_run_id}")

    def read_task_runs(self, **options: Unpack[ReadTaskRunsOptions]) -> list[TaskRun]:
        """Task runs; those that began last come first unless `sort` says another order."""
        query = query_of("read_task_runs", ReadTaskRunsOptions, TaskRunSort.START_TIME_DESC, options)
        return self._runs.task_runs(query)

    def read_task_run(self, task_run_id: UUID | str) -> TaskRun:
        """A task run."""
        wanted = filters.TaskRunFilter(id=filters.TaskRunFilterId(any_=[str(task_run_id)]))
        return _only(self.read_task_runs(task_run_filter=wanted), f"task run {task_run_id}")

    def read_task_run_states(self, task_run_id: UUID | str) -> list[State[Any]]:
        """The states that a task run was in, oldest first."""
        return self._runs.task_run_states(str(task_run_id)) or _missing(f"task run {task_run_id}")

    def read_flows(self, **options: Unpack[ReadFlowsOptions]) -> list[Flow]:
        """Flows that have such runs, by name unless `sort` says another order."""
        return self._runs.flows(query_of("read_flows", ReadFlowsOptions, FlowSort.NAME_ASC, options))

    def read_flow(self, flow_id: UUID | str) -> Flow:
        """A flow."""
        wanted = filters.FlowFilter(id=filters.FlowFilterId(any_=[str(flow_id)]))
        return _only(self.read_flows(flow_filter=wanted), f"flow {flow_id}")

    def read_flow_by_name(self, flow_name: str) -> Flow:
        """A flow."""
        wanted = filters.FlowFilter(name=filters.FlowFilterName(any_=[flow_name]))
        return _only(self.read_flows(flow_filter=wanted), f"flow {flow_name!r}")

    def read_artifacts(self, **options: Unpack[ReadArtifactsOptions]) -> list[Artifact]:
        """Artifacts, the latest first unless `sort` says another order."""
        query = query_of("read_artifacts", ReadArtifactsOptions, ArtifactSort.CREATED_DESC, options)
        return self._runs.artifacts(query)


def _only(found: list[T], what: str) -> T:
    return found[0] if found else _missing(what)


def _missing(what: str) -> NoReturn:
    raise ObjectNotFound(f"There is no {what} in the history.")


def _tags(given: Iterable[str] | None) -> list[str] | None:
    if given is None:
        return None
    tags = sorted(set(given)) if not isinstance(given, str) else [None]
    if not all(isinstance(tag, str) for tag in tags):
        raise TypeError(f'tags are a list of texts, as in tags=["nightly"], and got {given!r}.')
    return tags  # type: ignore[return-value] # checked just now
