import pytest
from builders import TEMPLATE, after, make_job, make_pod, make_run, make_status, observe

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import decide_run
from millstream_operator.decide.observed import NodeSeen
from millstream_operator.decide.plan import DeleteJob, Plan, ReadNode, WriteRunStatus

GONE = make_pod(running=True, deleting=True)
"""To have ended at NOW."""


def seen(*, lost=True, time=60, name="node-1"):
    return NodeSeen(name=name, lost=lost, time=after(time))


def plan_of(*, now=60, pod=GONE, status=None, policy="Wait", retries=3, node=None, job=None):
    template = TEMPLATE | {"disruptionPolicy": policy, "retryPolicy": {"disruptions": retries}}
    run = make_run(template=template, status=status or make_status(RunState.RUNNING))
    nodes = [node] if node else []
    return decide_run(observe(run, now=after(now), jobs=[job or make_job()], pods=[pod], nodes=nodes))


def written(plan):
    (status,) = [action.status for action in plan.actions if isinstance(action, WriteRunStatus)]
    return status


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PENDING])
def test_looks_again_when_a_pod_is_overdue_though_no_event_comes(state):
    pending = Reason.WAITING_FOR_POD if state is RunState.PENDING else None
    plan = plan_of(now=1, status=make_status(state, pending, pod="etl-1-1-x"))
    assert (plan.actions, plan.requeue_at) == ((), after(60)) or state is RunState.PENDING
    assert plan.requeue_at == after(60)


def test_asks_for_the_node_of_a_pod_that_should_have_ended():
    assert plan_of(now=59.9).actions == ()
    assert plan_of(now=60).actions == (ReadNode("node-1"),)
    assert plan_of(now=60, node=seen(name="another")).actions == (ReadNode("node-1"),)


def test_asks_for_the_nodes_of_two_pods_once_each():
    on = {"running": True, "deleting": True}
    world = {
        "now": after(61),
        "jobs": [make_job(deleting=True)],
        "pods": [make_pod(uid="a", node="node-1", **on), make_pod(uid="b", node="node-2", **on)],
    }
    status, nodes, asked = make_status(RunState.CANCELLING, Reason.CANCEL_REQUESTED), [], []
    for _ in range(5):
        plan = decide_run(
            observe(make_run(template=TEMPLATE, cancel=True, status=status), nodes=nodes, **world)
        )
        for action in plan.actions:
            if isinstance(action, WriteRunStatus):
                status = action.status
            else:
                asked.append(action)
                nodes = [*nodes, seen(name=action.name)]
    assert asked == [ReadNode("node-1"), ReadNode("node-2")]
    assert plan == Plan(requeue_at=after(71))


@pytest.mark.parametrize("pod", [make_pod(running=True), make_pod(exit_code=1, deleting=True)])
def test_asks_for_no_other_node(pod):
    actions = plan_of(now=9_999, pod=pod, job=make_job(failure=("x", ""))).actions
    assert not any(isinstance(action, ReadNode) for action in actions)


def test_a_node_that_answers_is_asked_for_again():
    waits = plan_of(now=61, node=seen(lost=False))
    assert (waits.actions, waits.requeue_at) == ((), after(91))
    assert plan_of(now=90, node=seen(lost=False)).actions == (ReadNode("node-1"),)


def test_says_once_that_it_is_lost_and_what_helps():
    plan = plan_of(now=61, node=seen())
    status = written(plan)
    assert (status.state, status.reason) == (RunState.RUNNING, Reason.NODE_LOST)
    assert "Node node-1 is lost, with pod etl-1-1-x on it." in status.message
    assert Reason.NODE_LOST.hint in status.message
    assert status.current.completion_time is None
    again = plan_of(now=62, node=seen(), status=status)
    assert (again.actions, again.requeue_at) == ((), after(92))


def test_what_is_not_waited_for_spends_a_disruption():
    plan = plan_of(now=61, node=seen(), policy="Replace")
    status = written(plan)
    assert (status.state, status.reason) == (RunState.AWAITING_RETRY, Reason.NODE_LOST)
    assert (status.disruptions, status.failures) == (1, 0)
    assert plan.actions[-1] == DeleteJob("etl-1-1", "uid-etl-1-1")
    assert plan.requeue_at == status.next_attempt_time


def test_what_has_no_disruption_left_crashes():
    status = written(plan_of(now=61, node=seen(), policy="Replace", retries=0))
    assert (status.state, status.reason) == (RunState.CRASHED, Reason.NODE_LOST)
    assert status.completion_time == after(61)


def test_when_kueue_has_suspended_the_job_the_reason_does_not_stay():
    status = make_status(RunState.QUEUED, Reason.NODE_LOST)
    run = make_run(template=TEMPLATE, status=status)
    told = decide_run(observe(run, jobs=[make_job(suspended=True)]))
    assert written(told).reason is Reason.JOB_SUSPENDED
    suspended = make_run(template=TEMPLATE, status=written(told))
    assert decide_run(observe(suspended, jobs=[make_job(suspended=True)])) == Plan()
