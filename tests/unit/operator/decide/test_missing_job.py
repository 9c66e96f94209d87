import pytest
from builders import NOW, TEMPLATE, after, make_job, make_pod, make_record, make_run, make_status, observe

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.missing_job import create_or_explain
from millstream_operator.decide.observed import Refusal
from millstream_operator.decide.plan import ConfirmJob, ConfirmRevision, CreateJob, ReleasePod, WriteRunStatus

JOB = "etl-1-1"
COMPLETED = make_record()


def pending(reason=Reason.WAITING_FOR_POD, state=RunState.PENDING, template=TEMPLATE, **status):
    return make_run(template=template, status=make_status(state, reason, **status))


def plan_of(run, **world):
    observed = observe(run, **world)
    return create_or_explain(observed, observed.run)


def kinds(plan):
    return [type(action) for action in plan.actions]


def written(plan):
    assert isinstance(plan.actions[0], WriteRunStatus)
    return plan.actions[0].status


def refused(code, message="said so", job=JOB, time=NOW, **more):
    return Refusal(job=job, code=code, message=message, since=NOW, time=time, **more)


def test_says_nothing_when_the_job_is_there():
    assert plan_of(pending(), jobs=[make_job()]) is None


@pytest.mark.parametrize("about", [None, refused(403, job="etl-1-0")])
def test_creates_a_job_that_was_written_down_when_it_is_sure_that_there_was_none(about):
    assert plan_of(pending(), refusal=about).actions == (ConfirmJob(JOB),)
    assert kinds(plan_of(pending(), refusal=about, confirmed=JOB)) == [CreateJob]


def test_does_not_take_the_job_of_an_earlier_attempt_for_it():
    plan = plan_of(pending(attempt=2), jobs=[make_job(attempt=1)], confirmed="etl-1-2")
    assert plan.actions[0].job["metadata"]["name"] == "etl-1-2"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (400, Reason.JOB_REJECTED),
        (413, Reason.JOB_REJECTED),
        (422, Reason.JOB_REJECTED),
    ],
)
def test_what_cannot_get_better_ends_the_run(code, reason):
    status = written(plan_of(pending(), refusal=refused(code)))
    assert (status.state, status.reason) == (RunState.FAILED, reason)
    assert "said so" in status.message
    assert status.current.reason is reason


def test_the_job_of_an_earlier_run_of_the_name_is_given_time_to_go():
    plan = plan_of(pending(), refusal=refused(409, foreign=True))
    status = written(plan)
    assert (status.state, status.reason) == (RunState.PENDING, Reason.JOB_CONFLICT)
    assert plan.requeue_at == after(1)
    told = make_run(template=TEMPLATE, status=status)
    assert kinds(plan_of(told, refusal=refused(409, foreign=True), now=after(61))) == [CreateJob]
    assert not written(
        plan_of(pending(), refusal=refused(409, foreign=True, time=after(59)), now=after(59))
    ).state.is_final
    status = written(plan_of(told, refusal=refused(409, foreign=True, time=after(60)), now=after(60)))
    assert (status.state, status.reason) == (RunState.FAILED, Reason.JOB_CONFLICT)


def test_a_refusal_of_any_length_fits_the_resource():
    status = written(plan_of(pending(), refusal=refused(422, "x" * 100_000)))
    assert max(len(status.message), len(status.current.message)) <= 4096


@pytest.mark.parametrize("code", [403, 404])
def test_what_may_get_better_is_said_once_and_tried_again(code):
    plan = plan_of(pending(), refusal=refused(code), now=after(1))
    status = written(plan)
    assert (status.state, status.reason) == (RunState.PENDING, Reason.POD_CREATION_FAILED)
    assert plan.requeue_at == after(10)
    told = make_run(template=TEMPLATE, status=status)
    assert plan_of(told, refusal=refused(code), now=after(1)).actions == ()
    assert plan_of(told, refusal=refused(code), now=after(1)).requeue_at == after(10)
    assert kinds(plan_of(told, refusal=refused(code), now=after(10))) == [CreateJob]


