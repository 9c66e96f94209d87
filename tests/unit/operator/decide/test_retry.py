import pytest
from builders import NOW, TEMPLATE, after, make_pod, make_run, make_status, observe

from millstream.resources.reasons import Reason
from millstream.resources.run_template import RetryPolicy
from millstream.resources.states import RunState
from millstream_operator.decide.plan import ConfirmRevision, CreateJob, ReleasePod, WriteRunStatus
from millstream_operator.decide.retry import backoff, retry


def awaiting(template=TEMPLATE, **more):
    status = make_status(RunState.AWAITING_RETRY, Reason.FLOW_FAILED, next_attempt_time=after(10), **more)
    return make_run(template=template, status=status) if template else make_run(status=status)


def plan_of(run, **world):
    observed = observe(run, **world)
    return retry(observed, observed.run)


@pytest.mark.parametrize("state", [RunState.PENDING, RunState.RUNNING, RunState.CANCELLING])
def test_says_nothing_about_a_live_attempt(state):
    assert plan_of(make_run(status=make_status(state))) is None


def test_waits_and_lets_go_of_the_pods_that_a_crash_left():
    plan = plan_of(awaiting(), pods=[make_pod(exit_code=1), make_pod(uid="free", held=False)])
    assert [action.name for action in plan.actions] == ["etl-1-1-x"]
    assert plan.requeue_at == after(10)


def test_begins_the_next_attempt_when_it_is_due():
    plan = plan_of(awaiting(), now=after(10), pods=[make_pod(exit_code=1)])
    assert [type(action) for action in plan.actions] == [ReleasePod, WriteRunStatus, CreateJob]
    status = plan.actions[1].status
    assert (status.state, status.attempt, status.next_attempt_time) == (RunState.PENDING, 2, None)
    assert plan.actions[2].job["metadata"]["name"] == "etl-1-2"


def test_a_lost_revision_ends_the_run():
    run = awaiting(None, revision="lost")
    assert plan_of(run, now=after(10)).actions == (ConfirmRevision("lost"),)
    (write,) = plan_of(run, now=after(10), confirmed="lost").actions
    assert (write.status.state, write.status.reason) == (RunState.FAILED, Reason.REVISION_LOST)
    assert write.status.completion_time == after(10)
    assert write.status.completion_time > NOW


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        ({}, [10, 20, 40, 80, 160, 320, 600, 600]),
        ({"seconds": 0}, [0, 0, 0]),
        ({"seconds": 5, "factor": 1}, [5, 5, 5]),
        ({"seconds": 7, "factor": 10, "maxSeconds": 86_400}, [7, 70, 700, 7_000, 70_000, 86_400]),
        ({"seconds": 30, "maxSeconds": 20}, [20, 20]),
    ],
)
def test_backoff(policy, waits):
    policy = RetryPolicy.model_validate({"backoff": policy})
    assert [backoff(policy, ended).total_seconds() for ended in range(1, len(waits) + 1)] == waits


def test_backoff_after_very_many_attempts():
    policy = RetryPolicy.model_validate({"backoff": {"seconds": 1, "factor": 10, "maxSeconds": 60}})
    assert backoff(policy, 1_000_000).total_seconds() == 60
