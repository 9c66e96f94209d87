import pytest
from builders import NOW, TEMPLATE, after, make_job, make_pod, make_run, make_status, observe, text

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import decide_run
from millstream_operator.decide.plan import CancelRun, DeleteRun, Plan, WriteRunStatus

LIVE = [None, *(state for state in RunState if not state.is_final)]
FINAL = [state for state in RunState if state.is_final]


def made_by(state, **spec):
    status = make_status(state, run="report-1") if state else None
    return make_run("report-1", template=TEMPLATE, status=status, **spec)


def child(state=RunState.RUNNING, **spec):
    status = make_status(state, completionTime=text(NOW) if state.is_final else None) if state else None
    return make_run(template=TEMPLATE, status=status, parent="uid-report-1", **spec)


def plan_of(run, parent, *, now=NOW):
    return decide_run(observe(run, parent=parent, jobs=[make_job()], pods=[make_pod(running=True)], now=now))


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("parent", [*LIVE, RunState.CANCELLED, RunState.COMPLETED])
def test_whatever_a_cancelled_parent_is_its_live_subflow_is_cancelled(state, parent):
    assert plan_of(child(state), made_by(parent, cancel=True)) == Plan((CancelRun(),))


@pytest.mark.parametrize("spec", [{"suspend": True}, {"scheduledTime": text(after(60))}])
def test_one_that_rests_or_is_not_due_as_well(spec):
    assert plan_of(child(None, **spec), made_by(None, cancel=True)).actions == (CancelRun(),)


@pytest.mark.parametrize("parent", [*(made_by(state) for state in (*LIVE, *FINAL)), None])
def test_of_a_parent_that_is_tried_again_has_ended_or_is_gone_it_goes_on(parent):
    assert plan_of(child(), parent) == Plan()


@pytest.mark.parametrize("state", FINAL)
def test_one_that_has_ended_is_left_alone(state):
    assert not any(
        isinstance(action, CancelRun) for action in plan_of(child(state), made_by(None, cancel=True)).actions
    )


def test_one_that_is_being_deleted_is_left_alone():
    assert CancelRun() not in plan_of(child(deleting=True), made_by(None, cancel=True)).actions


@pytest.mark.parametrize("parent", [made_by(None, cancel=True), made_by(None), None])
def test_a_cancelled_subflow_says_whether_its_parent_is_the_cause(parent):
    status = decide_run(observe(child(None, cancel=True), parent=parent)).actions[0].status
    assert (status.state, status.reason) == (RunState.CANCELLED, Reason.CANCEL_REQUESTED)
    caused = parent is not None and parent["spec"].get("cancel", False)
    assert ("report-1, which made it, is cancelled." in status.message) == caused


@pytest.mark.parametrize("parent", [*(made_by(state) for state in (*LIVE, *FINAL)), None])
def test_its_time_to_live_begins_to_count_when_its_parent_has_ended(parent):
    run = child(RunState.COMPLETED, ttlSecondsAfterFinished=60)
    plan = decide_run(observe(run, parent=parent, now=after(60)))
    needed = parent is not None and parent["status"].get("state") not in FINAL
    assert plan == (Plan() if needed else Plan((DeleteRun("etl-1", "uid-etl-1"),)))


def test_a_run_that_calls_itself_its_parent_is_cancelled_once():
    run = make_run(template=TEMPLATE, parent="uid-etl-1", cancel=True)
    assert [type(action) for action in decide_run(observe(run, parent=run)).actions] == [WriteRunStatus]
