"""A small model of a cluster: API server, garbage collector, Job controller and kubelet, and the operator in it.

The operator is the real one, from its cache to its executor; what it talks to is here. Every call to the API
server pauses before and after it takes effect, so that whoever drives the model decides what else happens
meanwhile, or whether the operator dies there.
"""

import json
import marshal
import types
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jsonschema_rs
from builders import NAMESPACE, NOW, WATCHED, text

from millstream.resources import crd, labels
from millstream.resources.completion_record import CompletionRecord
from millstream.resources.flow_deployment import FlowDeploymentStatus
from millstream.resources.flow_run import MAX_ATTEMPTS_KEPT, FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.api import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from millstream_operator.cache import Cache, Key
from millstream_operator.decide.announcement import Announcement
from millstream_operator.decide.observed import Run
from millstream_operator.executor import Executor
from millstream_operator.kinds import (
    CONFIG_MAPS,
    FLOW_DEPLOYMENTS,
    FLOW_RUNS,
    JOBS,
    NODES,
    PODS,
    REVISIONS,
    Kind,
)
from millstream_operator.metrics import Metrics
from millstream_operator.reconciler import Reconciler

Object = dict[str, Any]

TRACKED = "batch.kubernetes.io/job-tracking"
FOREGROUND = "foregroundDeletion"
MODELS = {FLOW_RUNS: FlowRunStatus, FLOW_DEPLOYMENTS: FlowDeploymentStatus}
SCHEMAS = {
    kind: jsonschema_rs.Draft202012Validator(
        crd.definitions()[f"{kind.plural}.{kind.group}.json"]["spec"]["versions"][0]["schema"][
            "openAPIV3Schema"
        ]
    )
    for kind in MODELS
}


METRICS = Metrics()


def copied(o: Any) -> Any:
    """Copy what is JSON, in a fifth of the time that copy.deepcopy takes."""
    return marshal.loads(marshal.dumps(o))  # noqa: S302  (our own)


def status_of(run: Object) -> FlowRunStatus:
    """Read a run's status, once for all who look at it until it changes."""
    return _status(marshal.dumps(run["status"], 2))  # which tells no more than what is equal


@lru_cache(maxsize=256)
def _status(status: bytes) -> FlowRunStatus:
    return FlowRunStatus.model_validate(marshal.loads(status))  # noqa: S302  (our own)


class Violation(BaseException):
    """Something happened that must never happen."""


@types.coroutine
def pause() -> Generator[None, None, None]:
    yield


