import pytest
from builders import (
    TEMPLATE,
    make_job,
    make_pod,
    make_record,
    make_run,
    make_status,
    observe,
)

from millstream.resources.states import RunState
from millstream_operator.decide import decide_run
from millstream_operator.decide.plan import ConfirmRun, DeleteJob, Plan, ReleasePod

FINAL = [state for state in RunState if state.is_final]
LIVE = [state for state in RunState if not state.is_final]
COMPLETED_POD = make_pod(exit_code=0, record=make_record())


@pytest.mark.parametrize("state", [None, *RunState])
def test_a_run_that_is_being_deleted_holds_nothing_back(state):
    status = make_status(state) if state else None
    run = make_run(template=TEMPLATE, deleting=True, status=status)
    pods = [make_pod(running=True), make_pod(attempt=2), make_pod(attempt=3, held=False)]
    plan = decide_run(observe(run, jobs=[make_job(complete=True)], pods=pods))
    assert [(type(a), a.name) for a in plan.actions] == [(ReleasePod, "etl-1-1-x"), (ReleasePod, "etl-1-2-x")]


@pytest.mark.parametrize("state", [None, *LIVE])
def test_the_job_of_a_run_that_somebody_keeps_does_not_run_on(state):
    run = make_run(
        template=TEMPLATE, deleting=True, cancel=True, status=make_status(state) if state else None
    )
    plan = decide_run(observe(run, jobs=[make_job(), make_job(attempt=2)], pods=[make_pod(running=True)]))
    assert [(type(a), a.name) for a in plan.actions] == [
        (ReleasePod, "etl-1-1-x"),
        (DeleteJob, "etl-1-1"),
        (DeleteJob, "etl-1-2"),
    ]
    for gone in (make_job(deleting=True), make_job(complete=True)):
        assert decide_run(observe(run, jobs=[gone])) == Plan()


@pytest.mark.parametrize("state", FINAL)
def test_a_final_run_that_somebody_keeps_lets_its_job_end(state):
    run = make_run(template=TEMPLATE, deleting=True, status=make_status(state))
    assert decide_run(observe(run, jobs=[make_job()])) == Plan()


@pytest.mark.parametrize(
    ("pod", "confirmed"), [(make_pod(running=True), "etl-1"), (make_pod(running=True, deleting=True), None)]
)
def test_a_run_that_is_gone_holds_nothing_back(pod, confirmed):
    plan = decide_run(observe(None, pods=[pod], confirmed=confirmed))
    assert [type(action) for action in plan.actions] == [ReleasePod]


def test_asks_before_it_lets_go_of_a_live_pod():
    assert decide_run(observe(None, pods=[make_pod(running=True)])).actions == (ConfirmRun("etl-1"),)
