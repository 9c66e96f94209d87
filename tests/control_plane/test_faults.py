"""One fault at a time on the way between the operator and a real API server, wherever in a run's life: it changes nothing.

tests/chaos has many at a time.
"""

import random
from collections import Counter

import pytest
from api_server import COMPLETED, INTERRUPTED
from builders import WATCHED
from faulty_api_server import REQUEST_FAULTS, Plan, faulty_api_server
from history import watching
from lives import Kubelet
from mortal_operator import Operator, kept_alive
from mortal_operator import forker as running_forker
from patience import eventually

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS

pytestmark = pytest.mark.control_plane


@pytest.fixture(scope="module")
def forker():
    with running_forker(hurried=True) as made:
        yield made


@pytest.fixture(scope="module")
def proxy(plane):
    with faulty_api_server(plane) as running:
        yield running


@pytest.fixture(scope="module")
def watch(plane):
    with watching(plane) as watch:
        yield watch


@pytest.fixture(scope="module")
def operator(proxy, forker, limited_kubeconfig, tmp_path_factory):
    """The operator of all namespaces, behind the proxy."""
    folder = tmp_path_factory.mktemp("operator")
    kubeconfig = proxy.write_kubeconfig(limited_kubeconfig, folder / "kubeconfig")
    with kept_alive(Operator(forker, kubeconfig, [], folder / "log")) as running:
        eventually(lambda: "Serving all namespaces" in running.log)
        yield running
    assert "unexpected error" not in running.log


@pytest.fixture
def faults(proxy, operator):
    del operator  # it has to be there
    yield proxy
    proxy.heal()


class Lived:
    """A life in each of some namespaces."""

    def __init__(self, life, number, make_namespace, watch):
        self.spaces = [make_namespace() for _ in range(number)]
        self.histories = [watch(ns) for ns in self.spaces]
        self.kubelets = [Kubelet(ns, random.Random(1)) for ns in self.spaces]
        self.life = life

    def go_through(self):
        for kubelet in self.kubelets:
            kubelet.begin([self.life])
        waiting = list(self.kubelets)

        def all_have_ended():
            for kubelet in waiting:
                kubelet.look()
            waiting[:] = [kubelet for kubelet in waiting if not kubelet.is_over()]
            return not waiting

        try:
            eventually(all_have_ended)
        except AssertionError as error:
            left = {self.kubelets.index(kubelet): kubelet.unfinished() for kubelet in waiting}
            raise AssertionError(f"{left}: {error}") from None
        for kubelet, history in zip(self.kubelets, self.histories, strict=True):
            kubelet.check(history)


@pytest.fixture
def live(make_namespace, watch):
    """Prepare a life in so many namespaces."""
    return lambda life, number: Lived(life, number, make_namespace, watch)


def namespace_of(path):
    return path.partition("/namespaces/")[2].partition("/")[0]


def believed(call):
    """Whether "Invalid" is an answer to go by: then the run rightly fails."""
    return call.method == "POST" and call.path.endswith("/jobs")


class AtOneCall(Plan):
    """A fault at one of the calls that concern a namespace; the lists of everything are no such calls."""

    def __init__(self, fault, number_of):
        self.fault, self.number_of = fault, number_of
        self.calls = Counter()

    def request(self, call):
        ns = namespace_of(call.path)
        self.calls[ns] += 1
        here = self.calls[ns] == self.number_of.get(ns)
        return self.fault if here and not (self.fault == "422" and believed(call)) else None


# Of the deployment: a dry run, its condition. Of the run: the revision; of each attempt Pending, the Job, Running,
# its end, the pod's finalizer; and what is asked on the way.
CALLS = {"succeeds": 8, "is-evicted": 15, "loses-its-job": 16, "is-deleted": 8}
HARD = ["answer lost", "closed before"]


@pytest.mark.parametrize(
    ("life", "fault"),
    [
        *(("succeeds", fault) for fault in REQUEST_FAULTS),
        *((life, fault) for life in CALLS if life != "succeeds" for fault in HARD),
    ],
)
def test_a_fault_of_any_call_changes_nothing(live, faults, life, fault):
    lived = live(life, CALLS[life])
    faults.plan = AtOneCall(fault, {ns.name: number for number, ns in enumerate(lived.spaces, 1)})
    lived.go_through()


class OfOneKind(Plan):
    """A fault of all events of one kind in a namespace."""

    def __init__(self, fault, kind_of):
        self.fault, self.kind_of = fault, kind_of

    def event(self, kind, event):
        return self.fault if self.kind_of.get(event["object"]["metadata"]["namespace"]) == kind else None


@pytest.mark.parametrize("life", ["succeeds", "loses-its-job", "is-deleted"])
@pytest.mark.parametrize("fault", ["dropped", "doubled", "delayed", "swapped"])
def test_a_fault_of_all_events_of_a_kind_changes_nothing(live, faults, life, fault):
    lived = live(life, len(WATCHED))
    pairs = zip(lived.spaces, WATCHED, strict=True)
    faults.plan = OfOneKind(fault, {ns.name: kind.plural for ns, kind in pairs})
    lived.go_through()


