"""What the operator knows of the cluster, kept current by watches, lists and its own writes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from millstream.resources import namespace_defaults
from millstream.resources.flow_deployment import ConcurrencyPolicy
from millstream_operator.answers import Answers
from millstream_operator.decide.defaults import live_limit
from millstream_operator.decide.observed import (
    Defaults,
    Deployment,
    Job,
    ObservedDeployment,
    ObservedRun,
    Pod,
    Revision,
    Run,
    Slots,
)
from millstream_operator.defaults_reader import read_defaults
from millstream_operator.finished_runs import FinishedRuns
from millstream_operator.kinds import CONFIG_MAPS, FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS, Kind
from millstream_operator.live_runs import LiveRuns
from millstream_operator.slots import Limits, SlotBook
from millstream_operator.store import Store
from millstream_operator.subflows import Subflows

__all__ = ["Cache", "Key"]

Listener: TypeAlias = Callable[[Any, Any], None]
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

    def __init__(self, config_namespace: str = "") -> None:
        """Make an empty cache.

        Args:
            config_namespace: the namespace whose defaults hold for all; "" if there is none.
        """
        self._config_namespace = config_namespace
        self._listeners: defaultdict[Kind, list[Listener]] = defaultdict(list)
        self._defaults = Store(partial(read_defaults, config_namespace=config_namespace), lambda _: None)
        self._runs = Store(Run.from_object, lambda run: run.deployment)
        self._deployments = Store(Deployment.from_object, lambda _: None)
        self._revisions = Store(Revision.from_object, lambda revision: revision.deployment)
        self._jobs = Store(Job.from_object, lambda job: job.run)
        self._pods = Store(Pod.from_object, lambda pod: pod.run)
        self._stores: dict[Kind, Store[Any]] = {
            CONFIG_MAPS: self._defaults,
            FLOW_RUNS: self._runs,
            FLOW_DEPLOYMENTS: self._deployments,
            REVISIONS: self._revisions,
            JOBS: self._jobs,
            PODS: self._pods,
        }
        self._deleted: dict[str, None] = {}
        self._unreadable: dict[Key, _Unreadable] = {}
        self._live = LiveRuns()
        self._finished = FinishedRuns()
        self._subflows = Subflows()
        self._slots = SlotBook(Limits(self._limit_of_deployment, self._limit_of_namespace))
        self.answers = Answers()

    def tell(self, kind: Kind, listener: Listener) -> None:
        """Tell a listener of each change of an object: what it was, None if it is new, and is now, None if it is gone."""
        self._listeners[kind].append(listener)

    def _tell(self, kind: Kind, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.uid != new.uid:
            self._tell(kind, old, None)
            old = None
        if old is not None or new is not None:
            for listener in self._listeners[kind]:
                listener(old, new)

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
            self._tell(kind, old, None)
            return self._keys(kind, old) if old else self._concerned(key)
        self._unreadable.pop(key, None)
        reserved = self._drop(kind, old)
        store.put(new)
        if kind == FLOW_RUNS:
            self._enter(new)
        self._tell(kind, old, new)
        if kind == FLOW_RUNS:
            return {key} | self._moved(old, new, reserved=reserved) | self._with_parent(old, new)
        if kind == FLOW_DEPLOYMENTS:
            return self._edited(key, old, new)
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
        self._drop(kind, old)
        self._tell(kind, old, None)
        self.answers.forget(uid)
        if kind == FLOW_RUNS:
            return {key} | self._moved(old, None) | self._with_parent(old, None)
        if kind == FLOW_DEPLOYMENTS:
            self._reorder(namespace, name)
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

    def _drop(self, kind: Kind, old: Any) -> bool:
        """Take an object out, and tell whether a slot was reserved for it."""
        if old is None:
            return False
        self._stores[kind].remove(old.namespace, old.name)
        if kind != FLOW_RUNS:
            return False
        self._live.discard(old)
        self._finished.discard(old)
        self._subflows.discard(old)
        return self._slots.discard(old.namespace, old.name)

    def _enter(self, run: Run) -> None:
        self._live.add(run)
        self._finished.add(run)
        self._subflows.add(run)
        self._slots.add(run, self._priority(run))

    def _moved(self, old: Run | None, new: Run | None, *, reserved: bool = False) -> set[Key]:
        """Name what is to be decided about when a run goes from one stage to the next.

        Args:
            old: the run before, None if there was none.
            new: the run now, None if it is gone.
            reserved: a slot was reserved for it, and is no more.
        """
        if old is not None and new is not None and old.uid != new.uid:
            return self._moved(old, None) | self._moved(None, new)
        run = new or old
        if run is None or (_stage(old) == _stage(new) and not reserved):
            return set()
        namespace, deployment = run.namespace, run.deployment
        names = set(self._slots.next_in_line(namespace, deployment))
        if deployment is None:
            return {Key(FLOW_RUNS, namespace, name) for name in names}
        names.update(self._replaced(namespace, deployment))
        # It counts its runs, keeps some of those that are finished, and lets go of what no live run uses.
        return {Key(FLOW_RUNS, namespace, name) for name in names} | {
            Key(FLOW_DEPLOYMENTS, namespace, deployment)
        }

    def _with_parent(self, old: Run | None, new: Run | None) -> set[Key]:
        """Name the subflows that are cancelled with their parent or need not be kept for it, and their deployments."""
        keys = set()
        for run in self._subflows.concerned(old, new):
            keys.add(Key(FLOW_RUNS, run.namespace, run.name))
            if run.deployment is not None and not run.live:
                keys.add(Key(FLOW_DEPLOYMENTS, run.namespace, run.deployment))
        return keys

    def _replaced(self, namespace: str, deployment: str) -> tuple[str, ...]:
        """Name the run that is replaced since there is one more: the older ones are being replaced already."""
        limit = self._limit_of_deployment(namespace, deployment)
        if limit is None or not self._replaces(namespace, deployment):
            return ()
        return self._slots.newest_but(namespace, deployment, limit)

    def _edited(self, key: Key, old: Deployment | None, new: Deployment) -> set[Key]:
        if old is not None and old.uid == new.uid and old.generation == new.generation:
            return {key}
        if old is None or old.spec.priority != new.spec.priority:
            self._reorder(key.namespace, key.name)
        # Where its limit keeps more of its runs than before, a run of another deployment may come to its turn.
        following = self._slots.next_in_line(key.namespace, key.name)
        return self._concerned(key) | {Key(FLOW_RUNS, key.namespace, name) for name in following}

    def _reorder(self, namespace: str, deployment: str) -> None:
        """Have the runs that wait stand where the priority of their deployment puts them."""
        for name in self._slots.waiting(namespace, deployment):
            if run := self._runs.get(namespace, name):
                self._slots.move(run, self._priority(run))

    def _keys(self, kind: Kind, o: Any) -> set[Key]:
        if kind in {JOBS, PODS}:
            return {Key(FLOW_RUNS, o.namespace, o.run)}
        if kind == REVISIONS:
            return {Key(FLOW_DEPLOYMENTS, o.namespace, o.deployment)}
        if kind == CONFIG_MAPS:
            return self._under(o)
        return self._concerned(Key(kind, o.namespace, o.name))

    def _under(self, defaults: Defaults) -> set[Key]:
        """Name what defaults hold for: deployments, and runs that have not begun or may be replaced."""
        scope = None if defaults.clusterwide else defaults.namespace
        deployments = {Key(FLOW_DEPLOYMENTS, o.namespace, o.name) for o in self._deployments}
        runs = (
            run
            for run in self._runs
            if run.live and (run.between_attempts or self._replaces(run.namespace, run.deployment or ""))
        )
        keys = deployments | {Key(FLOW_RUNS, run.namespace, run.name) for run in runs}
        return {key for key in keys if scope in {None, key.namespace}}

    def _concerned(self, key: Key) -> set[Key]:
        if key.kind == FLOW_RUNS:
            return {key}
        if key.kind != FLOW_DEPLOYMENTS:
            return set()
        _, namespace, name = key
        runs = {*self._live.admitting(namespace, name), *self._slots.waiting(namespace, name)}
        if self._replaces(namespace, name):
            runs.update(self._slots.holders(namespace, name))
        return {key} | {Key(FLOW_RUNS, namespace, run) for run in runs}

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
            parent=self._subflows.parent(run),
            deployment=self._deployments.get(namespace, deployment),
            deployment_error=self.why_unreadable(Key(FLOW_DEPLOYMENTS, namespace, deployment)),
            revisions={r.name: r.template for r in self._revisions.of(namespace, deployment).values()},
            jobs={j.name: j for j in self._jobs.of(namespace, name).values() if j.owner_uid == run.uid},
            pods=tuple(pod for pod in pods if pod.run_uid == run.uid),
            strays=tuple(pod for pod in pods if pod.run_uid != run.uid),
            confirmed=confirmed,
            refusal=self.answers.refusal(run.uid),
            warning=self.answers.warning(run.uid),
            nodes=self.answers.nodes(run.uid),
            defaults=self._defaults_of(namespace),
            slots=self._slots_of(run),
        )

    def observe_deployment(self, key: Key, now: datetime) -> ObservedDeployment | None:
        """Collect what a decision about a deployment is made from; None if its stored form cannot be read."""
        _, namespace, name = key
        if key in self._unreadable:
            return None
        deployment = self._deployments.get(namespace, name)
        tried, refusal = self.answers.trial(deployment.uid) if deployment else (None, "")
        active, queued = self._slots.counts(namespace, name)
        return ObservedDeployment(
            now=now,
            deployment=deployment,
            revisions=tuple(self._revisions.of(namespace, name).values()),
            in_use=self._live.revisions(namespace, name),
            admitting=bool(self._live.admitting(namespace, name)),
            tried=tried,
            refusal=refusal,
            runs=self._runs.within(namespace),
            live=self._subflows.live(namespace),
            refused=self.answers.ticks(deployment.uid) if deployment else {},
            completed=self._finished.of(namespace, name, completed=True),
            failed=self._finished.of(namespace, name, completed=False),
            active=active,
            queued=queued,
            counted=self.answers.counted(deployment.uid) if deployment else None,
            defaults=self._defaults_of(namespace),
        )

    def reserve_slot(self, run: Run) -> set[Key]:
        """Count a run as live while its admission is being written, and name whom it replaces."""
        self._slots.reserve(run, self._priority(run))
        names = self._replaced(run.namespace, run.deployment) if run.deployment else ()
        return {Key(FLOW_RUNS, run.namespace, name) for name in names}

    def set_aside(self, key: Key) -> set[Key]:
        """Take a run that could not be admitted out of the queue, until it is written anew; name who is next."""
        run = self._runs.get(key.namespace, key.name)
        if run is None or not run.between_attempts:
            return set()
        self._slots.discard(key.namespace, key.name)
        names = self._slots.next_in_line(run.namespace, run.deployment)
        return {Key(FLOW_RUNS, run.namespace, name) for name in names}

    def unreserve_slot(self, key: Key) -> set[Key]:
        """Take the slot back that was reserved for a run, if there is one, and name who is next."""
        run = self._runs.get(key.namespace, key.name)
        if run is None or not self._slots.unreserve(run, self._priority(run)):
            return set()
        names = self._slots.next_in_line(run.namespace, run.deployment)
        return {Key(FLOW_RUNS, run.namespace, name) for name in names}

    def _slots_of(self, run: Run) -> Slots:
        if not run.live:
            return Slots()
        replaces = run.deployment is not None and self._replaces(run.namespace, run.deployment)
        if not (replaces or run.between_attempts):
            return Slots()
        return self._slots.observe(run, self._priority(run), replaces=replaces)

    def _defaults_of(self, namespace: str) -> tuple[Defaults, ...]:
        names = dict.fromkeys((self._config_namespace, namespace))
        found = (self._defaults.get(name, namespace_defaults.NAME) for name in names)
        return tuple(defaults for defaults in found if defaults is not None)

    def _priority(self, run: Run) -> int:
        deployment = self._deployments.get(run.namespace, run.deployment or "")
        return deployment.spec.priority if deployment else 0

    def _replaces(self, namespace: str, name: str) -> bool:
        deployment = self._deployments.get(namespace, name)
        concurrency = deployment.spec.concurrency if deployment else None
        return concurrency is not None and concurrency.policy is ConcurrencyPolicy.REPLACE

    def _limit_of_deployment(self, namespace: str, name: str) -> int | None:
        deployment = self._deployments.get(namespace, name)
        concurrency = deployment.spec.concurrency if deployment else None
        return concurrency.limit if concurrency else None

    def _limit_of_namespace(self, namespace: str) -> int | None:
        return live_limit(self._defaults_of(namespace))

    def runs(self) -> Iterator[Run]:
        """Go through all runs."""
        return iter(self._runs)

    def deployments(self) -> Iterator[Deployment]:
        """Go through all deployments."""
        return iter(self._deployments)

    def deployment(self, namespace: str, name: str) -> Deployment | None:
        """Find a deployment."""
        return self._deployments.get(namespace, name)

    def newest_finished(self, deployment: Deployment, *, completed_only: bool = False) -> Run | None:
        """Give the run of a deployment that finished last, of those that exist."""
        kinds = (True,) if completed_only else (True, False)
        found = (self._finished.of(deployment.namespace, deployment.name, completed=kind) for kind in kinds)
        return max((runs[-1] for runs in found if runs), key=lambda run: run.ended, default=None)

    def finished_without_success(self, deployment: Deployment) -> Sequence[Run]:
        """Give the runs of a deployment that finished without completing, oldest first."""
        return self._finished.of(deployment.namespace, deployment.name, completed=False)

    def unreleased(self) -> Iterator[Run]:
        """Go through the runs whose newest attempt's end is stored while its pod is still held."""
        for run in self._runs:
            status = run.status
            if not status.attempts or status.current.completion_time is None:
                continue
            pods = self._pods.of(run.namespace, run.name).values()
            if any(pod.held and (pod.run_uid, pod.attempt) == (run.uid, status.attempt) for pod in pods):
                yield run

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


def _stage(run: Run | None) -> tuple[bool, bool, bool] | None:
    """Sum up what others see of a run; None when it is gone."""
    return None if run is None else (run.live, run.holds_slot, run.waits_for_slot)
