"""The API server: what it stores, and what the operator must never write."""

import json
import types
from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any

import jsonschema_rs
from builders import NAMESPACE, NOW, text

from cluster_model.objects import Object, Violation, copied, ended, final, status_of
from millstream.resources import crd, labels
from millstream.resources.flow_deployment import FlowDeploymentStatus
from millstream.resources.flow_run import MAX_ATTEMPTS_KEPT, FlowRunStatus
from millstream.resources.reasons import Reason
from millstream_operator.api import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, NODES, PODS, Kind

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
        if new["spec"] != old["spec"] | {"cancel": True} or final(old):
            raise Violation(f"the operator changes {old} into {new}")

    def _check_retention(self, run: Object) -> None:
        """Check a run that the operator deletes."""
        if not final(run):
            raise Violation(f"a run is deleted that is {run['status'].get('state')}")
        parent = parent_of(self, run)
        if parent and not final(parent):
            raise Violation("a subflow is deleted whose parent may make it anew")

    def _check_status(self, kind: Kind, old: Object, new: Object) -> None:
        for problem in SCHEMAS[kind].iter_errors({"spec": new["spec"], "status": new["status"]}):
            raise Violation(f"{kind.plural}: {problem.message}")
        after = MODELS[kind].model_validate(new["status"])
        if json.loads(json.dumps(after.to_dict())) != new["status"]:
            raise Violation("a status does not survive its model")
        if kind == FLOW_RUNS:
            _check_ends(after)
            _check_run(FlowRunStatus.model_validate(old["status"]), after, new["spec"])
            self._intents.add((new["metadata"]["uid"], after.attempt))


def _check_ends(new: FlowRunStatus) -> None:
    for attempt in new.attempts:
        if attempt.completion_time and attempt.end_time not in {None, attempt.completion_time}:
            raise Violation(f"an attempt ends at {attempt.completion_time}, its pod at {attempt.end_time}")


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
    target: Any = o
    for name in parents:
        target = target[name]
    place = int(last) if isinstance(target, list) else last
    if operation["path"] == "/metadata/resourceVersion":
        if _at(target, place) != operation["value"]:
            raise ConflictError(409, "the object has been modified")
    elif operation["op"] == "test":
        if _at(target, place) != operation["value"]:
            raise ApiError(422, "the test failed")
    elif operation["op"] == "remove":
        del target[place]
    else:
        target[place] = json.loads(json.dumps(operation["value"]))


def _at(target: Any, place: int | str) -> Any:
    try:
        return target[place]
    except LookupError:
        return None


def parent_of(api: ApiServer, run: Object) -> Object | None:
    """Find the run that made another one as its subflow, as long as it is there."""
    uid = run["metadata"].get("labels", {}).get(labels.PARENT_RUN_UID)
    return next((o for o in api.of(FLOW_RUNS) if uid and o["metadata"]["uid"] == uid), None)


def revisions_in_use(api: ApiServer) -> Iterator[str]:
    """Give the revisions that live runs have written down and of which a new attempt may be made."""
    for run in api.of(FLOW_RUNS):
        status = status_of(run)
        if status.revision and status.state and not status.state.is_final:
            yield status.revision
