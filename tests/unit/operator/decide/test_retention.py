import pytest
from builders import (
    NOW,
    TEMPLATE,
    after,
    make_deployment,
    make_job,
    make_pod,
    make_record,
    make_run,
    make_status,
    observe,
    text,
)

from millstream.resources.states import RunState
from millstream_operator.decide import decide_deployment, decide_run
from millstream_operator.decide.observed import Deployment, ObservedDeployment, Run
from millstream_operator.decide.plan import DeleteJob, DeleteRun, Plan, ReleasePod
from millstream_operator.decide.retention import surplus

TICKS = {"schedules": [{"name": "often", "interval": 60}]}


def stored(last, *, name="often"):
    known = {"name": name, "specHash": "x", "since": text(NOW)}
    return {"schedules": [known | ({"lastTime": text(after(last))} if last is not None else {})]}


def ended(number, state=RunState.COMPLETED, tick=None, parent=None):
    spec = {"scheduleName": "often", "scheduledTime": text(after(tick))} if tick is not None else {}
    status = make_status(state, completionTime=text(after(number)))
    return Run.from_object(make_run(f"etl-{number}", status=status, parent=parent, **spec))


def names(completed=(), crashed=(), *, status=None, deployment=True, live=(), **history):
    found = make_deployment(runHistory=history, status=status, **TICKS) if deployment else None
    observed = ObservedDeployment(
        now=NOW,
        deployment=Deployment.from_object(found) if found else None,
        completed=completed,
        failed=crashed,
        live=frozenset(live),
    )
    return [action.name for action in surplus(observed)]


RUNS = [ended(number) for number in range(15)]
FAILED = [ended(100 + number, RunState.FAILED) for number in range(15)]


@pytest.mark.parametrize(
    ("history", "gone"),
    [
        ({}, 5),
        ({"successful": 15}, 0),
        ({"successful": 100}, 0),
        ({"successful": 14}, 1),
        ({"successful": 0}, 10),
    ],
)
def test_the_oldest_beyond_the_history_go_some_at_a_time(history, gone):
    assert names(RUNS, **history) == [f"etl-{number}" for number in range(gone)]


def test_those_that_failed_are_counted_apart():
    assert names(RUNS[:3], FAILED[:3], successful=2, failed=1) == ["etl-0", "etl-100", "etl-101"]


def test_those_of_a_deleted_deployment_are_kept_as_by_default():
    assert names(RUNS, FAILED, deployment=False) == [run.name for run in (*RUNS[:5], *FAILED[:5])]


@pytest.mark.parametrize(
    ("tick", "status", "gone"),
    [
        (60, stored(60), True),
        (60, stored(120), True),
        (120, stored(60), False),
        (60, stored(None), False),
        (0, stored(None), True),
        (60, {}, False),
        (60, stored(999, name="other"), False),
    ],
)
def test_a_run_is_kept_until_its_tick_is_written_down(tick, status, gone):
    assert bool(names([ended(1, tick=tick)], status=status, successful=0)) == gone


def test_runs_that_have_to_stay_keep_no_others():
    early = [ended(number, tick=9_999) for number in range(12)]
    late = [ended(100 + number) for number in range(12)]
    found = names([*early, *late], status=stored(60), successful=1)
    assert found == [f"etl-{100 + number}" for number in range(10)]


def test_subflows_are_kept_until_their_parent_has_ended():
    needed = [ended(number, parent="uid-live") for number in range(12)]
    others = [ended(100, parent="uid-gone"), ended(101), ended(102)]
    assert names([*needed, *others], live=["uid-live"], successful=1) == ["etl-100", "etl-101"]
    assert names(needed, live=["uid-other"], successful=1) == [f"etl-{number}" for number in range(10)]


def test_a_run_of_a_schedule_that_is_no_more_may_go():
    run = make_run(status=make_status(RunState.COMPLETED), scheduleName="gone", scheduledTime=text(after(60)))
    assert names([Run.from_object(run)], successful=0) == ["etl-1"]


