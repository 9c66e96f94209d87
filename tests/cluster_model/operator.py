"""The operator: the real one, from its cache to its executor, with a queue and locks that need no clock and no event loop."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

from builders import NAMESPACE, WATCHED

from cluster_model.api_server import ApiServer
from cluster_model.objects import Object, Violation, copied, deleting
from millstream_operator.cache import Cache, Key
from millstream_operator.decide.announcement import Announcement
from millstream_operator.decide.observed import Run
from millstream_operator.executor import Executor
from millstream_operator.kinds import CONFIG_MAPS, FLOW_RUNS, Kind
from millstream_operator.metrics import Metrics
from millstream_operator.reconciler import Reconciler

METRICS = Metrics()


class Queue:
    """The operator's queue, without a clock of its own."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.ready: dict[Key, None] = {}
        self.later: dict[Key, datetime] = {}

    def add(self, key: Key) -> None:
        self.ready[key] = None

    def add_after(self, key: Key, seconds: float) -> None:
        when = self.now() + timedelta(seconds=seconds)
        self.later[key] = min(when, self.later.get(key, when))

    def add_failed(self, key: Key, at_least: float = 0.0) -> float:
        self.add_after(key, max(1.0, at_least))
        return 1.0

    def succeeded(self, key: Key) -> None:
        """Nothing is counted."""

    def due(self) -> None:
        for key, when in list(self.later.items()):
            if when <= self.now():
                del self.later[key]
                self.ready[key] = None


class _NoLocks:
    """In the place of locks that wait by an event loop, which there is none of here; each reads for itself then."""

    def setdefault(self, _name: str, _lock: object) -> AbstractAsyncContextManager[None]:
        return nullcontext()


class Operator:
    """The operator, with what it remembers; a new one has just listed everything."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self.cache = Cache()
        self.queue = Queue(lambda: api.now)
        self._working: dict[Key, Coroutine[Any, Any, str]] = {}
        now = lambda: api.now  # noqa: E731
        executor = Executor(api, self.cache, self._changed, now, self._say, self._delete_run)
        executor._warnings._locks = _NoLocks()
        self._reconciler = Reconciler(self.cache, self.queue, executor, METRICS, now)
        self.resync()

    def _changed(self, keys: set[Key]) -> None:
        self.queue.ready.update(dict.fromkeys(sorted(keys, key=str)))

    def _delete_run(self, namespace: str, name: str, uid: str) -> None:
        del namespace
        run = self._api.find(FLOW_RUNS, name)
        if run and run["metadata"]["uid"] == uid and not deleting(run):
            self._api._check_retention(run)
            self._api.mark_deleted(FLOW_RUNS, run)

    def _say(self, run: Run, said: Announcement) -> None:
        assert said.message
        assert run.live

    def resync(self) -> None:
        for kind in dict.fromkeys((CONFIG_MAPS, *WATCHED)):
            objects = copied(self._api.of(kind))
            self._changed(self.cache.replace(kind, objects, self._api._version, None))
        self._changed(set(self.cache.keys()))

    def see(self, event: str, kind: Kind, o: Object) -> None:
        meta = o["metadata"]
        if event == "DELETED":
            self._changed(self.cache.remove(kind, NAMESPACE, meta["name"], meta["uid"]))
        else:
            self._changed(self.cache.put(kind, copied(o)))

    def waiting(self) -> list[Key]:
        """Give the keys that a worker can take."""
        self.queue.due()
        return [key for key in self.queue.ready if key not in self._working]

    def working(self) -> list[Key]:
        return list(self._working)

    def take(self, key: Key) -> None:
        self.queue.ready.pop(key, None)
        self._working[key] = self._reconciler._reconcile(key)
        self.step(key)

    def step(self, key: Key) -> None:
        """Let the work on a key go on to the next call to the API server."""
        try:
            self._working[key].send(None)
        except StopIteration as end:
            del self._working[key]
            if end.value == "error":
                raise Violation(f"the decision about {key.name} failed") from None

    def reconcile(self, key: Key) -> None:
        self.take(key)
        while key in self._working:
            self.step(key)

    def die(self) -> None:
        for work in self._working.values():
            work.close()
        self._working.clear()