def test_a_quota_does_not_hold_a_run_for_ever():
    run = pending(Reason.POD_CREATION_FAILED, template=TEMPLATE | {"timeouts": {"startSeconds": 60}})
    assert not written(plan_of(pending(), refusal=refused(403), now=after(9))).state.is_final
    status = written(plan_of(run, refusal=refused(403), now=after(60)))
    assert (status.state, status.reason) == (RunState.CRASHED, Reason.START_TIMEOUT)
    assert "PodCreationFailed" in status.message


def test_a_lost_revision_ends_the_run():
    run = make_run(status=make_status(RunState.PENDING, revision="etl-lost"))
    assert plan_of(run).actions == (ConfirmRevision("etl-lost"),)
    assert written(plan_of(run, confirmed="etl-lost")).reason is Reason.REVISION_LOST


@pytest.mark.parametrize("code", [409, 500, 503])
def test_a_refusal_that_passes_is_no_conflict(code):
    status = written(plan_of(pending(), refusal=refused(code), now=after(0.5)))
    assert (status.state, status.reason) == (RunState.PENDING, Reason.POD_CREATION_FAILED)


def test_an_outage_of_the_operator_is_not_the_runs_fault():
    assert kinds(plan_of(pending(), now=after(10_000), confirmed=JOB)) == [CreateJob]


DELETED = {
    "it had been seen": (pending(job_uid=f"uid-{JOB}"), {}),
    "a pod of it is there": (pending(), {"pods": [make_pod(running=True)]}),
    "it was said to be deleted": (pending(Reason.JOB_DELETED, RunState.CANCELLING), {}),
    "it is being deleted": (pending(), {"jobs": [make_job(deleting=True)]}),
}


@pytest.mark.parametrize("case", DELETED)
def test_asks_before_it_believes_that_a_job_was_deleted(case):
    run, world = DELETED[case]
    assert plan_of(run, **world).actions == (ConfirmJob(JOB),)
    assert CreateJob not in kinds(plan_of(run, confirmed=JOB, **world))


@pytest.mark.parametrize("jobs", [[], [make_job(deleting=True)]])
def test_waits_for_the_pod_of_a_deleted_job(jobs):
    world = {"jobs": jobs, "pods": [make_pod(running=True, deleting=True)], "confirmed": JOB}
    plan = plan_of(pending(), **world)
    assert (written(plan).state, written(plan).reason) == (RunState.CANCELLING, Reason.JOB_DELETED)
    again = plan_of(make_run(template=TEMPLATE, status=written(plan)), **world)
    assert (again.actions, again.requeue_at) == ((), plan.requeue_at)


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [make_pod(exit_code=143, deleting=True)],
        [make_pod(exit_code=143, record=make_record(RunState.CRASHED, Reason.INTERRUPTED))],
        [make_pod(node=None, deleting=True)],
    ],
)
def test_a_deleted_job_cancels_the_run(pods):
    run = pending(job_uid=f"uid-{JOB}")
    if pods:
        plan = plan_of(run, confirmed=JOB, pods=pods)
        assert written(plan).state is RunState.CANCELLING
        assert kinds(plan)[-1] is ReleasePod
        run = make_run(template=TEMPLATE, status=written(plan))
    status = written(plan_of(run, confirmed=JOB))
    assert (status.state, status.reason) == (RunState.CANCELLED, Reason.JOB_DELETED)
    assert (status.failures, status.disruptions) == (0, 0)


def test_what_completed_before_the_deletion_is_completed():
    pod = make_pod(exit_code=0, deleting=True, record=COMPLETED)
    plan = plan_of(pending(job_uid=f"uid-{JOB}"), confirmed=JOB, pods=[pod])
    assert written(plan).state is RunState.COMPLETED
    assert kinds(plan)[1:] == [ReleasePod]
