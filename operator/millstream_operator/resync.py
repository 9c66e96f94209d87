"""Lists what kopf watches: before anything is decided, then every few minutes.

kopf does not tell of deletions that happened while a watch was interrupted; the difference to a list does.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp

from millstream_operator.api import Api, ApiError, NotFoundError
from millstream_operator.cache import Cache, Key
from millstream_operator.kinds import Kind

__all__ = ["Resync"]

_log = logging.getLogger(__name__)
_INTERVAL_SECONDS = 300.0
_RETRY_SECONDS = 2.0
_GARBAGE = (KeyError, TypeError, ValueError, AttributeError)
"""What comes of an answer that is no list of objects, as something in front of the API server may give one."""


class Resync:
    """Keeps the cache true by listing.

    Attributes:
        synced: the cache has been complete once.
    """

    def __init__(
        self,
        api: Api,
        cache: Cache,
        kinds: tuple[Kind, ...],
        namespaces: tuple[str, ...],
        changed: Callable[[set[Key]], None],
        jitter: Callable[[], float],
    ) -> None:
        self._api = api
        self._cache = cache
        self._kinds = kinds
        self._scopes: tuple[str | None, ...] = namespaces or (None,)
        self._changed = changed
        self._jitter = jitter
        self.synced = False
        self._last = time.monotonic()

    def age_seconds(self) -> float:
        """Give the time since the cache was last known to be complete."""
        return time.monotonic() - self._last

    async def complete(self) -> None:
        """List until it succeeds: at an installation, the operator may be there before its CRDs are."""
        while not await self._try():  # noqa: ASYNC110  (nobody could set an event)
            await asyncio.sleep(_RETRY_SECONDS)

    async def run(self) -> None:
        """List every few minutes, until cancelled, and have everything decided anew."""
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS * (0.9 + 0.2 * self._jitter()))
            if await self._try():
                self._changed(set(self._cache.keys()))

    async def _try(self) -> bool:
        try:
            for kind in self._kinds:
                for scope in self._scopes:
                    objects, version = await self._api.collect(kind, scope)
                    self._changed(self._cache.replace(kind, objects, version, scope))
        except NotFoundError:
            _log.warning("The custom resources of Millstream are not installed yet.")
            return False
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            _log.warning("Listing failed: %r", error)
            return False
        except _GARBAGE:
            _log.exception("Listing failed: the API server's answer cannot be understood.")
            return False
        self.synced = True
        self._last = time.monotonic()
        return True
