"""kopf: it watches FlowDeployments, and tells the cache what it sees. Nothing is decided here."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from millstream_operator.cache import Cache, Key
from millstream_operator.credentials import Credentials
from millstream_operator.kinds import FLOW_DEPLOYMENTS, Kind

__all__ = ["KINDS", "missing", "registry"]

KINDS = (FLOW_DEPLOYMENTS,)


class _NoDiffBase(kopf.DiffBaseStorage):
    """Nothing is stored in objects: only `on.event` is used, which needs no last-seen state."""

    def build(self, *, body: object, extra_fields: object = None) -> kopf.BodyEssence:
        del body, extra_fields
        return kopf.BodyEssence({})

    def fetch(self, *, body: object) -> None:
        del body

    def store(self, *, body: object, patch: object, essence: object) -> None:
        del body, patch, essence


class _NoProgress(kopf.ProgressStorage):
    """As above: there are no handlers whose progress could be lost."""

    def fetch(self, *, key: object, body: object) -> None:
        del key, body

    def store(self, *, key: object, record: object, body: object, patch: object) -> None:
        del key, record, body, patch

    def purge(self, *, key: object, body: object, patch: object) -> None:
        del key, body, patch

    def touch(self, *, body: object, patch: object, value: object) -> None:
        del body, patch, value

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


def registry(
    credentials: Credentials, cache: Cache, changed: Callable[[set[Key]], None], stop: asyncio.Event
) -> kopf.OperatorRegistry:
    """Make the handlers: each event goes into the cache, and what it changes is to be decided anew.

    Args:
        credentials: to log in with.
        cache: what the events go into.
        changed: told what is to be decided anew.
        stop: set when kopf ends, as it does at SIGTERM. It is also its stop flag, and one that nobody sets it takes
            for a task that hangs, for five seconds.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(
            server=credentials.server, aiohttp_session=credentials.session(limited=False)
        )

    @kopf.on.startup(registry=handlers)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        _configure(settings)

    @kopf.on.cleanup(registry=handlers)
    async def end(**_: object) -> None:
        stop.set()

    for kind in KINDS:
        _watch(handlers, kind, cache, changed)
    return handlers


def missing(namespaces: tuple[str, ...]) -> list[str]:
    """Name the watches that should run and do not, by the names that kopf gives to its tasks."""
    expected = {_task_name(kind, scope) for kind in KINDS for scope in namespaces or (None,)}
    return sorted(expected - {task.get_name() for task in asyncio.all_tasks() if not task.done()})


def _task_name(kind: Kind, namespace: str | None) -> str:
    return f"watcher for {'.'.join(filter(None, (kind.plural, kind.version, kind.group)))}@{namespace}"


def _watch(
    handlers: kopf.OperatorRegistry, kind: Kind, cache: Cache, changed: Callable[[set[Key]], None]
) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=kind.plural)
    async def take_in(event: Mapping[str, Any], **_: object) -> None:
        o = event["object"]
        if event["type"] == "DELETED":
            meta = o["metadata"]
            changed(cache.remove(kind, meta["namespace"], meta["name"], meta["uid"]))
        else:
            changed(cache.put(kind, o))


def _configure(settings: kopf.OperatorSettings) -> None:
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True  # needs no rights on CRDs; they are there, since they have been listed
    settings.persistence.diffbase_storage = _NoDiffBase()  # halves the CPU time of an event
    settings.persistence.progress_storage = _NoProgress()
    settings.queueing.idle_timeout = (
        1.0  # a task per recently seen object, and the handler takes microseconds
    )
    settings.queueing.exit_timeout = 2.0
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 600
    settings.watching.connect_timeout = 5
    settings.networking.request_timeout = 15
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = (0.2, 0.5, 1, 2, 4, 8)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it has a line for each event
