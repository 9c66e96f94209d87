"""Reading what runs there were, and changing what may be changed of them.

Usage:
    ```python
    from millstream.client import get_client
    from millstream.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    with get_client(sync_client=True) as client:
        reports = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(like_="report"))
        )
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from millstream.client._async import MillstreamClient
    from millstream.client._cluster_deployments import ClusterDeployments
    from millstream.client._cluster_runs import ClusterRuns
    from millstream.client._query import Runs
    from millstream.client._sync import SyncMillstreamClient

__all__ = ["get_client"]


@overload
def get_client(
    *,
    sync_client: Literal[False] = False,
    api: Literal["local", "cluster"] | None = None,
    context: str | None = None,
    namespace: str | None = None,
) -> MillstreamClient: ...


@overload
def get_client(
    *,
    sync_client: Literal[True],
    api: Literal["local", "cluster"] | None = None,
    context: str | None = None,
    namespace: str | None = None,
) -> SyncMillstreamClient: ...


def get_client(
    *,
    sync_client: bool = False,
    api: Literal["local", "cluster"] | None = None,
    context: str | None = None,
    namespace: str | None = None,
) -> MillstreamClient | SyncMillstreamClient:
    """A client of the history below `MILLSTREAM_HOME`, or of a cluster.

    Args:
        sync_client: Whether its methods return at once; else they are to be awaited.
        api: Which of the two, `"local"` or `"cluster"`; as the setting `MILLSTREAM_API` says if not given.
        context: The context of the kubeconfig; as `MILLSTREAM_CLUSTER_CONTEXT` says if not given.
        namespace: The namespace; as `MILLSTREAM_CLUSTER_NAMESPACE` says if not given.

    Raises:
        ValueError: There is no such api, or a context or a namespace was given for the history.
    """
    settings = get_current_settings()
    chosen = api or settings.api
    if chosen not in {"local", "cluster"}:
        raise ValueError(f'api of get_client is "local" or "cluster", and got {api!r}.')
    kind = _sync_client if sync_client else _async_client
    if chosen == "cluster":
        return kind(*_cluster(context, namespace))
    if context is not None or namespace is not None:
        raise ValueError('The history of this machine has no contexts and namespaces: give api="cluster".')
    from millstream.client._local import LocalRuns  # noqa: PLC0415 - slow to import, as are the clients

    return kind(LocalRuns(settings.home))


def _cluster(context: str | None, namespace: str | None) -> tuple[ClusterRuns, ClusterDeployments]:
    from millstream._cluster.connection import Place, without_extra  # noqa: PLC0415 - as are those of clusters

    try:
        from millstream.client._cluster_deployments import ClusterDeployments  # noqa: PLC0415
        from millstream.client._cluster_runs import ClusterRuns  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise without_extra() from error
    runs = ClusterRuns(Place(context=context, namespace=namespace))
    return runs, ClusterDeployments(runs)


def _sync_client(runs: Runs, deployments: ClusterDeployments | None = None) -> SyncMillstreamClient:
    from millstream.client._sync import SyncMillstreamClient  # noqa: PLC0415

    return SyncMillstreamClient(runs, deployments)


def _async_client(runs: Runs, deployments: ClusterDeployments | None = None) -> MillstreamClient:
    from millstream.client._async import MillstreamClient  # noqa: PLC0415

    return MillstreamClient(runs, deployments)
