"""Deletes finished runs in the background, some at a time: nothing waits for that, least of all a tick."""

import asyncio
import logging

import aiohttp

from millstream_operator.api import Api, ApiError, NotFoundError
from millstream_operator.kinds import FLOW_RUNS
from millstream_operator.rate_limit import RateLimit

__all__ = ["Deletions"]

_log = logging.getLogger(__name__)


class Deletions:
    """Runs that are to be deleted, each once, in the order in which they were decided upon.

    One that could not be deleted is forgotten: the next decision about it asks for it again.
    """

    def __init__(self, api: Api, limit: RateLimit) -> None:
        self._api = api
        self._limit = limit
        self._waiting: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
        self._known: set[str] = set()

    def add(self, namespace: str, name: str, uid: str) -> None:
        """Have a run deleted when its turn comes."""
        if uid not in self._known:
            self._known.add(uid)
            self._waiting.put_nowait((namespace, name, uid))

    async def work(self) -> None:
        """Delete until cancelled."""
        while True:
            namespace, name, uid = await self._waiting.get()
            if wait := self._limit.take():
                await asyncio.sleep(wait)
                self._limit.take()
            try:
                await self._api.delete(FLOW_RUNS, namespace, name, uid)
            except NotFoundError:
                pass  # somebody else deleted it
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.warning("FlowRun %s in %s was not deleted: %r", name, namespace, error)
            self._known.discard(uid)
