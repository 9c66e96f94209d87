"""However runs of limited deployments come, are cancelled and deleted, and however late that is seen: limits hold.

What is counted is what the operator writes down: a run holds a slot from the write of its attempt until the write
that it is final, or paused with its pod gone. So a run that somebody deletes gives its slot back at once, while
Kubernetes still stops its pod.
"""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from builders import NOW, TEMPLATE, text
from cluster_machine import COMPLETED, ROUNDS, WHICH, ClusterMachine
from cluster_model import Operator, Violation
from depth import examples, share
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from millstream.resources import labels
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import CONFIG_MAPS, FLOW_DEPLOYMENTS, FLOW_RUNS, PODS

POLICIES = st.sampled_from(["Queue", "Queue", "Skip", "Replace"])
LIMITS = st.sampled_from([None, 1, 1, 2])
NAMES = ("one", "two")
EVERY = 60
FAILED = (1, (RunState.FAILED, Reason.FLOW_FAILED))


def final(run):
    state = run["status"].get("state")
    return state is not None and RunState(state).is_final


def holds_slot(run):
    status = run["status"]
    if not status.get("attempt") or final(run):
        return False
    return status["state"] not in {"Paused", "Queued"} or "completionTime" not in status["attempts"][-1]


def deployment_of(run):
    return run["spec"]["deploymentRef"]["name"]


