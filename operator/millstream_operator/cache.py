"""What the operator knows of the cluster, kept current by watches, lists and its own writes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from millstream_operator.decide.observed import (
    Deployment,
    Job,
    ObservedDeployment,
    ObservedRun,
    Pod,
    Refusal,
    Revision,
    Run,
)
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS, Kind

__all__ = ["Cache", "Key"]

_TOMBSTONES = 20_000


class Key(NamedTuple):
    """A run or a deployment that something is to be decided about."""

    kind: Kind
    namespace: str
    name: str


class _Stored(Protocol):
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> str: ...
    @property
    def version(self) -> int: ...


T = TypeVar("T", bound=_Stored)


class _Unreadable(NamedTuple):
    """An object whose stored form cannot be read."""

    uid: str
    version: int
    error: str


class _Store(Generic[T]):
    """Objects of a kind by name, and by the object that they belong to."""

    def __init__(self, read: Callable[[dict[str, Any]], T], parent: Callable[[T], str | None]) -> None:
        self.read = read
        self._parent = parent
        self._objects: dict[tuple[str, str], T] = {}
        self._children: defaultdict[tuple[str, str], dict[str, T]] = defaultdict(dict)

    def get(self, namespace: str, name: str) -> T | None:
        return self._objects.get((namespace, name))

    def of(self, namespace: str, parent: str) -> dict[str, T]:
        """Give the objects of a parent, by name."""
        return self._children.get((namespace, parent), {})

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects.values())

    def put(self, new: T) -> None:
        self.remove(new.namespace, new.name)
        self._objects[new.namespace, new.name] = new
        if (parent := self._parent(new)) is not None:
            self._children[new.namespace, parent][new.name] = new

    def remove(self, namespace: str, name: str) -> None:
        old = self._objects.pop((namespace, name), None)
        if old is not None and (parent := self._parent(old)) is not None:
            siblings = self._children[namespace, parent]
            siblings.pop(name, None)
            if not siblings:
                del self._children[namespace, parent]


class Cache:
    """The observed world.

    An object is replaced by a newer one of its name only, in whatever order they arrive, and one that was seen to
    be deleted does not come back. Each change names the keys to decide about again.
    """

    def __init__(self) -> None:
        self._runs = _Store(Run.from_object, lambda run: run.deployment)
        self._deployments = _Store(Deployment.from_object, lambda _: None)
        self._revisions = _Store(Revision.from_object, lambda revision: revision.deployment)
        self._jobs = _Store(Job.from_object, lambda job: job.run)
        self._pods = _Store(Pod.from_object, lambda pod: pod.run)
        self._stores: dict[Kind, _Store[Any]] = {
            FLOW_RUNS: self._runs,
            FLOW_DEPLOYMENTS: self._deployments,
            REVISIONS: self._revisions,
            JOBS: self._jobs,
            PODS: self._pods,
        }
        self._deleted: dict[str, None] = {}
        self._unreadable: dict[Key, _Unreadable] = {}
        self._refusals: dict[Key, Refusal] = {}
        self._confirmed: dict[Key, str] = {}

    # --- changes ---

    def put(self, kind: Kind, o: dict[str, Any]) -> set[Key]:
        """Take in an object as the API server gave it."""
        meta = o["metadata"]
        uid, version, store = meta["uid"], int(meta["resourceVersion"]), self._stores[kind]
        key = Key(kind, meta["namespace"], meta["name"])
        old = store.get(key.namespace, key.name)
        known = old or self._unreadable.get(key)
        if uid in self._deleted or (known is not None and known.version >= version):
            return set()
        try:
            new = store.read(o)
        except (ValidationError, KeyError, ValueError) as error:
            # Somebody's own Job with one of our labels, or a resource stored under another version of its CRD.
            self._unreadable[key] = _Unreadable(uid, version, str(error))
            store.remove(key.namespace, key.name)
            return self._keys(kind, old) if old else self._concerned(key)
        self._unreadable.pop(key, None)
        store.put(new)
        return self._keys(kind, new) | (self._keys(kind, old) if old else set())

    def remove(self, kind: Kind, namespace: str, name: str, uid: str) -> set[Key]:
        """Take note that an object is gone for good."""
        self._deleted[uid] = None
        if len(self._deleted) > _TOMBSTONES:
            del self._deleted[next(iter(self._deleted))]
        key, store = Key(kind, namespace, name), self._stores[kind]
        unreadable = self._unreadable.get(key)
        if unreadable is not None and unreadable.uid == uid:
            del self._unreadable[key]
            return self._concerned(key)
        old = store.get(namespace, name)
        if old is None or old.uid != uid:
            return set()
        store.remove(namespace, name)
        self._refusals.pop(key, None)
        self._confirmed.pop(key, None)
        return self._keys(kind, old)

    def replace(
        self, kind: Kind, objects: Iterable[dict[str, Any]], version: int, scope: str | None
    ) -> set[Key]:
        """Take in a whole collection, and note as gone what is not in it.

        Args:
            kind: of the objects.
            objects: all that there are.
            version: resource version of the collection; what is newer than it is kept.
            scope: the namespace that was listed, None for all.
        """
        changed: set[Key] = set()
        present = set()
        for o in objects:
            present.add(o["metadata"]["uid"])
            changed |= self.put(kind, o)
        for old in list(self._stores[kind]):
            if old.uid not in present and old.version <= version and scope in {None, old.namespace}:
                changed |= self.remove(kind, old.namespace, old.name, old.uid)
        for key, unreadable in list(self._unreadable.items()):
            gone = unreadable.uid not in present and unreadable.version <= version
            if gone and key.kind == kind and scope in {None, key.namespace}:
                changed |= self.remove(kind, key.namespace, key.name, unreadable.uid)
        return changed

    def refuse(self, key: Key, refusal: Refusal | None) -> None:
        """Remember what was said about a Job or pod of a run that could not be made; None to forget it."""
        if refusal is None:
            self._refusals.pop(key, None)
        else:
            self._refusals[key] = refusal

    def confirm(self, key: Key, job: str) -> None:
        """Remember, for one decision, that the API server was just asked for a Job and its pods."""
        self._confirmed[key] = job

    def _keys(self, kind: Kind, o: Any) -> set[Key]:
        if kind in {JOBS, PODS}:
            return {Key(FLOW_RUNS, o.namespace, o.run)}
        if kind == REVISIONS:
            return {Key(FLOW_DEPLOYMENTS, o.namespace, o.deployment)}
        own = self._concerned(Key(kind, o.namespace, o.name))
        if kind == FLOW_RUNS and _final(o) and o.deployment:
            # It may have used the last of a revision.
            own.add(Key(FLOW_DEPLOYMENTS, o.namespace, o.deployment))
        return own

    def _concerned(self, key: Key) -> set[Key]:
        if key.kind == FLOW_RUNS:
            return {key}
        if key.kind != FLOW_DEPLOYMENTS:
            return set()
        waiting = (run for run in self._runs.of(key.namespace, key.name).values() if not run.status.attempt)
        return {key} | {Key(FLOW_RUNS, run.namespace, run.name) for run in waiting if not _final(run)}

    # --- observations ---

    def observe_run(self, key: Key, now: datetime) -> ObservedRun | None:
        """Collect what a decision about a run is made from; None if its stored form cannot be read."""
        _, namespace, name = key
        if key in self._unreadable:
            return None
        run = self._runs.get(namespace, name)
        pods = tuple(self._pods.of(namespace, name).values())
        if run is None:
            return ObservedRun(now=now, run=None, pods=pods)
        deployment = run.deployment or ""
        confirmed = self._confirmed.pop(key, None)
        return ObservedRun(
            now=now,
            run=run,
            deployment=self._deployments.get(namespace, deployment),
            deployment_error=self.why_unreadable(Key(FLOW_DEPLOYMENTS, namespace, deployment)),
            revisions={r.name: r.template for r in self._revisions.of(namespace, deployment).values()},
            jobs={j.name: j for j in self._jobs.of(namespace, name).values() if j.owner_uid == run.uid},
            pods=tuple(pod for pod in pods if pod.run_uid == run.uid),
            strays=tuple(pod for pod in pods if pod.run_uid != run.uid),
            confirmed=frozenset({confirmed} if confirmed else ()),
            refusal=self._refusals.get(key),
        )

    def observe_deployment(self, key: Key, now: datetime) -> ObservedDeployment | None:
        """Collect what a decision about a deployment is made from; None if its stored form cannot be read."""
        _, namespace, name = key
        if key in self._unreadable:
            return None
        live = (run for run in self._runs.of(namespace, name).values() if not _final(run))
        return ObservedDeployment(
            now=now,
            deployment=self._deployments.get(namespace, name),
            revisions=tuple(self._revisions.of(namespace, name).values()),
            in_use=frozenset(run.status.revision for run in live if run.status.revision),
        )

    def runs(self) -> Iterator[Run]:
        """Go through all runs."""
        return iter(self._runs)

    def why_unreadable(self, key: Key) -> str:
        """Say why an object cannot be read; "" if it can."""
        found = self._unreadable.get(key)
        return found.error if found else ""

    def keys(self) -> Iterator[Key]:
        """Go through everything that there is to decide about, leftovers included."""
        for run in self._runs:
            yield Key(FLOW_RUNS, run.namespace, run.name)
        for deployment in self._deployments:
            yield Key(FLOW_DEPLOYMENTS, deployment.namespace, deployment.name)
        for pod in self._pods:
            yield Key(FLOW_RUNS, pod.namespace, pod.run)
        for revision in self._revisions:
            yield Key(FLOW_DEPLOYMENTS, revision.namespace, revision.deployment)


def _final(run: Run) -> bool:
    return run.status.state is not None and run.status.state.is_final
