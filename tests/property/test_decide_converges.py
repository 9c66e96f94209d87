"""Whatever happens around a run, in whatever order and seen however late: it comes to one end, and stays there."""

from datetime import timedelta

import pytest
from builders import NOW, TEMPLATE, text
from cluster_machine import COMPLETED, ROUNDS, WHICH, ClusterMachine
from cluster_model import (
    Operator,
    Violation,
    completed,
    deleting,
    parent_of,
    revisions_in_use,
    runs,
    status_of,
)
from depth import examples, share
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from millstream.resources import labels
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS

ENDS = st.sampled_from(
    [
        COMPLETED,
        (0, None),
        (1, (RunState.FAILED, Reason.FLOW_FAILED)),
        (1, None),
        (65, (RunState.FAILED, Reason.INVALID_PARAMETERS)),
        (124, (RunState.TIMED_OUT, Reason.RUN_TIMEOUT)),
        (137, None),
        (143, (RunState.CRASHED, Reason.INTERRUPTED)),
    ]
)
STOPS = st.sampled_from([COMPLETED, (0, None), (137, None), (143, (RunState.CRASHED, Reason.INTERRUPTED))])
ROUNDS_BEFORE = st.integers(1, 8)


class ARunAndItsCluster(ClusterMachine):
    def __init__(self):
        super().__init__()
        self.finals = {}
        self.images = {}
        self.cancelled = set()

    @initialize(
        failures=st.integers(0, 2),
        disruptions=st.integers(0, 2),
        wait=st.sampled_from([0, 30]),
        due=st.sampled_from([None, 60]),
        template=st.booleans(),
        deployment_first=st.booleans(),
        total=st.sampled_from([None, None, 300]),
        lost=st.sampled_from(["Wait", "Replace"]),
    )
    def create(self, failures, disruptions, wait, due, template, deployment_first, total=None, lost="Wait"):
        policy = {"failures": failures, "disruptions": disruptions, "backoff": {"seconds": wait}}
        spec = TEMPLATE | {"retryPolicy": policy, "disruptionPolicy": lost}
        if total:
            spec["timeouts"] = {"totalSeconds": total}
        self.lost = lost
        origin = {"template": spec} if template else {"deploymentRef": {"name": "etl"}}
        self.policy = policy
        self.template = spec
        self.run_spec = origin | ({"scheduledTime": text(NOW + timedelta(seconds=due))} if due else {})
        kinds = {
            FLOW_DEPLOYMENTS: {"metadata": {"name": "etl"}, "spec": spec, "status": {}},
            FLOW_RUNS: {"metadata": {"name": "etl-1"}, "spec": self.run_spec, "status": {}},
        }
        for kind in kinds if deployment_first else reversed(kinds):
            self.api.add(kind, kinds[kind])

    # --- what Kubernetes does ---

    @rule(seconds=st.sampled_from([1, 10, 60, 301, 901]))
    def pass_time(self, seconds):
        self.api.now += timedelta(seconds=seconds)

    @rule(rounds=ROUNDS_BEFORE)
    def all_goes_well_for_a_while(self, rounds):
        for _ in range(rounds):
            self.go_on()

    @rule(rounds=ROUNDS_BEFORE, end=ENDS, seen=st.booleans())
    def the_flow_ends(self, rounds, end, seen):
        self.all_goes_well_for_a_while(rounds)
        for pod in self.cluster.pods:
            self.cluster.finish(pod, *end)
        if not seen:
            self.miss_all()

    @rule(rounds=ROUNDS_BEFORE, evict=st.booleans())
    def the_pod_is_taken_away(self, rounds, evict):
        self.all_goes_well_for_a_while(rounds)
        for pod in self.cluster.live_pods():
            if evict and pod["spec"].get("nodeName"):
                self.cluster.evict(pod)
            else:
                self.api.mark_deleted(PODS, pod)

    @rule(rounds=ROUNDS_BEFORE, foreground=st.booleans())
    def its_jobs_are_deleted(self, rounds, foreground):
        self.all_goes_well_for_a_while(rounds)
        for job in self.cluster.jobs:
            self.api.mark_deleted(JOBS, job, *(["foregroundDeletion"] if foreground else []))
        self.see_all()
        self.work()

    @rule(rounds=ROUNDS_BEFORE, cancel=st.booleans(), subflow=st.booleans())
    def the_run_is_cancelled_or_suspended(self, rounds, cancel, subflow):
        if subflow:
            self.the_flow_makes_a_subflow(rounds, ttl=0)
        self.all_goes_well_for_a_while(rounds)
        self.ask(**{"cancel" if cancel else "suspend": True})

    @rule(rounds=ROUNDS_BEFORE)
    def the_run_goes_on(self, rounds):
        self.all_goes_well_for_a_while(rounds)
        self.ask(suspend=False)

    @rule(rounds=ROUNDS_BEFORE, ttl=st.sampled_from([None, 0]))
    def the_flow_makes_a_subflow(self, rounds, ttl):
        """Make a run as the flow in the pod does; the pod may be gone by the time that it takes effect."""
        self.all_goes_well_for_a_while(rounds)
        run = self.api.find(FLOW_RUNS, "etl-1")
        if run is None or not run["status"].get("attempt"):
            return
        uid = run["metadata"]["uid"]
        name = f"sub-{uid}"
        if self.api.find(FLOW_RUNS, name) is None:
            spec = {"template": self.template} | ({} if ttl is None else {"ttlSecondsAfterFinished": ttl})
            made = {"metadata": {"name": name, "labels": {labels.PARENT_RUN_UID: uid}}, "spec": spec}
            self.api.add(FLOW_RUNS, made)

    def ask(self, **spec):
        if run := self.api.find(FLOW_RUNS, "etl-1"):
            if spec.get("cancel"):
                self.cancelled.add(run["metadata"]["uid"])
            run["spec"] |= spec
            run["metadata"]["generation"] += 1
            self.api.changed(FLOW_RUNS, run)

    @rule(rounds=ROUNDS_BEFORE, suspended=st.booleans())
    def its_jobs_are_suspended(self, rounds, suspended):
        self.all_goes_well_for_a_while(rounds)
        for job in self.cluster.jobs:
            self.cluster.suspend(job, suspended=suspended)

    @rule(rounds=ROUNDS_BEFORE)
    def its_node_is_lost(self, rounds):
        self.all_goes_well_for_a_while(rounds)
        self.api.lost_nodes.add("node-1")
        for pod in self.cluster.live_pods():
            if pod["spec"].get("nodeName"):
                self.cluster.evict(pod)

    @rule()
    def its_node_is_back(self):
        self.api.lost_nodes.clear()

    @rule(rounds=ROUNDS_BEFORE)
    def a_deadline_is_exceeded(self, rounds):
        self.all_goes_well_for_a_while(rounds)
        for job in self.cluster.jobs:
            self.cluster.exceed_deadline(job)

    @rule(
        rounds=st.integers(0, 8),
        calls=st.integers(0, 12),
        what=st.sampled_from(["crash", "crash", "delete", "create again"]),
    )
    def something_happens_while_it_works(self, rounds, calls, what):
        for _ in range(rounds):
            self.go_on()
        self.see_all()
        for _ in range(calls):
            working = self.operator.working()
            for key in self.operator.waiting():
                self.operator.take(key)
            for key in working:
                self.operator.step(key)
        if what == "crash":
            self.crash()
        else:
            self.delete_the_run(what)

    @rule(rounds=ROUNDS_BEFORE, image=st.sampled_from(["registry/etl:4", None]))
    def the_deployment_is_long_gone(self, rounds, image):
        self.all_goes_well_for_a_while(rounds)
        self.edit_or_delete_the_deployment(image)
        self.see_all()
        self.api.now += timedelta(seconds=301)
        self.operator.resync()
        self.work()

    @rule()
    def control_jobs(self):
        self.cluster.control_jobs()

    @rule()
    def collect_garbage(self):
        self.cluster.collect_garbage()

    def a_pod(self, which):
        return self.cluster.pods[which % len(self.cluster.pods)]

    @precondition(lambda self: self.cluster.pods)
    @rule(which=WHICH)
    def start_a_pod(self, which):
        pod = self.a_pod(which)
        self.cluster.bind(pod) or self.cluster.start(pod)

    @precondition(lambda self: any(runs(pod) for pod in self.cluster.pods))
    @rule(which=WHICH, end=ENDS)
    def finish_a_pod(self, which, end):
        self.cluster.finish(self.a_pod(which), *end)

    @precondition(lambda self: any(deleting(pod) for pod in self.cluster.pods))
    @rule(which=WHICH, end=STOPS)
    def stop_a_pod(self, which, end):
        pod = self.a_pod(which)
        if pod["spec"].get("nodeName"):
            self.cluster.stop(pod, *end)

    # --- what goes wrong ---

    @precondition(lambda self: self.cluster.pods)
    @rule(which=WHICH, reason=st.sampled_from(["ImagePullBackOff", "CreateContainerConfigError"]))
    def fail_to_start_a_pod(self, which, reason):
        self.cluster.wait(self.a_pod(which), reason)

    @rule(refuse=st.booleans())
    def set_a_quota(self, refuse):
        self.api.refuses_jobs = refuse

    @rule(tag=st.sampled_from("abc"))
    def tag_the_run(self, tag):
        if run := self.api.find(FLOW_RUNS, "etl-1"):
            run["spec"]["tags"] = [tag]
            run["metadata"]["generation"] += 1
            self.api.changed(FLOW_RUNS, run)

    @rule(image=st.sampled_from(["registry/etl:2", "registry/etl:3", None]))
    def edit_or_delete_the_deployment(self, image):
        deployment = self.api.find(FLOW_DEPLOYMENTS, "etl")
        if deployment and image:
            deployment["spec"] = deployment["spec"] | {"image": image}
            deployment["metadata"]["generation"] += 1
            self.api.changed(FLOW_DEPLOYMENTS, deployment)
        elif deployment:
            self.api.mark_deleted(FLOW_DEPLOYMENTS, deployment)

    @rule(what=st.sampled_from(["nothing", "nothing", "delete", "create again"]))
    def delete_the_run(self, what):
        run = self.api.find(FLOW_RUNS, "etl-1")
        if run and what != "nothing":
            self.api.mark_deleted(FLOW_RUNS, run)
        if run and what == "create again":
            fresh = {"metadata": {"name": "etl-1"}, "spec": self.run_spec, "status": {}}
            self.api.add(FLOW_RUNS, fresh)

    # --- what always holds ---

    @invariant()
    def what_always_holds(self):
        self.a_run_has_one_live_pod_at_most()
        self.all_attempts_have_the_frozen_template()
        self.what_a_live_run_has_frozen_is_kept()
        self.only_those_are_cancelled_whose_parent_is()
        for run in self.api.of(FLOW_RUNS):
            status = status_of(run)
            self.what_is_final_stays(run, status)
            self.the_budgets_hold(status)
            self.what_completed_is_completed(run, status)
            self.a_pod_is_let_go_only_when_its_outcome_is_known(run, status)

    def a_run_has_one_live_pod_at_most(self):
        # With disruptionPolicy Replace it is known that one on a lost node may still run.
        pods = [pod for pod in self.cluster.live_pods() if not (self.lost == "Replace" and deleting(pod))]
        live = [pod["metadata"]["labels"][labels.RUN_UID] for pod in pods]
        assert len(live) == len(set(live)), pods

    def all_attempts_have_the_frozen_template(self):
        for job in self.cluster.jobs:
            (container,) = job["spec"]["template"]["spec"]["containers"]
            uid = job["metadata"]["labels"][labels.RUN_UID]
            assert self.images.setdefault(uid, container["image"]) == container["image"]

    def what_a_live_run_has_frozen_is_kept(self):
        revisions = {revision["metadata"]["name"] for revision in self.api.of(REVISIONS)}
        assert set(revisions_in_use(self.api)) <= revisions

    def only_those_are_cancelled_whose_parent_is(self):
        for run in self.api.of(FLOW_RUNS):
            if run["metadata"]["name"] != "etl-1" and run["spec"].get("cancel"):
                assert run["metadata"]["labels"][labels.PARENT_RUN_UID] in self.cancelled

    def what_is_final_stays(self, run, status):
        if status.state and status.state.is_final:
            uid = run["metadata"]["uid"]
            assert self.finals.setdefault(uid, status) == status
            live = [p for p in self.cluster.live_pods() if p["metadata"]["labels"][labels.RUN_UID] == uid]
            known = {Reason.START_TIMEOUT, Reason.NODE_LOST, Reason.NODE_UNREACHABLE}
            assert not live or status.reason in known or (self.lost == "Replace" and all(map(deleting, live)))

    def the_budgets_hold(self, status):
        assert status.failures <= self.policy["failures"] + 1
        assert status.disruptions <= self.policy["disruptions"] + 1

    def what_completed_is_completed(self, run, status):
        for pod in self.cluster.pods:
            own = pod["metadata"]["labels"]
            if own[labels.RUN_UID] == run["metadata"]["uid"] and completed(pod):
                if self.lost == "Replace" and status.attempt > int(own[labels.ATTEMPT]):
                    continue
                assert status.attempt == int(own[labels.ATTEMPT])
                assert status.state is not RunState.AWAITING_RETRY or self.lost == "Replace"
                given_up = {Reason.START_TIMEOUT, Reason.NODE_LOST, Reason.NODE_UNREACHABLE}
                good = status.state is RunState.COMPLETED or status.reason in given_up
                assert good or not (status.state and status.state.is_final)

    def a_pod_is_let_go_only_when_its_outcome_is_known(self, run, status):
        resting = {RunState.AWAITING_RETRY, RunState.PAUSED, RunState.CANCELLING, RunState.QUEUED}
        between = status.state in resting or (status.state and status.state.is_final)
        for pod in self.cluster.pods:
            meta = pod["metadata"]
            own = meta["labels"][labels.RUN_UID] == run["metadata"]["uid"]
            if own and not deleting(run) and labels.OUTCOME_FINALIZER not in meta["finalizers"]:
                assert between or int(meta["labels"][labels.ATTEMPT]) < status.attempt

    # --- what comes in the end ---

    def teardown(self):
        self.api.refuses_jobs = False
        self.api.lost_nodes.clear()
        self.ask(suspend=False)
        self.subflows_are_cancelled_with_their_parent()
        for _ in range(ROUNDS):
            for job in self.cluster.jobs:
                self.cluster.suspend(job, suspended=False)
            self.settle()
            if self.at_its_end():
                break
            self.api.now += timedelta(seconds=61)
        else:
            raise Violation(f"no end: {self.api.objects}")
        assert not [
            pod for pod in self.cluster.pods if labels.OUTCOME_FINALIZER in pod["metadata"]["finalizers"]
        ]
        assert not self.cluster.live_pods()
        self.api.now += timedelta(seconds=11)  # until numbers are written again
        self.settle()
        self.nothing_is_left_to_do()
        self.operator = Operator(self.api)
        self.nothing_is_left_to_do()

    def subflows_are_cancelled_with_their_parent(self):
        """Let the operator work until it has nothing to do at this moment; no pod moves meanwhile."""
        self.resync()
        for _ in range(ROUNDS):
            self.see_all()
            self.work()
            if not (self.api.events or self.operator.waiting() or self.operator.working()):
                break
            self.api.now += timedelta(seconds=1)
        self.no_subflow_of_a_cancelled_run_goes_on()

    def no_subflow_of_a_cancelled_run_goes_on(self):
        for run in self.api.of(FLOW_RUNS):
            parent, state = parent_of(self.api, run), status_of(run).state
            if parent and parent["spec"].get("cancel") and not (state and state.is_final):
                assert run["spec"].get("cancel"), run

    def settle(self):
        """Let everything happen that is under way, with no more faults."""
        for number in range(ROUNDS):
            moved = self.go_on()
            if number == 0 and self.missed:
                self.resync()  # nothing else may need it
            for pod in self.cluster.pods:
                moved |= self.cluster.finish(pod, *COMPLETED)
            if not (moved or self.api.events or self.operator.waiting()):
                return
        raise Violation("it does not settle")

    def at_its_end(self):
        states = [status_of(run).state for run in self.api.of(FLOW_RUNS)]
        return all(state is not None and state.is_final for state in states)

    def nothing_is_left_to_do(self):
        self.see_all()
        writes = self.api.writes
        for key in list(self.operator.cache.keys()):
            self.operator.reconcile(key)
        assert self.api.writes == writes, "what is decided twice is not the same"


