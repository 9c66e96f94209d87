import pytest
from builders import (
    NOW,
    TEMPLATE,
    after,
    make_defaults,
    make_job,
    make_pod,
    make_record,
    make_run,
    make_status,
    observe,
    text,
)

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import decide_run
from millstream_operator.decide.observed import NodeSeen
from millstream_operator.decide.plan import ConfirmJob, CreateJob, DeleteJob, Plan, ReleasePod, WriteRunStatus

JOB = "etl-1-1"
PAUSED = make_status(RunState.PAUSED, Reason.SUSPENDED, pausedTime=text(NOW))


def plan_of(status, *, now=NOW, suspend=True, template=TEMPLATE, **world):
    return decide_run(observe(make_run(template=template, status=status, suspend=suspend), now=now, **world))


def written(plan):
    (status,) = [action.status for action in plan.actions if isinstance(action, WriteRunStatus)]
    return status


def kinds(plan):
    return [type(action) for action in plan.actions]


def closed(status, **more):
    return status.replace(attempts=[status.current.replace(completion_time=NOW)], **more)


@pytest.mark.parametrize(
    "status",
    [
        None,
        make_status(RunState.SCHEDULED, attempt=0),
        make_status(RunState.QUEUED, Reason.CONCURRENCY_LIMIT, attempt=0),
        closed(make_status(RunState.QUEUED, Reason.CONCURRENCY_LIMIT)),
        closed(make_status(RunState.AWAITING_RETRY, nextAttemptTime=text(after(5)))),
    ],
)
def test_what_does_not_run_rests_at_once(status):
    plan = plan_of(status)
    assert kinds(plan) == [WriteRunStatus]
    found = written(plan)
    assert (found.state, found.reason, found.paused_time) == (RunState.PAUSED, Reason.SUSPENDED, NOW)
    assert found.next_attempt_time is None
    assert plan_of(found, now=after(9)) == Plan()


@pytest.mark.parametrize(
    "status",
    [
        make_status(RunState.PENDING, Reason.WAITING_FOR_POD),
        make_status(RunState.RUNNING),
        make_status(RunState.QUEUED, Reason.JOB_SUSPENDED),
    ],
)
def test_an_attempt_is_stopped_and_spends_nothing(status):
    world = {"jobs": [make_job()], "pods": [make_pod(running=True)]}
    plan = plan_of(status, **world)
    assert kinds(plan) == [WriteRunStatus, DeleteJob]
    stopping = written(plan)
    assert (stopping.state, stopping.reason, stopping.paused_time) == (RunState.PAUSED, Reason.SUSPENDED, NOW)
    assert stopping.current.completion_time is None
    waits = plan_of(stopping, **world | {"jobs": [make_job(deleting=True)]})
    assert (waits.actions, waits.requeue_at) == ((), after(10))
    assert plan_of(stopping).actions == (ConfirmJob(JOB),)
    rests = written(plan_of(stopping, now=after(7), confirmed=JOB))
    assert rests.state is RunState.PAUSED
    assert (rests.current.reason, rests.current.completion_time) == (Reason.SUSPENDED, after(7))
    assert (rests.failures, rests.disruptions, rests.paused_time) == (0, 0, NOW)
    assert plan_of(rests, now=after(99)) == Plan()


def test_what_a_stopped_pod_leaves_is_kept():
    pod = make_pod(exit_code=143, deleting=True, record=make_record(RunState.CRASHED, Reason.INTERRUPTED))
    plan = plan_of(PAUSED, jobs=[make_job(deleting=True)], pods=[pod])
    assert kinds(plan) == [WriteRunStatus, ReleasePod]
    assert written(plan).current.exit_code == 143


def test_an_attempt_that_is_stopped_ends_with_its_pod():
    pod = make_pod(exit_code=143, ended=after(20), deleting=True)
    seen = written(plan_of(PAUSED, now=after(900), jobs=[make_job(deleting=True)], pods=[pod]))
    rests = written(plan_of(seen, now=after(901), confirmed=JOB))
    assert rests.current.completion_time == after(20)


