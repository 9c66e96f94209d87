"""The operator's parts, put together."""

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import kopf

from millstream_operator import health, watches
from millstream_operator.api import Api
from millstream_operator.cache import Cache, Key
from millstream_operator.credentials import Credentials
from millstream_operator.event_recorder import EventRecorder
from millstream_operator.executor import Executor
from millstream_operator.keyed_queue import FRESH, LATER, KeyedQueue
from millstream_operator.metrics import Metrics
from millstream_operator.rate_limit import RateLimit
from millstream_operator.reconciler import Reconciler
from millstream_operator.resync import Resync
from millstream_operator.settings import Settings
from millstream_operator.watchdog import Watchdog

__all__ = ["OperatorFailedError", "run"]

_log = logging.getLogger(__name__)


class OperatorFailedError(RuntimeError):
    """A part of the operator failed, and with it the whole."""


_STALE_SECONDS = 1200.0
_EVENTS_PER_SECOND, _EVENTS_AT_ONCE = 10.0, 100
_DELETIONS_PER_SECOND, _DELETIONS_AT_ONCE = 20.0, 40
_DRAIN_SECONDS = 10.0


async def run(settings: Settings, credentials: Credentials, stop: asyncio.Event) -> None:
    """Run the operator until `stop` is set or SIGTERM comes; what is under way is finished.

    Raises:
        OperatorFailedError: a part of it failed.
    """
    metrics = Metrics()
    cache = Cache()
    queue = KeyedQueue[Key](random.random)

    def changed(keys: set[Key], priority: int = FRESH) -> None:
        for key in keys:
            queue.add(key, priority)

    metrics.observe_runs(cache.runs)
    metrics.observe_queue(queue.__len__, queue.oldest_seconds)
    failures: list[BaseException] = []
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api(credentials.session(), metrics))
        resync = Resync(api, cache, settings.namespaces, lambda keys: changed(keys, LATER), random.random)
        watchdog = Watchdog(partial(watches.missing, settings.namespaces), stop, time.monotonic, os._exit)
        endpoints = await health.serve(settings.port, metrics, _healthy(resync, watchdog), _ready(resync))
        stack.push_async_callback(endpoints.cleanup)
        _log.info("Metrics and health are at %s.", ", ".join(f"{a[0]}:{a[1]}" for a in endpoints.addresses))
        await resync.first()
        recorder = EventRecorder(api, RateLimit(_EVENTS_PER_SECOND, _EVENTS_AT_ONCE, time.monotonic), _now)
        deletions = RateLimit(_DELETIONS_PER_SECOND, _DELETIONS_AT_ONCE, time.monotonic)
        executor = Executor(api, cache, metrics, changed, _now, recorder.announce, deletions)
        reconciler = Reconciler(cache, queue, executor, metrics, _now)
        # These tasks exist before kopf starts: at its end it takes later ones for its own that hang.
        workers = [asyncio.create_task(reconciler.work()) for _ in range(settings.workers)]
        others = [asyncio.create_task(part()) for part in (resync.run, watchdog.run, recorder.work)]
        for task in (*workers, *others):
            task.add_done_callback(_stop_on_failure(stop, failures))
        _log.info("Serving %s.", ", ".join(settings.namespaces) or "all namespaces")
        await kopf.operator(
            registry=watches.registry(credentials, cache, changed),
            namespaces=settings.namespaces,
            clusterwide=not settings.namespaces,
            standalone=True,
            stop_flag=stop,
        )
        for task in others:
            task.cancel()
        queue.close()
        _, late = await asyncio.wait(workers, timeout=_DRAIN_SECONDS)
        for task in late:
            task.cancel()
    if failures:
        raise OperatorFailedError from failures[0]


def _stop_on_failure(
    stop: asyncio.Event, failures: list[BaseException]
) -> Callable[[asyncio.Task[None]], None]:
    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("A part of the operator failed; it ends.", exc_info=error)
            failures.append(error)
            stop.set()

    return ended


def _healthy(resync: Resync, watchdog: Watchdog) -> Callable[[], str]:
    def problem() -> str:
        age = resync.age_seconds()
        if age > _STALE_SECONDS:
            return f"the cluster could not be listed for {age:.0f} s"
        return watchdog.problem() if resync.synced else ""

    return problem


def _ready(resync: Resync) -> Callable[[], str]:
    return lambda: "" if resync.synced else "the first listing of the cluster is not complete"


def _now() -> datetime:
    return datetime.now(UTC)