def test_a_deployment_looks_again_while_there_are_too_many():
    observed = ObservedDeployment(
        now=NOW, deployment=Deployment.from_object(make_deployment()), tried=1, completed=RUNS
    )
    plan = decide_deployment(observed)
    assert sum(isinstance(action, DeleteRun) for action in plan.actions) == 5
    assert plan.requeue_at == after(1)


# --- a run's time to live ---


def plan_of(*, now, own=None, history=None, state=RunState.COMPLETED, tick=None, status=None):
    spec = {} if own is None else {"ttlSecondsAfterFinished": own}
    if tick is not None:
        spec |= {"scheduleName": "often", "scheduledTime": text(after(tick))}
    kept = {} if history is None else {"runHistory": {"ttlSecondsAfterFinished": history}}
    done = {"completionTime": text(NOW)} if state.is_final else {}
    run = make_run(status=make_status(state, **done), **spec)
    return decide_run(
        observe(run, now=after(now), deployment=make_deployment(status=status, **kept, **TICKS))
    )


@pytest.mark.parametrize(
    ("ttl", "now", "gone"),
    [
        ({"own": 60}, 59.9, False),
        ({"own": 60}, 60, True),
        ({"own": 0}, 0, True),
        ({"history": 60}, 59, False),
        ({"history": 60}, 60, True),
        ({"own": 60, "history": 10}, 30, False),
        ({"own": 10, "history": 60}, 30, True),
    ],
)
@pytest.mark.parametrize("state", [state for state in RunState if state.is_final])
def test_a_run_is_deleted_after_its_time(ttl, now, gone, state):
    plan = plan_of(now=now, state=state, **ttl)
    assert plan.actions == ((DeleteRun("etl-1", "uid-etl-1"),) if gone else ())
    assert gone or plan.requeue_at == after(ttl.get("own", ttl.get("history")))


def test_an_end_that_was_learned_late_can_be_seen_as_long_as_any_other():
    run = make_run(status=make_status(RunState.RUNNING), template=TEMPLATE, ttlSecondsAfterFinished=60)
    pod = make_pod(exit_code=0, ended=after(10), record=make_record())
    (write, *_) = decide_run(observe(run, now=after(900), jobs=[make_job()], pods=[pod])).actions
    assert write.status.completion_time == after(10)
    known = make_run(status=write.status, template=TEMPLATE, ttlSecondsAfterFinished=60)
    assert decide_run(observe(known, now=after(959))) == Plan(requeue_at=after(960))
    assert decide_run(observe(known, now=after(960))).actions == (DeleteRun("etl-1", "uid-etl-1"),)


def test_without_a_time_it_stays():
    plan = plan_of(now=1e9)
    assert (plan.actions, plan.requeue_at) == ((), None)


@pytest.mark.parametrize("state", [state for state in RunState if not state.is_final])
def test_what_is_live_is_never_deleted(state):
    actions = plan_of(now=1e6, own=0, history=0, state=state).actions
    assert not any(isinstance(action, DeleteRun) for action in actions)


def test_its_tick_is_written_down_first():
    early = plan_of(now=100, own=0, tick=60, status=stored(0))
    assert (early.actions, early.requeue_at) == ((), after(110))
    assert plan_of(now=100, own=0, tick=60, status=stored(60)).actions == (DeleteRun("etl-1", "uid-etl-1"),)


def test_a_time_that_no_calendar_holds_is_a_long_one():
    status = make_status(RunState.CANCELLED, completionTime=text(NOW))
    run = make_run(template=TEMPLATE, status=status, ttlSecondsAfterFinished=10**18)
    plan = decide_run(observe(run, jobs=[make_job()], pods=[make_pod(held=True)]))
    assert [type(action) for action in plan.actions] == [DeleteJob, ReleasePod]
    assert plan.requeue_at > after(1e9)
