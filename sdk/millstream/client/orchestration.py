"""Prefect's place for the clients."""

from millstream.client import get_client
from millstream.client._async import MillstreamClient
from millstream.client._sync import SyncMillstreamClient

__all__ = ["MillstreamClient", "PrefectClient", "SyncMillstreamClient", "SyncPrefectClient", "get_client"]

PrefectClient, SyncPrefectClient = MillstreamClient, SyncMillstreamClient