class ApiServer:
    """Objects of one namespace, and the verbs of the operator's client."""

    def __init__(self) -> None:
        self.objects: dict[Kind, dict[str, Object]] = defaultdict(dict)
        self.now = NOW
        self.events: list[tuple[str, Kind, Object]] = []
        self.refuses_jobs = False
        self.ticks: list[tuple[str, str, str]] = []
        self.lost_nodes: set[str] = set()
        self.writes = 0
        self._intents: set[tuple[str, int]] = set()
        self._version = 0

    # --- what everybody in the model uses; it takes effect at once ---

    def of(self, kind: Kind) -> list[Object]:
        return list(self.objects[kind].values())

    def find(self, kind: Kind, name: str) -> Object | None:
        return self.objects[kind].get(name)

    def add(self, kind: Kind, o: Object) -> Object:
        meta = o["metadata"]
        if self.find(kind, meta["name"]):
            raise AlreadyExistsError(409, "exists")
        new = {"status": {}} | copied(o)
        new["metadata"] |= {
            "namespace": NAMESPACE,
            "uid": f"uid-{self._version}",
            "generation": 1,
            "creationTimestamp": text(self.now),
        }
        self.objects[kind][meta["name"]] = new
        self.changed(kind, new, "ADDED")
        return new

    def changed(self, kind: Kind, o: Object, event: str = "MODIFIED") -> None:
        self._version += 1
        o["metadata"]["resourceVersion"] = str(self._version)
        self.events.append((event, kind, copied(o)))

    def mark_deleted(self, kind: Kind, o: Object, *finalizers: str) -> None:
        """Delete an object, or begin to if something holds it."""
        meta = o["metadata"]
        meta.setdefault("deletionTimestamp", text(self.now))
        meta["finalizers"] = [
            *meta.get("finalizers", ()),
            *(set(finalizers) - set(meta.get("finalizers", ()))),
        ]
        self.changed(kind, o)
        self.collect_garbage_of(kind, o)

    def collect_garbage_of(self, kind: Kind, o: Object) -> None:
        """Remove an object that is to be deleted and that nothing holds any more."""
        meta = o["metadata"]
        if "deletionTimestamp" not in meta or meta.get("finalizers"):
            return
        if kind == PODS and o["spec"].get("nodeName") and not ended(o):
            return  # the kubelet has not stopped it yet
        if self.objects[kind].pop(meta["name"], None) is o:
            self.changed(kind, o, "DELETED")

    # --- the operator's verbs ---

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        del namespace
        await pause()
        if kind == NODES:
            ready = "Unknown" if name in self.lost_nodes else "True"
            return {"status": {"conditions": [{"type": "Ready", "status": ready}]}}
        return copied(self._existing(kind, name))

    async def collect(
        self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], int]:
        del namespace, fields
        await pause()
        name, _, value = labels.partition("=")
        found = [o for o in self.of(kind) if not value or o["metadata"].get("labels", {}).get(name) == value]
        return copied(found), self._version

    async def try_to_create(self, kind: Kind, body: Object) -> None:
        del kind, body
        await pause()

    async def create(self, kind: Kind, body: Object) -> Object:
        await pause()
        if kind == JOBS:
            if self.refuses_jobs:
                raise ApiError(403, "exceeded quota")
            self._check_job(body)
        if kind == FLOW_RUNS:
            self._check_tick(body)
        stored = copied(self.add(kind, dict(body)))
        self.writes += 1
        await pause()
        return stored

    async def patch(
        self, kind: Kind, namespace: str, name: str, operations: list[Object], part: str | None = None
    ) -> Object:
        del namespace
        await pause()
        o = self._existing(kind, name)
        new = copied(o)
        for operation in operations:
            _apply(operation, new)
        if part == "status":
            self._check_status(kind, o, new)
        elif kind == FLOW_RUNS:
            self._check_cancellation(o, new)
        o.update(new)
        self.writes += 1
        self.changed(kind, o)
        self.collect_garbage_of(kind, o)
        stored = copied(o)
        await pause()
        return stored

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        del namespace
        await pause()
        o = self._existing(kind, name)
        if o["metadata"]["uid"] != uid:
            raise ConflictError(409, "another UID")
        if kind == FLOW_RUNS:
            self._check_retention(o)
        self.mark_deleted(kind, o, *([FOREGROUND] if kind == JOBS else []))
        self.writes += 1
        await pause()

    def _existing(self, kind: Kind, name: str) -> Object:
        o = self.find(kind, name)
        if o is None:
            raise NotFoundError(404, "not found")
        return o

    def _check_job(self, job: Object) -> None:
        (owner,) = job["metadata"]["ownerReferences"]
        attempt = int(job["metadata"]["labels"][labels.ATTEMPT])
        if (owner["uid"], attempt) not in self._intents:
            raise Violation(f"Job of attempt {attempt}, which was never written down")
        run = self.find(FLOW_RUNS, owner["name"])
        if run is None or run["metadata"]["uid"] != owner["uid"]:
            return
        status = status_of(run)
        if status.attempt != attempt or status.current.job != job["metadata"]["name"]:
            raise Violation(f"Job of attempt {attempt} while {status.attempt} is written down")
        if status.state and status.state.is_final:
            raise Violation(f"Job for a run that is {status.state}")

    def _check_tick(self, run: Object) -> None:
        """Check a run that the operator makes."""
        for problem in SCHEMAS[FLOW_RUNS].iter_errors({"spec": run["spec"]}):
            raise Violation(f"flowruns: {problem.message}")
        spec = run["spec"]
        tick = spec["deploymentRef"]["name"], spec["scheduleName"], spec["scheduledTime"]
        if self.find(FLOW_RUNS, run["metadata"]["name"]):
            return
        if tick in self.ticks:
            raise Violation(f"two runs of tick {tick}")
        self.ticks.append(tick)

    def _check_cancellation(self, old: Object, new: Object) -> None:
        """Check a run that the operator cancels."""
        if new["spec"] != old["spec"] | {"cancel": True} or _final(old):
            raise Violation(f"the operator changes {old} into {new}")

    def _check_retention(self, run: Object) -> None:
        """Check a run that the operator deletes."""
        if not _final(run):
            raise Violation(f"a run is deleted that is {run['status'].get('state')}")
        parent = parent_of(self, run)
        if parent and not _final(parent):
            raise Violation("a subflow is deleted whose parent may make it anew")

    def _check_status(self, kind: Kind, old: Object, new: Object) -> None:
        for problem in SCHEMAS[kind].iter_errors({"spec": new["spec"], "status": new["status"]}):
            raise Violation(f"{kind.plural}: {problem.message}")
        after = MODELS[kind].model_validate(new["status"])
        if json.loads(json.dumps(after.to_dict())) != new["status"]:
            raise Violation("a status does not survive its model")
        if kind == FLOW_RUNS:
            _check_run(FlowRunStatus.model_validate(old["status"]), after, new["spec"])
            self._intents.add((new["metadata"]["uid"], after.attempt))


