"""Lives that a run can have, and a kubelet that lets them happen.

A life says what becomes of the pod of each attempt, and how the run must end, whatever the operator goes through.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from api_server import COMPLETED, FAILED, FINAL, INTERRUPTED, Namespace, RefusedError
from history import History

from millstream.resources import labels
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS

Object = dict[str, Any]
Step = Callable[[Namespace, Object], None]

_GONE = {403, 404, 409, 422}
"""What is answered about something that is gone, or in a namespace that goes."""
_PACE = 0.5


def complete(ns: Namespace, pod: Object) -> None:
    ns.finish(pod, *COMPLETED)


def fail(ns: Namespace, pod: Object) -> None:
    ns.finish(pod, *FAILED)


def say_nothing(ns: Namespace, pod: Object) -> None:
    ns.finish(pod, 0)


def run_out_of_memory(ns: Namespace, pod: Object) -> None:
    ns.finish(pod, 137, reason="OOMKilled")


def evict(ns: Namespace, pod: Object) -> None:
    ns.evict(pod)
    ns.finish(pod, *INTERRUPTED)


def delete_pod(ns: Namespace, pod: Object) -> None:
    ns.delete(PODS, pod["metadata"]["name"])
    ns.finish(pod, 137)


def delete_job(ns: Namespace, pod: Object) -> None:
    ns.delete(JOBS, pod["metadata"]["labels"]["batch.kubernetes.io/job-name"])


def delete_run(ns: Namespace, pod: Object) -> None:
    ns.delete(FLOW_RUNS, pod["metadata"]["labels"][labels.RUN])


def cancel(ns: Namespace, pod: Object) -> None:
    ns.patch(FLOW_RUNS, pod["metadata"]["labels"][labels.RUN], {"spec": {"cancel": True}})


def suspend(ns: Namespace, pod: Object) -> None:
    ns.patch(FLOW_RUNS, pod["metadata"]["labels"][labels.RUN], {"spec": {"suspend": True}})


def edit(ns: Namespace, pod: Object) -> None:
    """Change the deployment, then fail: the next attempt must not see it."""
    own = pod["metadata"]["labels"]
    ns.patch(FLOW_DEPLOYMENTS, own[labels.DEPLOYMENT], {"spec": {"image": f"other/{own[labels.RUN]}"}})
    fail(ns, pod)


@dataclass(frozen=True)
class End:
    """What a status must say in the end."""

    state: RunState
    reason: Reason | None = None
    attempt: int = 1
    failures: int = 0
    disruptions: int = 0


@dataclass(frozen=True)
class Life:
    """What happens in a run.

    Attributes:
        end: how it ends; None when it is deleted.
        steps: what happens to the pod of each attempt once it runs.
        failures: as often it may be tried again.
        disruptions: as often it may be disturbed.
        copies: of it are begun for one of the others.
        ticks: so many runs are made by a schedule.
        deployment: more of its deployment's spec.
        run: more of its own spec.
    """

    end: End | None
    steps: tuple[Step, ...] = ()
    failures: int = 0
    disruptions: int = 3
    copies: int = 1
    ticks: int = 0
    deployment: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)

    def template(self) -> Object:
        policy = {"failures": self.failures, "disruptions": self.disruptions, "backoff": {"seconds": 0}}
        return {"retryPolicy": policy, **self.deployment}

    def ends_as(self, status: Object) -> bool:
        counters = (status.get(name, 0) for name in ("attempt", "failures", "disruptions"))
        return self.end == End(status.get("state"), status.get("reason"), *counters)


_SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
_DONE = RunState.COMPLETED

LIVES = {
    "succeeds": Life(End(_DONE), (complete,)),
    "fails": Life(End(RunState.FAILED, Reason.FLOW_FAILED, attempt=2, failures=2), (fail, fail), failures=1),
    "recovers": Life(End(_DONE, attempt=3, failures=2), (fail, fail, complete), failures=2),
    "is-evicted": Life(End(_DONE, attempt=2, disruptions=1), (evict, complete)),
    "is-evicted-often": Life(
        End(RunState.CRASHED, Reason.EVICTED, attempt=2, disruptions=2), (evict, evict), disruptions=1
    ),
    "is-too-big": Life(
        End(RunState.FAILED, Reason.OOM_KILLED, attempt=2, failures=2), (run_out_of_memory,) * 2, failures=1
    ),
    "says-nothing": Life(End(RunState.CRASHED, Reason.NO_RESULT, failures=1), (say_nothing,)),
    "loses-its-pod": Life(End(_DONE, attempt=2, disruptions=1), (delete_pod, complete)),
    "loses-its-job": Life(End(RunState.CANCELLED, Reason.JOB_DELETED), (delete_job,)),
    "is-wrong": Life(
        End(RunState.FAILED, Reason.INVALID_PARAMETERS, attempt=0),
        deployment={"parameterSchema": _SCHEMA},
        run={"parameters": {"n": "x"}},
    ),
    "is-edited": Life(End(_DONE, attempt=2, failures=1), (edit, complete), failures=1),
    "is-cancelled": Life(End(RunState.CANCELLED, Reason.CANCEL_REQUESTED), (cancel,)),
    "is-paused": Life(End(_DONE, attempt=2), (suspend, complete)),
    "queues": Life(End(_DONE), (complete,), copies=3, deployment={"concurrency": {"limit": 2}}),
    "ticks": Life(End(_DONE), (complete,), copies=0, ticks=4),
    "is-deleted": Life(None, (delete_run,)),
    "is-deleted-later": Life(None, (fail, delete_run), failures=1),
}


class Kubelet:
    """Lets the runs of a namespace live."""

    def __init__(self, ns: Namespace, chance: random.Random) -> None:
        self._ns = ns
        self._chance = chance
        self._lives: dict[str, str] = {}
        self._stepped: set[str] = set()
        self._ticks: list[datetime] = []

    def begin(self, lives: Iterable[str] = LIVES, copies: int = 1) -> None:
        """Create deployments of the lives' names, and so many runs of each."""
        for life in lives:
            self._ns.deploy(life, **LIVES[life].template(), **self._schedule(LIVES[life].ticks))
        for life in lives:
            for number in range(copies * LIVES[life].copies):
                run = self._ns.run(f"{life}-{number}", deploymentRef={"name": life}, **LIVES[life].run)
                self._lives[run["metadata"]["name"]] = life

    def _schedule(self, ticks: int) -> Object:
        """Have something due every second from soon on."""
        if not ticks:
            return {}
        begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
        self._ticks += (begin + timedelta(seconds=number) for number in range(ticks))
        rule = f"DTSTART:{begin:%Y%m%dT%H%M%SZ}\nRRULE:FREQ=SECONDLY;COUNT={ticks}"
        return {"schedules": [{"name": "often", "rrule": rule, "missed": "All", "maxCatchUp": 100}]}

    def look(self) -> None:
        """Do the next thing for some of the pods, and for runs that rest."""
        for pod in self._ns.items(PODS):
            if self._chance.random() < _PACE:
                self._try(self._step, pod)
        for run in self._ns.items(FLOW_RUNS):
            if run.get("status", {}).get("state") == RunState.PAUSED and self._chance.random() < _PACE:
                self._try(self._resume, run)

    def _try(self, act: Callable[[Object], None], o: Object) -> None:
        try:
            act(o)
        except RefusedError as error:
            if error.code not in _GONE:
                raise

    def _resume(self, run: Object) -> None:
        self._ns.patch(FLOW_RUNS, run["metadata"]["name"], {"spec": {"suspend": False}})

    def _step(self, pod: Object) -> None:
        meta, phase = pod["metadata"], pod["status"]["phase"]
        if phase == "Pending" and "deletionTimestamp" not in meta:
            self._ns.start(pod)
        elif phase == "Running" and "deletionTimestamp" in meta:
            self._ns.finish(pod, *INTERRUPTED)
        elif phase == "Running" and meta["uid"] not in self._stepped:
            self._stepped.add(meta["uid"])
            steps = LIVES[meta["labels"][labels.DEPLOYMENT]].steps
            steps[int(meta["labels"][labels.ATTEMPT]) - 1](self._ns, pod)

    # --- what comes in the end ---

    def is_over(self) -> bool:
        return not self.unfinished()

    def unfinished(self) -> list[str]:
        """Say what is still to happen."""
        runs = {run["metadata"]["name"]: run for run in self._ns.items(FLOW_RUNS)}
        states = {name: run.get("status", {}).get("state") for name, run in runs.items()}
        with_job = {job["metadata"]["labels"][labels.RUN] for job in self._ns.items(JOBS)}
        return [
            *(f"{name} is {state}" for name, state in states.items() if state not in FINAL),
            *(f"{name} is not gone" for name, run in runs.items() if LIVES[life_of(run)].end is None),
            *(f"{name} has a Job" for name in with_job if states.get(name) == RunState.CANCELLED),
            *(["a tick has no run"] if len(ticks_of(runs.values())) < len(self._ticks) else ()),
            *(["a pod is held"] if not self._ns.is_let_go() else ()),
        ]

    def check(self, history: History) -> None:
        """See that everything has come to the end that it must come to."""
        history.check()
        runs = {run["metadata"]["name"]: run for run in self._ns.items(FLOW_RUNS)}
        missing = {name for name, life in self._lives.items() if LIVES[life].end} - set(runs)
        assert not missing, f"lost: {missing}"
        for name, run in runs.items():
            as_it_must = LIVES[life_of(run)].ends_as(run["status"])
            assert as_it_must, "\n".join([f"{name}: {run['status']}", *history.of(name)])
        assert ticks_of(runs.values()) == self._ticks, "the ticks have other runs"


def life_of(run: Object) -> str:
    return run["spec"]["deploymentRef"]["name"]


def ticks_of(runs: Iterable[Object]) -> list[datetime]:
    """Give what time scheduled runs are for."""
    times = (run["spec"]["scheduledTime"] for run in runs if "scheduleName" in run["spec"])
    return sorted(map(datetime.fromisoformat, times))
