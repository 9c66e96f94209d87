"""What really happened in a namespace, seen by a watch of its own; and what must hold at each moment of it."""

import asyncio
import contextlib
import json
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from api_server import FINAL, Namespace
from control_plane import ControlPlane
from faulty_api_server import Background
from patience import eventually

from millstream.resources import labels
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, Kind

Object = dict[str, Any]

_SEEN = (FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS)
_WITHOUT_JOB = {
    Reason.JOB_REJECTED, Reason.JOB_CONFLICT, Reason.START_TIMEOUT, Reason.REVISION_LOST, Reason.JOB_DELETED,
    Reason.CANCEL_REQUESTED, Reason.REPLACED, Reason.TOTAL_TIMEOUT,
}  # fmt: skip
"""Reasons to end a run whose last attempt may have got no Job."""
_RESTING = {RunState.PAUSED, RunState.QUEUED}


@dataclass(frozen=True)
class Event:
    """A version of an object; the versions of all kinds count on together."""

    version: int
    kind: Kind
    deleted: bool
    o: Object


class History:
    """All versions of the objects of a namespace that was empty at first."""

    def __init__(self, session: aiohttp.ClientSession, ns: Namespace) -> None:
        self._session = session
        self._ns = ns
        self._events: list[Event] = []
        self._watches: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        self._watches = [asyncio.create_task(self._watch(kind)) for kind in _SEEN]

    async def _watch(self, kind: Kind) -> None:
        query = {"watch": "true", "resourceVersion": "0", "timeoutSeconds": "7200"}
        async with self._session.get(kind.path(self._ns.name), params=query) as answer:
            async for line in answer.content:
                event = json.loads(line)
                o = event["object"]
                self._events.append(
                    Event(int(o["metadata"]["resourceVersion"]), kind, event["type"] == "DELETED", o)
                )

    def events(self) -> list[Event]:
        """Give what was seen so far, in the order in which it happened."""
        assert not any(watch.done() for watch in self._watches), "a watch has ended"
        return sorted(self._events, key=lambda event: event.version)

    def check(self) -> None:
        """Go through all that happened, and see that what must always hold did."""
        eventually(lambda: all(map(self._has_seen_all, _SEEN)), "the watch has seen all")
        seen = Invariants()
        for event in self.events():
            try:
                seen.see(event)
            except AssertionError as error:
                own = event.o["metadata"]
                told = self.of(own.get("labels", {}).get(labels.RUN, own["name"]))
                raise AssertionError("\n".join([f"{error}, at version {event.version}", *told])) from None

    def _has_seen_all(self, kind: Kind) -> bool:
        last = {event.o["metadata"]["uid"]: event for event in self.events() if event.kind == kind}
        seen = {uid: event.version for uid, event in last.items() if not event.deleted}
        return seen == {
            o["metadata"]["uid"]: int(o["metadata"]["resourceVersion"]) for o in self._ns.items(kind)
        }

    def of(self, name: str) -> Iterator[str]:
        """Tell, line by line, what happened to a run."""
        for event in self.events():
            meta = event.o["metadata"]
            if name in {meta["name"], meta.get("labels", {}).get(labels.RUN)}:
                yield f"{event.version} {event.kind.plural} {meta['name']} {_told(event)}"


def _told(event: Event) -> str:
    status = event.o.get("status", {})
    words = ["deleted"] if event.deleted else []
    words += ["deleting"] if deleting(event.o) else []
    words += ["held"] if held(event.o) else []
    if event.kind == FLOW_RUNS:
        words += [f"{name}={status[name]}" for name in ("state", "reason", "attempt") if name in status]
    else:
        words += [status.get("phase", "")]
        words += [c["type"] for c in status.get("conditions", ()) if c["status"] == "True"]
    return " ".join(words)