def test_a_run_comes_to_one_end():
    run_state_machine_as_test(
        ARunAndItsCluster,
        settings=settings(
            max_examples=examples(150),
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            report_multiple_bugs=False,
        ),
    )


def go_through_its_life(cluster, pod):
    attempt = int(pod["metadata"]["labels"][labels.ATTEMPT])
    subflow = pod["metadata"]["labels"][labels.RUN] != "etl-1"
    if deleting(pod):
        cluster.stop(pod, 143, (RunState.CRASHED, Reason.INTERRUPTED))
    elif runs(pod) and subflow:
        cluster.finish(pod, *COMPLETED)
    elif runs(pod) and attempt == 1:
        cluster.finish(pod, 1, (RunState.FAILED, Reason.FLOW_FAILED))
    elif runs(pod) and attempt == 2:
        cluster.evict(pod)
    else:
        cluster.bind(pod) or cluster.start(pod) or cluster.finish(pod, *COMPLETED)


def lead_a_life(machine, interrupt, when):
    """Let a run fail, be evicted and complete; interrupt it before the operator's call number `when`.

    Gives the number of calls.
    """
    calls = 0
    for _ in range(ROUNDS):
        machine.see_all()
        unseen = False
        while machine.operator.working() or machine.operator.waiting():
            if calls == when:
                interrupt(machine)
                unseen = True
            calls += 1
            working = machine.operator.working()
            for key in machine.operator.waiting():
                machine.operator.take(key)
            for key in working:
                machine.operator.step(key)
            machine.what_always_holds()
        if not (unseen or machine.missed):
            machine.no_subflow_of_a_cancelled_run_goes_on()
        machine.cluster.control_jobs()
        machine.cluster.collect_garbage()
        for pod in machine.cluster.pods:
            go_through_its_life(machine.cluster, pod)
        if machine.at_its_end():
            break
        machine.api.now += timedelta(seconds=1)
        if machine.cluster.pods:
            machine.the_flow_makes_a_subflow(0, ttl=0)
    machine.teardown()
    return calls