def _check_run(old: FlowRunStatus, new: FlowRunStatus, spec: Object) -> None:
    if old.state and old.state.is_final:
        raise Violation(f"{old.state} is final, and a status is written: {new.state} {new.reason}")
    if new.attempt not in {old.attempt, old.attempt + 1}:
        raise Violation(f"attempt {new.attempt} after {old.attempt}")
    if new.attempt > old.attempt and (spec.get("cancel") or spec.get("suspend")):
        raise Violation("an attempt of a run that is not to run")
    if new.attempt and old.revision not in {None, new.revision}:
        raise Violation("the revision is not frozen")
    if (new.completion_time is not None) != new.state.is_final:
        raise Violation("only what is final has completed")
    numbers = [attempt.number for attempt in new.attempts]
    if numbers != list(range(max(1, new.attempt - 9), new.attempt + 1)):
        raise Violation(f"attempts {numbers}")
    policy = spec.get("template", {}).get("retryPolicy")
    if policy is None:
        return
    if new.failures > policy["failures"] + 1 or new.disruptions > policy["disruptions"] + 1:
        raise Violation(f"spent {new.failures} and {new.disruptions} of {policy}")
    suspended = sum(attempt.reason is Reason.SUSPENDED for attempt in new.attempts)
    if new.attempt <= MAX_ATTEMPTS_KEPT and (
        new.attempt > policy["failures"] + policy["disruptions"] + suspended + 1
    ):
        raise Violation(f"{new.attempt} attempts of {policy}")


def _apply(operation: Object, o: Object) -> None:
    *parents, last = operation["path"].strip("/").split("/")
    target = o
    for name in parents:
        target = target[name]
    if operation["path"] == "/metadata/resourceVersion":
        if target.get(last) != operation["value"]:
            raise ConflictError(409, "the object has been modified")
    elif operation["op"] == "test":
        if target.get(last) != operation["value"]:
            raise ApiError(422, "the test failed")
    else:
        target[last] = json.loads(json.dumps(operation["value"]))


def _final(run: Object) -> bool:
    state = run["status"].get("state")
    return state is not None and RunState(state).is_final


def parent_of(api: ApiServer, run: Object) -> Object | None:
    """Find the run that made another one as its subflow, as long as it is there."""
    uid = run["metadata"].get("labels", {}).get(labels.PARENT_RUN_UID)
    return next((o for o in api.of(FLOW_RUNS) if uid and o["metadata"]["uid"] == uid), None)


def ended(pod: Object) -> bool:
    return pod["status"].get("phase") in {"Succeeded", "Failed"}


def runs(pod: Object) -> bool:
    return pod["status"].get("phase") == "Running"


def completed(pod: Object) -> bool:
    """Whether a pod ended with exit code 0 and a completion record that says so."""
    for status in pod["status"]["containerStatuses"]:
        ended = status["state"].get("terminated", {})
        return ended.get("exitCode") == 0 and '"state":"Completed"' in ended["message"]
    return False


def deleting(o: Object) -> bool:
    return "deletionTimestamp" in o["metadata"]


