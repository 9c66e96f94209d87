"""The operator is killed after each of its writes, and another one takes over: the run's life is the same."""

import pytest
from api_server import COMPLETED, FAILED, custom
from builders import TEMPLATE
from mortal_operator import NEVER, forker, lives
from patience import eventually

from millstream.resources import labels
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_RUNS, JOBS, PODS, REVISIONS

pytestmark = pytest.mark.control_plane


@pytest.fixture(scope="module")
def start(limited_kubeconfig, tmp_path_factory):
    """Start an operator for a namespace, which dies after so many writes; give its PID."""
    logs = tmp_path_factory.mktemp("operators")
    with forker(hurried=False) as made:
        yield lambda ns, writes: made.start(limited_kubeconfig, [ns.name], logs / ns.name, writes)
    assert "unexpected error" not in "".join(log.read_text() for log in logs.iterdir())


class Life:
    """A run in a namespace of its own, and the operator that is killed once."""

    def __init__(self, ns, start, template, ends, writes):
        self.ns, self.start, self.ends, self.writes = ns, start, ends, writes
        self.jobs = {}
        self.killed = False
        ns.deploy(**template)
        ns.run()
        self.pid = start(ns, writes)

    def go_on(self):
        """Do what is to be done next; True at the end of the run."""
        if not lives(self.pid):
            assert not self.killed, "the second one died as well"
            self.killed = True
            self.pid = self.start(self.ns, NEVER)
        for job in self.ns.items(JOBS):
            meta = job["metadata"]
            assert self.jobs.setdefault(meta["name"], meta["uid"]) == meta["uid"], "a Job was made twice"
        return self.ns.play("etl-1", *self.ends) and self.ns.is_let_go() and not lives_on(self)


def lives_on(life):
    """Whether the operator that is to be killed has writes left."""
    return not life.killed and life.writes != NEVER


# Of the deployment: its condition. Of the run: the revision, then of each attempt Pending, the Job, Running, its
# end, and the pod's finalizer.
LIVES = {
    "successful": ({}, (COMPLETED,), 1 + 5),
    "tried again": (
        {"retryPolicy": {"failures": 1, "backoff": {"seconds": 0}}},
        (FAILED, COMPLETED),
        1 + 5 + 5,
    ),
}


@pytest.mark.parametrize("kind", LIVES)
def test_a_kill_after_any_write_changes_nothing(make_namespace, start, kind):
    template, ends, count = LIVES[kind]
    lived = [Life(make_namespace(), start, TEMPLATE | template, ends, n) for n in range(1, count + 1)]
    waiting = list(lived)

    def all_have_ended():
        waiting[:] = [life for life in waiting if not life.go_on()]
        return not waiting

    eventually(all_have_ended, f"{kind}: {[life.writes for life in waiting]}")
    for life in lived:
        status = life.ns.status()
        assert status["state"] == RunState.COMPLETED, life.writes
        assert status["attempt"] == len(ends), life.writes
        assert status["failures"] == len(ends) - 1, life.writes
        assert sorted(life.jobs) == life.ns.job_names() == [f"etl-1-{n + 1}" for n in range(len(ends))]
        assert len(life.ns.items(PODS)) == len(ends)
        assert len(life.ns.items(REVISIONS)) == 1
        assert life.killed, life.writes


def _subflow(ns, name, parent, **spec):
    """Create a run as the flow of another one does."""
    made = custom("FlowRun", name, {"deploymentRef": {"name": "etl"}} | spec)
    made["metadata"]["labels"] = {labels.PARENT_RUN_UID: parent["metadata"]["uid"]}
    return ns.create(FLOW_RUNS, made)


@pytest.mark.parametrize("writes", range(1, 7))
def test_a_kill_after_any_write_leaves_no_subflow_of_a_cancelled_run(make_namespace, start, writes):
    ns = make_namespace()
    ns.deploy(concurrency={"limit": 1})
    rests = {"suspend": True}
    parent = ns.run(**rests)
    for name in ("before", "too"):
        _subflow(ns, name, parent, **rests)
    grandchild = ns.get(FLOW_RUNS, "before")
    _subflow(ns, "below", grandchild, **rests)
    other = ns.run("other", **rests)
    _subflow(ns, "of-another", other, **rests)
    ns.patch(FLOW_RUNS, "etl-1", {"spec": {"cancel": True}})
    _subflow(ns, "after", parent, **rests)
    pid = start(ns, writes)
    eventually(lambda: not lives(pid), "the operator dies")
    start(ns, NEVER)
    for name in ("etl-1", "before", "too", "below", "after"):
        ns.becomes(RunState.CANCELLED, Reason.CANCEL_REQUESTED, name)
    for name in ("other", "of-another"):
        ns.becomes(RunState.PAUSED, Reason.SUSPENDED, name)
        assert ns.get(FLOW_RUNS, name)["spec"]["cancel"] is False


@pytest.mark.parametrize("kind", LIVES)
def test_no_write_is_left_out_above(make_namespace, start, kind):
    template, ends, count = LIVES[kind]
    life = Life(make_namespace(), start, TEMPLATE | template, ends, count + 1)
    eventually(lambda: life.ns.play("etl-1", *ends) and life.ns.is_let_go())
    life.ns.ready()
    assert lives(life.pid)