class Invariants:
    """The world as it was, moment by moment."""

    def __init__(self) -> None:
        self.world: dict[tuple[Kind, str], Object] = {}
        self.finals: dict[str, Object] = {}
        self.jobs: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self.images: dict[str, str] = {}
        self.ticks: dict[tuple[str, ...], str] = {}

    def see(self, event: Event) -> None:
        """Go on to the next moment, and check all that must hold."""
        key = (event.kind, event.o["metadata"]["uid"])
        before = self.world.get(key)
        if event.deleted:
            self.world.pop(key, None)
        else:
            self.world[key] = event.o
            for rule in RULES[event.kind]:
                rule(self, event.o, before)

    def run_of(self, o: Object) -> Object | None:
        """Give the run of a Job or a pod, if it is there."""
        return self.world.get((FLOW_RUNS, o["metadata"]["labels"][labels.RUN_UID]))

    def deployment_of(self, run: Object) -> Object | None:
        """Give the deployment of a run, if it is there."""
        name = run["spec"].get("deploymentRef", {}).get("name")
        deployments = (o for (kind, _), o in self.world.items() if kind == FLOW_DEPLOYMENTS)
        return next((o for o in deployments if o["metadata"]["name"] == name), None)

    def siblings(self, kind: Kind, o: Object) -> list[Object]:
        """Give the Jobs or pods of the same run."""
        uid = o["metadata"]["labels"][labels.RUN_UID]
        return [
            other
            for (k, _), other in self.world.items()
            if k == kind and other["metadata"]["labels"][labels.RUN_UID] == uid
        ]


def what_is_final_stays(seen: Invariants, run: Object, _: Object | None) -> None:
    uid, status = run["metadata"]["uid"], run.get("status", {})
    if uid in seen.finals or status.get("state") in FINAL:
        assert seen.finals.setdefault(uid, status) == status, "a final status has changed"


def counters_and_jobs_agree(seen: Invariants, run: Object, _: Object | None) -> None:
    status = run.get("status", {})
    attempt, made = status.get("attempt", 0), seen.jobs[run["metadata"]["uid"]]
    assert max(made, default=0) <= attempt, "a Job was made before its attempt was written down"
    if status.get("state") in FINAL and attempt:
        paused = {a["number"] for a in status["attempts"] if a.get("reason") == Reason.SUSPENDED}
        spent = status.get("failures", 0) + status.get("disruptions", 0) + len(paused)
        assert attempt - 1 <= spent <= attempt, "an attempt was paid for not once"
        missing = set(range(1, attempt + 1)) - set(made) - paused
        assert not missing or (missing == {attempt} and status.get("reason") in _WITHOUT_JOB), "no Job made"


def the_limit_holds(seen: Invariants, run: Object, _: Object | None) -> None:
    deployment = seen.deployment_of(run)
    limit = deployment["spec"].get("concurrency", {}).get("limit") if deployment else None
    runs = [o for (kind, _), o in seen.world.items() if kind == FLOW_RUNS and holds_slot(o)]
    live = [o["metadata"]["name"] for o in runs if seen.deployment_of(o) is deployment]
    assert limit is None or len(live) <= limit, f"live at the same time: {live}"


def a_tick_has_one_run(seen: Invariants, run: Object, _: Object | None) -> None:
    spec, uid = run["spec"], run["metadata"]["uid"]
    if "scheduleName" in spec:
        tick = (spec["deploymentRef"]["name"], spec["scheduleName"], spec["scheduledTime"])
        assert seen.ticks.setdefault(tick, uid) == uid, "a tick has two runs"


def an_attempt_has_one_job(seen: Invariants, job: Object, _: Object | None) -> None:
    meta = job["metadata"]
    made, number = seen.jobs[meta["labels"][labels.RUN_UID]], int(meta["labels"][labels.ATTEMPT])
    assert made.setdefault(number, meta["uid"]) == meta["uid"], "an attempt has two Jobs"


def one_job_of_a_run_is_live(seen: Invariants, job: Object, _: Object | None) -> None:
    live = [other["metadata"]["name"] for other in seen.siblings(JOBS, job) if job_lives(seen, other)]
    assert len(live) <= 1, f"live at the same time: {live}"