class Once(Plan):
    """A fault of the next event of one kind."""

    def __init__(self, fault, kind):
        self.fault, self.kind = fault, kind
        self.done = False

    def event(self, kind, event):
        if self.done or kind != self.kind or event["type"] == "DELETED":
            return None
        self.done = True
        return self.fault


@pytest.mark.parametrize("kind", WATCHED, ids=lambda kind: kind.plural)
@pytest.mark.parametrize("fault", ["hung", "stalled", "line cut", "expired", "failed"])
def test_a_fault_of_a_watch_changes_nothing(live, faults, fault, kind):
    faults.plan = Once(fault, kind.plural)

    def has_happened():
        live("succeeds", 1).go_through()
        return faults.plan.done  # not if the event came in a list, as after the fault before

    eventually(has_happened)


@pytest.mark.parametrize("away", ["refuse_connections", "answer_nothing"])
def test_what_ends_while_the_api_server_is_away_is_told_afterwards(ns, faults, away):
    ns.deploy(retryPolicy={"disruptions": 0})
    for name in ("completes", "is-taken-away", "is-deleted"):
        ns.run(name)
    pods = {name: ns.pod(run=name) for name in ("completes", "is-taken-away", "is-deleted")}
    for name, pod in pods.items():
        ns.start(pod)
        ns.becomes(RunState.RUNNING, name=name)
    getattr(faults, away)()
    ns.finish(pods["completes"], *COMPLETED)
    ns.evict(pods["is-taken-away"])
    ns.finish(pods["is-taken-away"], *INTERRUPTED)
    ns.delete(FLOW_RUNS, "is-deleted")
    eventually(
        lambda: "deletionTimestamp" in ns.get(PODS, pods["is-deleted"]["metadata"]["name"])["metadata"]
    )
    ns.finish(pods["is-deleted"], *INTERRUPTED)
    faults.heal()

    def all_have_ended():
        pods = [pod["metadata"]["labels"]["millstream.dev/run"] for pod in ns.items(PODS)]
        return ns.is_let_go() and "is-deleted" not in pods

    eventually(all_have_ended)
    ns.becomes(RunState.COMPLETED, name="completes")
    ns.becomes(RunState.CRASHED, Reason.EVICTED, name="is-taken-away")


class Poisoned(Plan):
    """The API server refuses whatever is written to one run."""

    def __init__(self, ns):
        self.path = FLOW_RUNS.path(ns.name, "poison", "status")
        self.calls = 0

    def request(self, call):
        if call.path != self.path:
            return None
        self.calls += 1
        return "422"


def test_a_run_that_cannot_be_written_holds_up_no_other(ns, live, faults):
    faults.plan = Poisoned(ns)
    ns.deploy()
    ns.run("poison")
    eventually(lambda: faults.plan.calls)
    for _ in range(3):
        live("succeeds", 1).go_through()
    assert ns.items(JOBS) == []  # its attempt could not be written down
    # Each wait is at least half of twice the one before, from 0.1 s on.
    assert faults.plan.calls < 15
    faults.heal()
    eventually(lambda: ns.play("poison", COMPLETED))


class Hidden(Plan):
    """Nobody tells of a deployment for a while."""

    def __init__(self, ns):
        self.ns = ns
        self.lists = FLOW_DEPLOYMENTS.path()

    def request(self, call):
        return "503" if call.path == self.lists and not call.watch else None

    def event(self, kind, event):
        hidden = (kind, event["object"]["metadata"]["namespace"]) == ("flowdeployments", self.ns.name)
        return "dropped" if hidden else None


def test_a_deployment_that_is_not_told_of_is_looked_for(ns, faults):
    faults.plan = Hidden(ns)
    ns.deploy()
    ns.run()
    eventually(lambda: ns.play("etl-1", COMPLETED))
    ns.becomes(RunState.COMPLETED)


class UnansweredAdmission(Plan):
    """A run is admitted, but nobody says so."""

    def __init__(self, ns, run):
        self.ns, self.run = ns, run
        self.done = False

    def request(self, call):
        if self.done or call.path != FLOW_RUNS.path(self.ns.name, self.run, "status"):
            return None
        self.done = True
        return "answer lost"

    def event(self, kind, event):
        meta = event["object"]["metadata"]
        hidden = (kind, meta["namespace"], meta["name"]) == ("flowruns", self.ns.name, self.run)
        return "dropped" if hidden and event["type"] == "MODIFIED" else None


def test_a_slot_that_was_taken_unseen_is_not_given_away(ns, watch, faults):
    history = watch(ns)
    faults.plan = UnansweredAdmission(ns, "first")
    ns.deploy(concurrency={"limit": 1})
    ns.ready()  # or the runs may wait for it first, and the second one have the slot
    ns.run("first")
    ns.run("second")
    eventually(lambda: {ns.play(name, COMPLETED) for name in ("first", "second")} == {True})
    history.check()