def test_what_fails_while_it_is_stopped_is_no_failure():
    pod = make_pod(exit_code=1, record=make_record(RunState.FAILED, Reason.FLOW_FAILED))
    plan = plan_of(make_status(RunState.RUNNING), jobs=[make_job()], pods=[pod])
    assert written(plan).state is RunState.PAUSED
    assert written(plan).failures == 0


@pytest.mark.parametrize("suspend", [True, False])
def test_what_completes_meanwhile_has_completed(suspend):
    pod = make_pod(exit_code=0, deleting=True, record=make_record())
    plan = plan_of(PAUSED, suspend=suspend, jobs=[make_job(deleting=True)], pods=[pod])
    assert written(plan).state is RunState.COMPLETED


def test_it_goes_on_only_when_the_attempt_is_gone():
    world = {"jobs": [make_job(deleting=True)], "pods": [make_pod(running=True, deleting=True)]}
    waits = plan_of(PAUSED, suspend=False, **world)
    assert CreateJob not in kinds(waits)
    assert written(plan_of(PAUSED, suspend=False, confirmed=JOB)).state is RunState.PAUSED


def test_it_goes_on_with_the_next_attempt():
    rests = closed(PAUSED, admission_time=after(-50), failures=1)
    plan = plan_of(rests, now=after(60), suspend=False)
    status = written(plan)
    assert (status.state, status.attempt, status.current.job) == (RunState.PENDING, 2, "etl-1-2")
    assert (status.paused_time, status.paused_seconds, status.failures) == (None, 60, 1)
    assert status.admission_time == after(-50)


def test_the_time_before_its_admission_is_not_made_good():
    rests = make_status(RunState.PAUSED, Reason.SUSPENDED, attempt=0, pausedTime=text(NOW))
    template = TEMPLATE | {"timeouts": {"totalSeconds": 300}}
    status = written(plan_of(rests, now=after(9_999), suspend=False, template=template))
    assert (status.admission_time, status.paused_time, status.paused_seconds) == (after(9_999), None, 0)


def test_it_queues_again_when_there_is_no_slot():
    plan = plan_of(closed(PAUSED), suspend=False, defaults=[make_defaults(suspend="true")])
    assert (written(plan).state, written(plan).attempt) == (RunState.QUEUED, 1)
    run = observe(make_run(status=written(plan))).run
    assert run.waits_for_slot
    assert not run.holds_slot


def test_a_cancel_beats_a_pause():
    run = make_run(template=TEMPLATE, status=closed(PAUSED), suspend=True, cancel=True)
    assert written(decide_run(observe(run))).state is RunState.CANCELLED


@pytest.mark.parametrize(("policy", "state"), [("Wait", Reason.NODE_LOST), ("Replace", Reason.SUSPENDED)])
def test_on_a_lost_node(policy, state):
    world = {
        "jobs": [make_job(deleting=True)],
        "pods": [make_pod(running=True, deleting=True)],
        "nodes": [NodeSeen(name="node-1", lost=True, time=after(100))],
        "template": TEMPLATE | {"disruptionPolicy": policy},
    }
    status = written(plan_of(PAUSED, now=after(100), **world))
    assert (status.state, status.reason) == (RunState.PAUSED, state)
    assert (status.current.completion_time is None) == (policy == "Wait")


def test_a_pause_of_a_run_that_is_final_does_nothing():
    assert plan_of(make_status(RunState.COMPLETED)) == Plan()


def test_a_job_that_comes_after_the_pause_is_deleted():
    status = make_status(RunState.PAUSED, Reason.SUSPENDED)
    ended = status.current.replace(completion_time=NOW, reason=Reason.SUSPENDED)
    run = make_run(template=TEMPLATE, suspend=True, status=status.replace(attempts=[ended]))
    observed = observe(run, jobs=[make_job(complete=True), make_job(attempt=2)])
    assert decide_run(observed).actions == (DeleteJob("etl-1-2", "uid-etl-1-2"),)
