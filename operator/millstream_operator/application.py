"""The operator's parts, put together."""

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

import kopf

from millstream_operator import health, watches
from millstream_operator.api import Api
from millstream_operator.cache import Cache, Key
from millstream_operator.cluster_metrics import ClusterMetrics
from millstream_operator.credentials import Credentials
from millstream_operator.crew import Crew
from millstream_operator.defaults_log import log_defaults
from millstream_operator.deletions import Deletions
from millstream_operator.election import CALL_SECONDS, Election, Unopposed, make_identity
from millstream_operator.event_recorder import EventRecorder
from millstream_operator.executor import Executor
from millstream_operator.keyed_queue import FRESH, LATER, KeyedQueue
from millstream_operator.kinds import CONFIG_MAPS
from millstream_operator.loop_lag import LoopLag
from millstream_operator.metrics import Metrics
from millstream_operator.owners import Owners
from millstream_operator.parts import OperatorFailedError, Parts, stop_all
from millstream_operator.process_metrics import ProcessMetrics
from millstream_operator.rate_limit import RateLimit
from millstream_operator.reconciler import Reconciler
from millstream_operator.run_metrics import RunMetrics
from millstream_operator.settings import Settings
from millstream_operator.sources import Sources
from millstream_operator.user_metrics import UserMetrics
from millstream_operator.watch_api import WatchApi
from millstream_operator.watchdog import Watchdog

__all__ = ["OperatorFailedError", "run"]

_log = logging.getLogger(__name__)
_EVENTS_PER_SECOND, _EVENTS_AT_ONCE = 10.0, 100
_DELETIONS_PER_SECOND, _DELETIONS_AT_ONCE = 50.0, 100
_SCRAPES = 2
"""Of each who scrapes, while a new counter is shown as zero: one of them may fail."""


async def run(settings: Settings, credentials: Credentials, stop: asyncio.Event) -> None:
    """Run the operator until `stop` is set or SIGTERM comes; what is under way is finished.

    Raises:
        OperatorFailedError: a part of it failed, or it is no longer the leader.
    """
    metrics = Metrics(zero_seconds=_SCRAPES * settings.scrape_seconds)
    cache = Cache(settings.config_namespace)
    queue = KeyedQueue[Key](random.random)
    parts = Parts(stop)
    async with contextlib.AsyncExitStack() as stack:
        election = await stack.enter_async_context(_candidate(settings, credentials, metrics))

        cache.tell(CONFIG_MAPS, log_defaults)
        user_metrics = UserMetrics(metrics, cache)
        owners = Owners(metrics, user_metrics, cache)
        counts = RunMetrics(metrics, user_metrics, cache)

        def changed(keys: set[Key], priority: int = FRESH) -> None:
            if election.leading.is_set():  # who begins to lead takes up every key
                for key in keys:
                    queue.add(key, priority)

        api = await stack.enter_async_context(Api(credentials.session(), metrics, election.held))
        streams = credentials.session(limited=False)
        listing = await stack.enter_async_context(WatchApi(credentials.session(), metrics, streams))
        sources = Sources(listing, cache, settings.namespaces, settings.config_namespace, changed)
        watchdog = Watchdog(partial(watches.missing, settings.namespaces), stop, time.monotonic, os._exit)
        lag = LoopLag(time.monotonic)
        metrics.show(ClusterMetrics(cache, user_metrics, election.held, _now))
        metrics.show(ProcessMetrics(queue, election.held, election.led, lag.seconds, sources.ages))
        endpoints = await health.serve(
            settings.port,
            metrics,
            lambda: lag.problem() or sources.problem() or (watchdog.problem() if sources.synced else ""),
            lambda: "" if sources.synced else "the first listing of the cluster is not complete",
        )
        stack.push_async_callback(endpoints.cleanup)
        _log.info("Metrics and health are at %s.", ", ".join(f"{a[0]}:{a[1]}" for a in endpoints.addresses))
        recorder = EventRecorder(api, RateLimit(_EVENTS_PER_SECOND, _EVENTS_AT_ONCE, time.monotonic), _now)
        deletions = Deletions(api, RateLimit(_DELETIONS_PER_SECOND, _DELETIONS_AT_ONCE, time.monotonic))
        executor = Executor(api, cache, changed, _now, recorder.announce, deletions.add)
        reconciler = Reconciler(cache, queue, executor, metrics, _now)

        async def take_up() -> None:
            if settings.leader_election:
                await sources.refresh()  # slots are counted: all that the last leader wrote must be known
            owners.begin()
            counts.begin(cache.unreleased())
            changed(set(cache.keys()), LATER)

        crew = Crew(election, take_up, reconciler.work)
        # All tasks exist before kopf starts: at its end it takes later ones for its own that hang.
        background = parts.start(lag.run, *sources.parts())
        try:
            if await parts.reach(sources.first):
                background += parts.start(watchdog.run, recorder.work, deletions.work)
                crew.start(parts, settings.workers)
                _log.info("Serving %s.", ", ".join(settings.namespaces) or "all namespaces")
                await _watch(settings, watches.registry(credentials, cache, changed, stop), stop)
        finally:
            queue.close()
            await crew.end()
            await stop_all(background)
    parts.fail()


@contextlib.asynccontextmanager
async def _candidate(
    settings: Settings, credentials: Credentials, metrics: Metrics
) -> AsyncIterator[Election | Unopposed]:
    if not settings.leader_election:
        yield Unopposed()
        return
    # With connections of its own: a renewal must not wait for one behind what the workers do.
    async with Api(credentials.session(seconds=CALL_SECONDS), metrics) as api:
        yield Election(
            api,
            (settings.lease_namespace, settings.lease_name),
            make_identity(),
            clock=_clock,
            now=_now,
            jitter=random.random,
        )


async def _watch(settings: Settings, registry: kopf.OperatorRegistry, stop: asyncio.Event) -> None:
    await kopf.operator(
        registry=registry,
        namespaces=settings.namespaces,
        clusterwide=not settings.namespaces,
        standalone=True,
        stop_flag=stop,
    )


def _clock() -> float:
    """Give seconds that go on also while the machine sleeps, where there are such."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _now() -> datetime:
    return datetime.now(UTC)
