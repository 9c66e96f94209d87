"""The options of what clients read, and the query that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from millstream.client._query import Query
from millstream.client.schemas import filters

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from millstream.client.schemas.sorting import (
        ArtifactSort,
        DeploymentSort,
        FlowRunSort,
        FlowSort,
        TaskRunSort,
    )

    SortT = TypeVar("SortT", bound=StrEnum)


class ReadOptions(TypedDict, total=False):
    """What all methods that read several things take.

    Attributes:
        flow_filter: Only of such flows.
        flow_run_filter: Only of such flow runs.
        task_run_filter: Only of flow runs that have such a task run, or such task runs.
        deployment_filter: Only of such deployments.
        limit: The most to give; all there is if not given.
        offset: How many to leave out first.
    """

    flow_filter: filters.FlowFilter | None
    flow_run_filter: filters.FlowRunFilter | None
    task_run_filter: filters.TaskRunFilter | None
    deployment_filter: filters.DeploymentFilter | None
    limit: int | None
    offset: int


class ReadFlowRunsOptions(ReadOptions, total=False):
    """With an order; what was due last comes first if it is not given."""

    sort: FlowRunSort | None


class ReadTaskRunsOptions(ReadOptions, total=False):
    """With an order; what began last comes first if it is not given."""

    sort: TaskRunSort | None


class ReadFlowsOptions(ReadOptions, total=False):
    """With an order; by name if it is not given."""

    sort: FlowSort | None


class ReadDeploymentsOptions(ReadOptions, total=False):
    """With an order; by name if it is not given."""

    sort: DeploymentSort | None


class ReadArtifactsOptions(ReadOptions, total=False):
    """With an order, the latest first if it is not given, and a filter of artifacts."""

    sort: ArtifactSort | None
    artifact_filter: filters.ArtifactFilter | None


_FILTERS: dict[str, type[filters.Filter]] = {
    "flow_filter": filters.FlowFilter,
    "flow_run_filter": filters.FlowRunFilter,
    "task_run_filter": filters.TaskRunFilter,
    "deployment_filter": filters.DeploymentFilter,
    "artifact_filter": filters.ArtifactFilter,
}


def query_of(method: str, known: type[Any], default: StrEnum, options: Mapping[str, Any]) -> Query:
    """The query that the options of a method make.

    Raises:
        TypeError: There is no such option, or it is something else.
        ValueError: There is no such order, or a number is negative.
    """
    names = known.__annotations__
    unknown = [name for name in options if name not in names]
    if unknown:
        raise TypeError(f"{method} has no option {', '.join(unknown)}. It takes {', '.join(names)}.")
    chosen: dict[str, Any] = {}
    for name, kind in _FILTERS.items():
        given = options.get(name)
        if given is not None and not isinstance(given, kind):
            raise TypeError(f"{name} of {method} is a {kind.__name__}(...), and got {given!r}.")
        chosen[name.removesuffix("_filter")] = given
    return Query(_order(method, default, options.get("sort")), *_page(method, options), **chosen)


def _order(method: str, default: SortT, given: Any) -> SortT:
    orders = type(default)
    if given is None:
        return default
    try:
        return orders(given)
    except ValueError:
        raise ValueError(
            f"sort of {method} is one of {orders.__name__}: {', '.join(orders)}; and got {given!r}."
        ) from None


def _page(method: str, options: Mapping[str, Any]) -> tuple[int | None, int]:
    limit, offset = options.get("limit"), options.get("offset") or 0
    for name, number in (("limit", limit), ("offset", offset)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise TypeError(f"{name} of {method} is a whole number, and got {number!r}.")
        if number is not None and number < 0:
            raise ValueError(f"{name} of {method} is a number from 0, and got {number}.")
    return limit, offset