class RunsOfLimitedDeployments(ClusterMachine):
    def __init__(self):
        super().__init__()
        self.finals = {}
        self.made = 0
        self.tainted = set()

    @initialize(
        limits=st.tuples(LIMITS, LIMITS),
        policies=st.tuples(POLICIES, POLICIES),
        within=LIMITS,
        missed=st.tuples(*[st.sampled_from([None, "All", "Latest", "Skip"])] * 2),
        kept=st.sampled_from([0, 2, 50]),
        lifetime=st.sampled_from([None, 0, 30]),
    )
    def create(self, limits, policies, within, missed, kept, lifetime):
        self.limits, self.within, self.late = dict(zip(NAMES, limits, strict=True)), within, missed
        history = {"successful": kept, "failed": kept}
        if lifetime is not None:
            history["ttlSecondsAfterFinished"] = lifetime
        for name, limit, policy, late in zip(NAMES, limits, policies, missed, strict=True):
            spec = TEMPLATE | {"runHistory": history, "retryPolicy": {"backoff": {"seconds": 5}}}
            if limit:
                spec["concurrency"] = {"limit": limit, "policy": policy}
            if late:
                schedule = {"name": "often", "interval": EVERY, "missed": late, "maxCatchUp": 100}
                spec["schedules"] = [schedule]
            self.api.add(FLOW_DEPLOYMENTS, {"metadata": {"name": name}, "spec": spec})
        self.api.add(CONFIG_MAPS, {"metadata": {"name": "millstream-defaults"}, "data": self.defaults()})
        self.see_all()  # a limit that the operator has not heard of is none yet

    def defaults(self, **more):
        return ({"maxLiveRuns": str(self.within)} if self.within else {}) | more

    # --- what people do ---

    @rule(
        deployment=st.sampled_from(NAMES),
        priority=st.sampled_from([None, None, 5]),
        wait=st.sampled_from([None, None, 20]),
        number=st.integers(1, 3),
    )
    def create_runs(self, deployment, priority, wait, number):
        for _ in range(number):
            self.made += 1
            spec = {"deploymentRef": {"name": deployment}}
            if priority is not None:
                spec["priority"] = priority
            if wait is not None:
                spec["scheduledTime"] = text(self.api.now + timedelta(seconds=wait))
            self.api.add(FLOW_RUNS, {"metadata": {"name": f"{deployment}-{self.made}"}, "spec": spec})

    @rule(
        which=WHICH,
        what=st.sampled_from([{"cancel": True}, {"suspend": True}, {"suspend": False}, {"tags": ["x"]}]),
    )
    def edit_a_run(self, which, what):
        if runs := self.api.of(FLOW_RUNS):
            self.edit(FLOW_RUNS, runs[which % len(runs)], **what)

    def edit(self, kind, o, **spec):
        if not (o["spec"].get("cancel") and "cancel" in spec):
            o["spec"] = o["spec"] | spec
            o["metadata"]["generation"] += 1
            self.api.changed(kind, o)

    @rule(which=WHICH)
    def delete_a_run(self, which):
        """Delete one that was made by hand: that of a tick that is not written down yet would come again."""
        if runs := [run for run in self.api.of(FLOW_RUNS) if "scheduleName" not in run["spec"]]:
            self.api.mark_deleted(FLOW_RUNS, runs[which % len(runs)])

    @rule(deployment=st.sampled_from(NAMES), priority=st.sampled_from([0, 7]))
    def edit_a_priority(self, deployment, priority):
        self.edit(FLOW_DEPLOYMENTS, self.api.find(FLOW_DEPLOYMENTS, deployment), priority=priority)

    @rule(deployment=st.sampled_from(NAMES), suspend=st.booleans())
    def suspend_a_deployment(self, deployment, suspend):
        self.tainted.add(deployment)
        self.edit(FLOW_DEPLOYMENTS, self.api.find(FLOW_DEPLOYMENTS, deployment), suspend=suspend)

    @rule(stop=st.booleans())
    def stop_the_namespace(self, stop):
        self.tainted.update(NAMES)
        defaults = self.api.find(CONFIG_MAPS, "millstream-defaults")
        defaults["data"] = self.defaults(**({"suspend": "true"} if stop else {}))
        self.api.changed(CONFIG_MAPS, defaults)

    # --- what happens to them ---

    @rule(seconds=st.sampled_from([1, 5, 20, EVERY, 3 * EVERY]))
    def pass_time(self, seconds):
        self.api.now += timedelta(seconds=seconds)

    @rule(rounds=st.integers(1, 6))
    def all_goes_well_for_a_while(self, rounds):
        for _ in range(rounds):
            self.go_on()

    @rule(which=WHICH, end=st.sampled_from([COMPLETED, COMPLETED, FAILED]))
    def finish_a_pod(self, which, end):
        if pods := self.cluster.pods:
            self.cluster.finish(pods[which % len(pods)], *end)

    @rule(which=WHICH)
    def evict_a_pod(self, which):
        if pods := self.cluster.live_pods():
            self.api.mark_deleted(PODS, pods[which % len(pods)])

    @rule(rounds=st.integers(0, 3), calls=st.integers(0, 10))
    def the_operator_dies_while_it_works(self, rounds, calls):
        self.all_goes_well_for_a_while(rounds)
        self.see_all()
        for _ in range(calls):
            self.all_make_a_call()
        self.crash()

    def all_make_a_call(self):
        working = self.operator.working()
        for key in self.operator.waiting():
            self.operator.take(key)
        for key in working:
            self.operator.step(key)

    # --- what always holds ---

    @invariant()
    def no_more_runs_hold_a_slot_than_there_are(self):
        holders = [run for run in self.api.of(FLOW_RUNS) if holds_slot(run)]
        assert self.within is None or len(holders) <= self.within
        held = Counter(map(deployment_of, holders))
        assert all(limit is None or held[name] <= limit for name, limit in self.limits.items())

    @invariant()
    def what_has_a_live_pod_holds_a_slot(self):
        holders = {run["metadata"]["uid"] for run in self.api.of(FLOW_RUNS) if holds_slot(run)}
        there = {run["metadata"]["uid"] for run in self.api.of(FLOW_RUNS)}
        live = {pod["metadata"]["labels"][labels.RUN_UID] for pod in self.cluster.live_pods()}
        assert live & there <= holders

    @invariant()
    def what_is_final_stays(self):
        for run in self.api.of(FLOW_RUNS):
            if final(run):
                uid = run["metadata"]["uid"]
                assert self.finals.setdefault(uid, run["status"]) == run["status"]

    # --- what comes in the end ---

    def teardown(self):
        if not self.api.of(FLOW_DEPLOYMENTS):
            return
        self.settle()
        self.nobody_waits_for_a_free_slot()
        self.no_tick_is_lost()
        self.stop_the_namespace(stop=False)
        for name in NAMES:
            self.suspend_a_deployment(name, suspend=True)
        for run in self.api.of(FLOW_RUNS):
            self.edit(FLOW_RUNS, run, suspend=False)
        for _ in range(ROUNDS):
            self.settle()
            if all(map(final, self.api.of(FLOW_RUNS))):
                break
            self.api.now += timedelta(seconds=61)
        else:
            raise Violation(f"no end: {self.api.of(FLOW_RUNS)}")
        for _ in range(3):
            self.api.now += timedelta(seconds=61)  # until numbers are written again, and lifetimes are over
            self.settle()
        self.everything_is_tidy()
        self.operator = Operator(self.api)
        self.everything_is_tidy()

    def settle(self):
        """Let everything happen that is under way, with no more faults."""
        for number in range(10 * ROUNDS):
            moved = self.go_on()
            self.no_more_runs_hold_a_slot_than_there_are()
            if number == 0 and self.missed:
                self.resync()  # nothing else may need it
            for pod in self.cluster.pods:
                moved |= self.cluster.finish(pod, *COMPLETED)
            if not (moved or self.api.events or self.operator.waiting()):
                return
        raise Violation("it does not settle")

    def nobody_waits_for_a_free_slot(self):
        runs = self.api.of(FLOW_RUNS)
        stopped = "suspend" in self.api.find(CONFIG_MAPS, "millstream-defaults")["data"]
        if not (stopped or any(map(holds_slot, runs))):
            assert not [run for run in runs if run["status"].get("state") == "Queued"]

    def no_tick_is_lost(self):
        for name, late in zip(NAMES, self.late, strict=True):
            made = [datetime.fromisoformat(tick) for whose, _, tick in self.api.ticks if whose == name]
            passed = (self.api.now - NOW).total_seconds()
            possible = {NOW + timedelta(seconds=s) for s in range(EVERY, int(passed) + 1, EVERY)}
            assert set(made) <= possible
            if late == "All" and name not in self.tainted:
                assert set(made) == possible

    def everything_is_tidy(self):
        self.see_all()
        writes = self.api.writes
        for key in list(self.operator.cache.keys()):
            self.operator.reconcile(key)
        assert self.api.writes == writes, "what is decided twice is not the same"
        assert not self.cluster.live_pods()
        for deployment in self.api.of(FLOW_DEPLOYMENTS):
            status, history = deployment["status"], deployment["spec"]["runHistory"]
            assert not status.get("active")
            assert not status.get("queued")
            runs = [r for r in self.api.of(FLOW_RUNS) if deployment_of(r) == deployment["metadata"]["name"]]
            completed = [run for run in runs if run["status"]["state"] == "Completed"]
            assert max(len(completed), len(runs) - len(completed)) <= history["successful"]
            assert not (runs and "ttlSecondsAfterFinished" in history)


