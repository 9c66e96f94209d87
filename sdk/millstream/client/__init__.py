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
    from millstream.client._sync import SyncMillstreamClient

__all__ = ["get_client"]


@overload
def get_client(*, sync_client: Literal[False] = False) -> MillstreamClient: ...


@overload
def get_client(*, sync_client: Literal[True]) -> SyncMillstreamClient: ...


def get_client(*, sync_client: bool = False) -> MillstreamClient | SyncMillstreamClient:
    """A client of the history below `MILLSTREAM_HOME`.

    Args:
        sync_client: Whether its methods return at once; else they are to be awaited.
    """
    from millstream.client._local import LocalRuns  # noqa: PLC0415 - slow to import, as are the clients

    runs = LocalRuns(get_current_settings().home)
    if sync_client:
        from millstream.client._sync import SyncMillstreamClient  # noqa: PLC0415

        return SyncMillstreamClient(runs)
    from millstream.client._async import MillstreamClient  # noqa: PLC0415

    return MillstreamClient(runs)
