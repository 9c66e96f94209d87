"""What the operator knows of the cluster comes from here: its own reflectors, kopf's watch, and lists."""

import random
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from millstream_operator import watches
from millstream_operator.cache import Cache, Key
from millstream_operator.keyed_queue import LATER
from millstream_operator.kinds import CONFIG_MAPS, FLOW_RUNS, JOBS, PODS, REVISIONS, Kind
from millstream_operator.reflector import Reflector
from millstream_operator.resync import Resync
from millstream_operator.watch_api import WatchApi

__all__ = ["Sources"]

_REFLECTED = (CONFIG_MAPS, REVISIONS, PODS, JOBS, FLOW_RUNS)
_STALE_SECONDS = 1200.0
"""An API server that is away comes back without a restart of ours; after this time it may be our fault."""


class Sources:
    """All that fills the cache, but for kopf itself."""

    def __init__(
        self,
        api: WatchApi,
        cache: Cache,
        namespaces: tuple[str, ...],
        config_namespace: str,
        changed: Callable[..., None],
    ) -> None:
        """Make the sources of the namespaces that are served, all if empty, and of the one with the configuration."""
        self._reflectors = [
            Reflector(api, cache, kind, scope, changed, random.random, time.monotonic)
            for kind, scope in _scopes(namespaces, config_namespace)
        ]

        def found(keys: set[Key]) -> None:
            changed(keys, LATER)

        self._resync = Resync(api, cache, watches.KINDS, namespaces, found, random.random)

    def parts(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Give what has to run all the time."""
        return [*(reflector.run for reflector in self._reflectors), self._resync.run]

    async def first(self) -> None:
        """Wait until the cache is complete. The runs come last, with all that they refer to there already."""
        for reflector in self._reflectors:
            await reflector.synced.wait()
        await self._resync.complete()

    async def refresh(self) -> None:
        """Bring the cache up to this moment, for what another operator has written until now."""
        await self._resync.complete()
        for reflector in self._reflectors:
            if reflector.kind == FLOW_RUNS:
                await reflector.refresh()

    @property
    def synced(self) -> bool:
        """Whether the cache has been complete once."""
        return self._resync.synced and all(reflector.synced.is_set() for reflector in self._reflectors)

    def ages(self) -> dict[str, float]:
        """Give the seconds since anything was heard, by kind; of several scopes the longest."""
        ages = {kind.plural: self._resync.age_seconds() for kind in watches.KINDS}
        for reflector in self._reflectors:
            name = reflector.kind.plural
            ages[name] = max(reflector.age_seconds(), ages.get(name, 0.0))
        return ages

    def problem(self) -> str:
        """Say what is wrong for /healthz; "" if nothing is."""
        age = max(self.ages().values())
        return f"the cluster could not be listed or watched for {age:.0f} s" if age > _STALE_SECONDS else ""


def _scopes(namespaces: tuple[str, ...], config_namespace: str) -> Iterator[tuple[Kind, str | None]]:
    for kind in _REFLECTED:
        for namespace in namespaces or (None,):
            yield kind, namespace
    if namespaces and config_namespace not in namespaces:
        yield CONFIG_MAPS, config_namespace