def test_limits_hold_and_no_tick_is_lost():
    run_state_machine_as_test(
        RunsOfLimitedDeployments,
        settings=settings(
            max_examples=examples(40),
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            report_multiple_bugs=False,
        ),
    )


# --- killed before each of its calls ---


def a_life_with(**given):
    machine = RunsOfLimitedDeployments()
    world = {
        "limits": (1, None),
        "policies": ("Queue", "Queue"),
        "within": None,
        "missed": (None, None),
        "kept": 2,
        "lifetime": None,
    }
    machine.create(**world | given)
    return machine


def two_for_one_slot(machine, turn):
    if turn == 0:
        machine.create_runs("one", priority=None, wait=None, number=2)
    for pod in machine.cluster.pods:
        machine.cluster.finish(pod, *COMPLETED)


def a_tick_fires(machine, turn):
    machine.pass_time(30)
    if turn % 2:
        for pod in machine.cluster.pods:
            machine.cluster.finish(pod, *COMPLETED)


def a_cancel(machine, turn):
    if turn == 0:
        machine.create_runs("one", priority=None, wait=None, number=2)
    if turn == 4:
        machine.edit_a_run(0, {"cancel": True})


def a_pause(machine, turn):
    if turn == 0:
        machine.create_runs("one", priority=None, wait=None, number=2)
    if turn in {4, 10}:
        machine.edit_a_run(0, {"suspend": turn == 4})


def live_through(machine, happens, when):
    """Let something happen, turn by turn; the operator dies before its call number `when`. Gives the calls."""
    calls = 0
    for turn in range(12):
        happens(machine, turn)
        machine.see_all()
        while machine.operator.working() or machine.operator.waiting():
            if calls == when:
                machine.crash()
            calls += 1
            machine.all_make_a_call()
            machine.no_more_runs_hold_a_slot_than_there_are()
            machine.what_has_a_live_pod_holds_a_slot()
            machine.what_is_final_stays()
        machine.go_on()
    machine.teardown()
    return calls


LIVES = {
    "a queued run gets a slot": (two_for_one_slot, {}),
    "a newer run replaces": (two_for_one_slot, {"policies": ("Replace", "Queue")}),
    "a tick fires": (a_tick_fires, {"missed": ("All", None), "kept": 0, "lifetime": 0}),
    "a cancel": (a_cancel, {}),
    "a pause and its end": (a_pause, {"within": 1}),
}


@pytest.mark.parametrize("life", LIVES)
def test_the_operator_may_die_before_any_call(life):
    happens, world = LIVES[life]
    calls = live_through(a_life_with(**world), happens, None)
    assert calls > 10
    for when in share(range(calls), of=list(LIVES).index(life)):
        live_through(a_life_with(**world), happens, when)


def test_a_run_that_ends_before_its_tick_is_written_down_is_not_made_again():
    machine = a_life_with(missed=("All", None), kept=0, lifetime=0)
    for _ in range(ROUNDS):
        machine.see_all()
        for key in (*machine.operator.working(), *machine.operator.waiting()):
            if key.kind == FLOW_DEPLOYMENTS and machine.api.ticks:
                continue  # the deployment's turn does not come
            if key in machine.operator.working():
                machine.operator.step(key)
            else:
                machine.operator.take(key)
        machine.cluster.control_jobs()
        machine.cluster.collect_garbage()
        for pod in machine.cluster.pods:
            machine.cluster.bind(pod) or machine.cluster.start(pod) or machine.cluster.finish(pod, *COMPLETED)
        machine.api.now += timedelta(seconds=1 if machine.api.ticks else EVERY)
    (run,) = machine.api.of(FLOW_RUNS)
    assert final(run)
    machine.crash()
    machine.teardown()
    assert not machine.api.of(FLOW_RUNS)