def all_attempts_have_the_same_image(seen: Invariants, job: Object, _: Object | None) -> None:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    uid = job["metadata"]["labels"][labels.RUN_UID]
    assert seen.images.setdefault(uid, container["image"]) == container["image"], "an edit got into a run"


def one_pod_of_a_run_is_live(seen: Invariants, pod: Object, _: Object | None) -> None:
    live = [other["metadata"]["name"] for other in seen.siblings(PODS, pod) if not ended(other)]
    assert len(live) <= 1, f"live at the same time: {live}"


def the_outcome_is_stored_before_its_pod_goes(seen: Invariants, pod: Object, before: Object | None) -> None:
    run = seen.run_of(pod)
    if before is None or not held(before) or held(pod) or run is None or deleting(run):
        return
    status, number = run.get("status", {}), int(pod["metadata"]["labels"][labels.ATTEMPT])
    own = [a for a in status.get("attempts", ()) if a["number"] == number]
    told = any("completionTime" in a or a.get("exitCode") == exit_code(pod) for a in own)
    assert told or status.get("attempt", 0) > number, "a pod was let go before its outcome was stored"


Rule = Callable[[Invariants, Object, Object | None], None]
RULES: dict[Kind, tuple[Rule, ...]] = {
    FLOW_DEPLOYMENTS: (),
    FLOW_RUNS: (what_is_final_stays, counters_and_jobs_agree, the_limit_holds, a_tick_has_one_run),
    JOBS: (an_attempt_has_one_job, one_job_of_a_run_is_live, all_attempts_have_the_same_image),
    PODS: (one_pod_of_a_run_is_live, the_outcome_is_stored_before_its_pod_goes),
}


def job_lives(seen: Invariants, job: Object) -> bool:
    """Whether something of a Job runs, or may be about to."""
    conditions = {c["type"] for c in job.get("status", {}).get("conditions", ()) if c["status"] == "True"}
    pods = [p for p in seen.siblings(PODS, job) if _owner(p) == job["metadata"]["uid"]]
    if pods or conditions & {"Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"}:
        return not all(map(ended, pods))
    return True


def _owner(o: Object) -> str | None:
    return next((owner["uid"] for owner in o["metadata"].get("ownerReferences", ())), None)


def ended(pod: Object) -> bool:
    """Whether nothing runs in a pod any more."""
    never_bound = deleting(pod) and "nodeName" not in pod["spec"]
    return pod["status"].get("phase") in {"Succeeded", "Failed"} or never_bound


def exit_code(pod: Object) -> int | None:
    states = [status["state"] for status in pod["status"].get("containerStatuses", ())]
    return next((state["terminated"]["exitCode"] for state in states if "terminated" in state), None)


def holds_slot(run: Object) -> bool:
    """Whether a run counts for the limit of its deployment."""
    status = run.get("status", {})
    if not status.get("attempt") or status["state"] in FINAL:
        return False
    return status["state"] not in _RESTING or "completionTime" not in status["attempts"][-1]


def held(o: Object) -> bool:
    return labels.OUTCOME_FINALIZER in o["metadata"].get("finalizers", ())


def deleting(o: Object) -> bool:
    return "deletionTimestamp" in o["metadata"]


@contextlib.contextmanager
def watching(plane: ControlPlane) -> Iterator[Callable[[Namespace], History]]:
    """Give what watches a namespace as an administrator."""
    background = Background()
    session = background.run(_open(plane))

    def watch(ns: Namespace) -> History:
        history = History(session, ns)
        background.run(history.begin())
        return history

    yield watch
    background.close(session.close())


async def _open(plane: ControlPlane) -> aiohttp.ClientSession:
    token = json.loads(plane.kubeconfig.read_text())["users"][0]["user"]["token"]
    tls = ssl.create_default_context(cafile=plane.directory / "apiserver.crt")
    return aiohttp.ClientSession(
        base_url=plane.url,
        headers={"Authorization": f"Bearer {token}"},
        connector=aiohttp.TCPConnector(limit=0, ssl=tls),
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=2**22,
    )