class Cluster:
    """What Kubernetes does with the objects. Each method makes one step; True if it did something."""

    def __init__(self) -> None:
        self.api = ApiServer()

    @property
    def pods(self) -> list[Object]:
        return self.api.of(PODS)

    @property
    def jobs(self) -> list[Object]:
        return self.api.of(JOBS)

    def live_pods(self) -> list[Object]:
        """Give the pods in which the flow runs or still may come to run."""
        return [pod for pod in self.pods if runs(pod) or not (ended(pod) or deleting(pod))]

    # --- the garbage collector and the pod garbage collector ---

    def collect_garbage(self) -> bool:
        uids = {o["metadata"]["uid"] for objects in self.api.objects.values() for o in objects.values()}
        done = False
        for kind in (JOBS, PODS):
            for o in self.api.of(kind):
                (owner,) = o["metadata"]["ownerReferences"]
                if owner["uid"] not in uids and not deleting(o):
                    self.api.mark_deleted(kind, o)
                    done = True
        for job in self.jobs:
            if FOREGROUND in job["metadata"].get("finalizers", ()):
                done |= self._delete_in_foreground(job)
        for pod in self.pods:
            if deleting(pod) and not pod["spec"].get("nodeName") and not ended(pod):
                self._end(pod, None, None)
                done = True
        return done

    def _delete_in_foreground(self, job: Object) -> bool:
        pods = self.pods_of(job)
        if not pods:
            job["metadata"]["finalizers"].remove(FOREGROUND)
            self.api.changed(JOBS, job)
            self.api.collect_garbage_of(JOBS, job)
            return True
        todo = [pod for pod in pods if not deleting(pod)]
        for pod in todo:
            self.api.mark_deleted(PODS, pod)
        return bool(todo)

    # --- the Job controller ---

    def pods_of(self, job: Object) -> list[Object]:
        uid = job["metadata"]["uid"]
        return [pod for pod in self.pods if pod["metadata"]["ownerReferences"][0]["uid"] == uid]

    def control_jobs(self) -> bool:
        done = sum(self._control(job) for job in self.jobs) > 0
        uids = {job["metadata"]["uid"] for job in self.jobs}
        for pod in self.pods:
            orphan = pod["metadata"]["ownerReferences"][0]["uid"] not in uids
            if orphan and TRACKED in pod["metadata"]["finalizers"]:
                self._untrack(pod)
                done = True
        return done

    def _control(self, job: Object) -> bool:
        status, pods = job["status"], self.pods_of(job)
        conditions = {condition["type"] for condition in status.setdefault("conditions", [])}
        done = False
        if not conditions & {"Complete", "Failed"}:
            if any(pod["status"]["phase"] == "Succeeded" for pod in pods):
                status["conditions"].append({"type": "Complete", "status": "True"})
                done = True
            elif failed := [
                pod for pod in pods if pod["status"]["phase"] == "Failed" and not job["spec"].get("suspend")
            ]:
                target = next((c for c in status["conditions"] if c["type"] == "FailureTarget"), None)
                reason, message = (
                    (target["reason"], target["message"]) if target else self._why_failed(failed[0])
                )
                status["conditions"].append(
                    {"type": "Failed", "status": "True", "reason": reason, "message": message}
                )
                done = True
            elif not pods and "FailureTarget" in conditions:
                status["conditions"].append(
                    {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
                )
                done = True
            elif not pods and not deleting(job) and not job["spec"].get("suspend"):
                self._create_pod(job)
                return True
        if done:
            self.api.changed(JOBS, job)
        for pod in pods:
            if ended(pod) and TRACKED in pod["metadata"]["finalizers"]:
                self._untrack(pod)
                done = True
        return done

    def suspend(self, job: Object, *, suspended: bool) -> None:
        """Suspend a Job, as Kueue does, or let it go on."""
        if bool(job["spec"].get("suspend")) == suspended or job["status"].get("conditions") or deleting(job):
            return
        job["spec"]["suspend"] = suspended
        job["status"]["startTime"] = None if suspended else text(self.api.now)
        self.api.changed(JOBS, job)
        for pod in self.pods_of(job) if suspended else ():
            if not (deleting(pod) or ended(pod)):
                self.api.mark_deleted(PODS, pod)

    def _why_failed(self, pod: Object) -> tuple[str, str]:
        name = pod["metadata"]["name"]
        if pod["status"].get("conditions"):
            return (
                "PodFailurePolicy",
                f"Pod {name} has condition DisruptionTarget matching FailJob rule at index 0",
            )
        code = next((s["state"]["terminated"]["exitCode"] for s in pod["status"]["containerStatuses"]), None)
        if code:
            text = (
                f"Container flow for pod {name} failed with exit code {code} matching FailJob rule at index 1"
            )
            return "PodFailurePolicy", text
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"

    def _untrack(self, pod: Object) -> None:
        pod["metadata"]["finalizers"].remove(TRACKED)
        self.api.changed(PODS, pod)
        self.api.collect_garbage_of(PODS, pod)

    def _create_pod(self, job: Object) -> None:
        meta, spec = job["metadata"], job["spec"]["template"]
        self.api.add(
            PODS,
            {
                "metadata": {
                    "name": f"{meta['name']}-{meta['uid']}",
                    "labels": spec["metadata"]["labels"],
                    "finalizers": [*spec["metadata"]["finalizers"], TRACKED],
                    "ownerReferences": [
                        {"kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
                    ],
                },
                "spec": copied(spec["spec"]),
                "status": {"phase": "Pending", "containerStatuses": []},
            },
        )

    def exceed_deadline(self, job: Object) -> None:
        if job["status"].get("conditions") or deleting(job):
            return
        said = {
            "type": "FailureTarget",
            "status": "True",
            "reason": "DeadlineExceeded",
            "message": "too long",
        }
        job["status"]["conditions"] = [said]
        self.api.changed(JOBS, job)
        for pod in self.pods_of(job):
            if not deleting(pod):
                self.api.mark_deleted(PODS, pod)

    # --- the scheduler and the kubelet ---

    def bind(self, pod: Object) -> bool:
        if pod["spec"].get("nodeName") or deleting(pod):
            return False
        pod["spec"]["nodeName"] = "node-1"
        self.api.changed(PODS, pod)
        return True

    def wait(self, pod: Object, reason: str) -> None:
        if pod["spec"].get("nodeName") and not (ended(pod) or runs(pod)):
            state = {"waiting": {"reason": reason, "message": "said the kubelet"}}
            pod["status"]["containerStatuses"] = [{"name": "flow", "state": state}]
            self.api.changed(PODS, pod)

    def start(self, pod: Object) -> bool:
        if not pod["spec"].get("nodeName") or deleting(pod) or ended(pod) or runs(pod):
            return False
        state = {"running": {"startedAt": text(self.api.now)}}
        pod["status"] |= {"phase": "Running", "containerStatuses": [{"name": "flow", "state": state}]}
        self.api.changed(PODS, pod)
        return True

    def finish(self, pod: Object, code: int, record: tuple[RunState, Reason | None] | None) -> bool:
        if not runs(pod) or pod["spec"]["nodeName"] in self.api.lost_nodes:
            return False
        self._end(pod, code, record)
        return True

    def stop(self, pod: Object, code: int | None, record: tuple[RunState, Reason | None] | None) -> bool:
        """Stop a pod that is to be deleted, if its node answers."""
        if not deleting(pod) or ended(pod) or pod["spec"].get("nodeName") in self.api.lost_nodes:
            return False
        self._end(pod, code, record) if runs(pod) else self._end(pod, 137, None)
        return True

    def evict(self, pod: Object) -> None:
        pod["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True"}]
        self.api.mark_deleted(PODS, pod)

    def _end(self, pod: Object, code: int | None, record: tuple[RunState, Reason | None] | None) -> None:
        if code is not None:
            message = ""
            if record:
                own = pod["metadata"]["labels"]
                left = CompletionRecord(
                    uid=own[labels.RUN_UID],
                    attempt=int(own[labels.ATTEMPT]),
                    state=record[0],
                    reason=record[1],
                    message="said the flow",
                )
                message = left.encode().decode()
            state = {"terminated": {"exitCode": code, "message": message, "startedAt": text(self.api.now)}}
            pod["status"]["containerStatuses"] = [{"name": "flow", "state": state}]
        pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
        self.api.changed(PODS, pod)
        self.api.collect_garbage_of(PODS, pod)


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


def revisions_in_use(api: ApiServer) -> Iterator[str]:
    """Give the revisions that live runs have written down and of which a new attempt may be made."""
    for run in api.of(FLOW_RUNS):
        status = status_of(run)
        if status.revision and status.state and not status.state.is_final:
            yield status.revision


__all__ = [
    "CONFIG_MAPS",
    "FLOW_DEPLOYMENTS",
    "FLOW_RUNS",
    "JOBS",
    "PODS",
    "REVISIONS",
    "Cluster",
    "Operator",
    "Violation",
]
