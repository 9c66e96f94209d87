"""Keeps the cache true for one kind in one scope: lists it, then watches it from there.

kopf could watch these kinds as well, but each event costs it several times the CPU time, and it tells neither when
its first list is complete nor what was deleted while a watch was interrupted (docs/decisions/0005).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import aiohttp

from millstream_operator.api import ApiError
from millstream_operator.cache import Cache, Key
from millstream_operator.kinds import Kind
from millstream_operator.watch_api import NonsenseError, WatchApi, WatchEvent

__all__ = ["Reflector"]

_log = logging.getLogger(__name__)
_SILENCE_SECONDS = 90.0
"""A bookmark comes about once a minute, whatever else happens."""
_WATCH_SECONDS = (300, 600)
_LIST_SECONDS = 300.0
"""After this time the end of a watch is followed by a list: should an event ever be lost, it is missed till then."""
_BASE_SECONDS, _LONGEST_SECONDS = 0.2, 10.0
_MOST_DOUBLINGS = 10
_AT_ONCE = 100
"""So many objects of a list are taken in before others get their turn."""
_IDENTITY = ("namespace", "name", "uid", "resourceVersion")
_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_BAD_VERSION = {HTTPStatus.BAD_REQUEST, HTTPStatus.GONE, HTTPStatus.GATEWAY_TIMEOUT}
"""What a watch answers to a resource version that is none, is too old, or that it does not have yet."""


class Reflector:
    """One list and watch, renewed until cancelled.

    Attributes:
        kind: of the objects.
        synced: set when the cache has been complete once.
    """

    def __init__(
        self,
        api: WatchApi,
        cache: Cache,
        kind: Kind,
        namespace: str | None,
        changed: Callable[[set[Key]], None],
        jitter: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        """Make a reflector.

        Args:
            api: the API server.
            cache: what is kept true.
            kind: of the objects.
            namespace: where they are, None for everywhere.
            changed: told what is to be decided anew.
            jitter: gives a number between 0 and 1.
            clock: gives seconds, monotonic.
        """
        self._api = api
        self._cache = cache
        self.kind = kind
        self._namespace = namespace
        self._changed = changed
        self._jitter = jitter
        self._clock = clock
        self._version = ""
        self._failures = 0
        self._last = self._listed = clock()
        self.synced = asyncio.Event()

    def age_seconds(self) -> float:
        """Give the time since anything was heard: a list, an event or a bookmark."""
        return self._clock() - self._last

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                if not self._version or self._clock() - self._listed > _LIST_SECONDS:
                    await self._list()
                heard = await self._watch()
            except NonsenseError as error:
                self._version = ""
                await self._pause(str(error))
            except ApiError as error:
                if error.code in _BAD_VERSION:
                    self._version = ""
                await self._pause(str(error), error)
            except (aiohttp.ClientError, TimeoutError) as error:
                await self._pause(repr(error))
            else:
                if not heard:
                    await self._pause("it ended at once")

    async def refresh(self) -> None:
        """Bring the cache up to this moment, beside the watch."""
        while True:
            try:
                await self._take_in_all()
            except (ApiError, NonsenseError, aiohttp.ClientError, TimeoutError) as error:
                await self._pause(repr(error))
            else:
                return

    async def _list(self) -> None:
        self._version = await self._take_in_all()
        self._last = self._listed = self._clock()
        self.synced.set()

    async def _take_in_all(self) -> str:
        known: list[dict[str, Any]] = []
        version = ""
        async for items, version in self._api.pages(self.kind, self._namespace):  # noqa: B007
            for o in items:
                self._put(o)
                meta = o["metadata"]
                known.append({"metadata": {name: meta[name] for name in _IDENTITY if name in meta}})
                if len(known) % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        # The cache has taken them in; to find what is missing it needs no more than who they are.
        self._changed(self._cache.replace(self.kind, known, int(version), self._namespace))
        return version

    async def _watch(self) -> bool:
        """Take in what a watch brings; say whether it brought anything."""
        shortest, longest = _WATCH_SECONDS
        seconds = shortest + int((longest - shortest) * self._jitter())
        heard = False
        events = self._api.watch(
            self.kind, self._namespace, self._version, seconds=seconds, silence=_SILENCE_SECONDS
        )
        async with contextlib.aclosing(events):
            async for event in events:
                self._take_in(event)
                heard = True
        return heard

    def _take_in(self, event: WatchEvent) -> None:
        o = event.object
        if event.type == "ERROR":
            raise NonsenseError(f"{o.get('code')}: {o.get('message')}")
        if event.type == "DELETED":
            self._put(o)  # how a run ended may be news, where it was deleted at once
            meta = o["metadata"]
            namespace = meta.get("namespace", "")
            self._changed(self._cache.remove(self.kind, namespace, meta["name"], meta["uid"]))
        elif event.type in {"ADDED", "MODIFIED"}:
            self._put(o)
        self._version = o["metadata"]["resourceVersion"]
        self._last = self._clock()
        if self._failures:
            _log.info("%s again.", self)
        self._failures = 0

    def _put(self, o: dict[str, Any]) -> None:
        o["metadata"].pop("managedFields", None)
        self._changed(self._cache.put(self.kind, o))

    async def _pause(self, problem: str, error: ApiError | None = None) -> None:
        """Wait after a failure, longer each time; tell only of the first."""
        self._failures += 1
        wait = min(_BASE_SECONDS * 2.0 ** min(self._failures - 1, _MOST_DOUBLINGS), _LONGEST_SECONDS)
        wait *= 0.5 + self._jitter()
        if error and error.retry_after:
            wait = max(wait, error.retry_after)
        if error and error.code in _DENIED:
            problem += f"; the operator needs list and watch on {self.kind.plural}"
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        _log.log(level, "%s failed: %s; again in %.1f s", self, problem, wait)
        await asyncio.sleep(wait)

    def __str__(self) -> str:
        return f"Watching {self.kind.plural} in {self._namespace or 'all namespaces'}"
