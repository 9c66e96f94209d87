"""What the operator knows of the cluster, kept current by watches, lists and its own writes."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from millstream_operator.answers import Answers
from millstream_operator.decide.observed import (
    Deployment,
    Job,
    ObservedDeployment,
    ObservedRun,
    Pod,
    Revision,
    Run,
)
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS, Kind
from millstream_operator.live_runs import LiveRuns, is_live
from millstream_operator.store import Store

__all__ = ["Cache", "Key"]

_TOMBSTONES = 20_000


class Key(NamedTuple):
    """A run or a deployment that something is to be decided about."""

    kind: Kind
    namespace: str
    name: str


class _Unreadable(NamedTuple):
    uid: str
    version: int
    error: str


class Cache:
    """The observed world.

    An object is replaced by a newer one of its name only, in whatever order they arrive, and one that was seen to
    be deleted does not come back. Each change names the keys to decide about again.
    """

    def __init__(self) -> None:
        self._runs = Store(Run.from_object, lambda run: run.deployment)
        self._deployments = Store(Deployment.from_object, lambda _: None)
        self._revisions = Store(Revision.from_object, lambda revision: revision.deployment)
        self._jobs = Store(Job.from_object, lambda job: job.run)
        self._pods = Store(Pod.from_object, lambda pod: pod.run)
        self._stores: dict[Kind, Store[Any]] = {
            FLOW_RUNS: self._runs,
            FLOW_DEPLOYMENTS: self._deployments,
            REVISIONS: self._revisions,
            JOBS: self._jobs,
            PODS: self._pods,
        }
        self._deleted: dict[str, None] = {}
        self._unreadable: dict[Key, _Unreadable] = {}
        self._live = LiveRuns()
        self.answers = Answers()

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
        except Exception as error:  # noqa: BLE001  (whatever is wrong with one object, the others go on)
            # Somebody's own Job with one of our labels, or a resource stored under another version of its CRD.
            self._unreadable[key] = _Unreadable(uid, version, str(error))
            self._drop(kind, old)
            return self._keys(kind, old) if old else self._concerned(key)
        self._unreadable.pop(key, None)
        self._drop(kind, old)
        store.put(new)
        if kind == FLOW_RUNS:
            self._live.add(new)
        return self._keys(kind, new) | (self._keys(kind, old) if old else set()) | self._ended(kind, old, new)

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
        self._drop(kind, old)
        self.answers.forget(uid)
        return self._keys(kind, old) | self._ended(kind, old, None)

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

    def _drop(self, kind: Kind, old: Any) -> None:
        if old is None:
            return
        self._stores[kind].remove(old.namespace, old.name)
        if kind == FLOW_RUNS:
            self._live.discard(old)

    def _ended(self, kind: Kind, old: Any, new: Any) -> set[Key]:
        """Name the deployment of a run that is live no more: it may have used the last of a revision."""
        if kind != FLOW_RUNS or old is None or not old.deployment or not is_live(old):
            return set()
        still = new is not None and is_live(new)
        return set() if still else {Key(FLOW_DEPLOYMENTS, old.namespace, old.deployment)}

    def _keys(self, kind: Kind, o: Any) -> set[Key]:
        if kind in {JOBS, PODS}:
            return {Key(FLOW_RUNS, o.namespace, o.run)}
        if kind == REVISIONS:
            return {Key(FLOW_DEPLOYMENTS, o.namespace, o.deployment)}
        return self._concerned(Key(kind, o.namespace, o.name))

    def _concerned(self, key: Key) -> set[Key]:
        if key.kind == FLOW_RUNS:
            return {key}
        if key.kind != FLOW_DEPLOYMENTS:
            return set()
        waiting = self._live.admitting(key.namespace, key.name)
        return {key} | {Key(FLOW_RUNS, key.namespace, run) for run in waiting}

    # --- observations ---

    def observe_run(self, key: Key, now: datetime) -> ObservedRun | None:
        """Collect what a decision about a run is made from; None if its stored form cannot be read."""
        _, namespace, name = key
        if key in self._unreadable:
            return None
        run = self._runs.get(namespace, name)
        pods = tuple(self._pods.of(namespace, name).values())
        confirmed = self.answers.take_confirmed(namespace, name)
        if run is None:
            return ObservedRun(now=now, run=None, pods=pods, confirmed=confirmed)
        deployment = run.deployment or ""
        return ObservedRun(
            now=now,
            run=run,
            deployment=self._deployments.get(namespace, deployment),
            deployment_error=self.why_unreadable(Key(FLOW_DEPLOYMENTS, namespace, deployment)),
            revisions={r.name: r.template for r in self._revisions.of(namespace, deployment).values()},
            jobs={j.name: j for j in self._jobs.of(namespace, name).values() if j.owner_uid == run.uid},
            pods=tuple(pod for pod in pods if pod.run_uid == run.uid),
            strays=tuple(pod for pod in pods if pod.run_uid != run.uid),
            confirmed=confirmed,
            refusal=self.answers.refusal(run.uid),
            warning=self.answers.warning(run.uid),
        )

    def observe_deployment(self, key: Key, now: datetime) -> ObservedDeployment | None:
        """Collect what a decision about a deployment is made from; None if its stored form cannot be read."""
        _, namespace, name = key
        if key in self._unreadable:
            return None
        deployment = self._deployments.get(namespace, name)
        tried, refusal = self.answers.trial(deployment.uid) if deployment else (None, "")
        return ObservedDeployment(
            now=now,
            deployment=deployment,
            revisions=tuple(self._revisions.of(namespace, name).values()),
            in_use=self._live.revisions(namespace, name),
            admitting=bool(self._live.admitting(namespace, name)),
            tried=tried,
            refusal=refusal,
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