INTERRUPTIONS = {
    "the operator dies": ARunAndItsCluster.crash,
    "events are lost": ARunAndItsCluster.miss_all,
    "the run is deleted": lambda machine: machine.delete_the_run("delete"),
    "the run is created again": lambda machine: machine.delete_the_run("create again"),
    "the run is tagged": lambda machine: machine.tag_the_run("x"),
    "the deployment is deleted": lambda machine: machine.edit_or_delete_the_deployment(None),
    "the deployment is edited": lambda machine: machine.edit_or_delete_the_deployment("registry/etl:9"),
    "its jobs are deleted": lambda machine: machine.its_jobs_are_deleted(0, foreground=False),
    "its jobs are deleted in the foreground": lambda machine: machine.its_jobs_are_deleted(
        0, foreground=True
    ),
    "the run is cancelled": lambda machine: machine.ask(cancel=True),
    "the run is cancelled and the operator dies": lambda machine: (machine.ask(cancel=True), machine.crash()),
    "the run is cancelled and events are lost": lambda machine: (
        machine.ask(cancel=True),
        machine.miss_all(),
    ),
    "the run is suspended": lambda machine: machine.ask(suspend=True),
    "its jobs are suspended": lambda machine: machine.its_jobs_are_suspended(0, suspended=True),
    "its node is lost": lambda machine: machine.its_node_is_lost(0),
    "its pods are deleted": lambda machine: machine.the_pod_is_taken_away(0, evict=False),
}


def a_new_run():
    machine = ARunAndItsCluster()
    machine.create(failures=2, disruptions=3, wait=0, due=None, template=False, deployment_first=True)
    return machine


@pytest.mark.parametrize("what", INTERRUPTIONS)
def test_a_run_may_be_interrupted_before_any_call(what):
    calls = lead_a_life(a_new_run(), None, None)
    assert calls > 20
    for when in share(range(calls), of=list(INTERRUPTIONS).index(what)):
        lead_a_life(a_new_run(), INTERRUPTIONS[what], when)
