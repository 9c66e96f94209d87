import pytest
from builders import (
    TEMPLATE,
    after,
    make_job,
    make_pod,
    make_record,
    make_run,
    make_status,
    observe,
)

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import decide_run
from millstream_operator.decide.plan import DeleteJob, Plan, ReleasePod

FINAL = [state for state in RunState if state.is_final]
LIVE = [state for state in RunState if not state.is_final]
COMPLETED_POD = make_pod(exit_code=0, record=make_record())


@pytest.mark.parametrize("state", FINAL)
@pytest.mark.parametrize("pod", [make_pod(), make_pod(running=True), make_pod(exit_code=1), COMPLETED_POD])
def test_a_final_run_only_lets_go_of_its_pods(state, pod):
    run = make_run(template=TEMPLATE, status=make_status(state))
    plan = decide_run(observe(run, jobs=[make_job(complete=True)], pods=[pod], now=after(1e6)))
    assert [type(action) for action in plan.actions] == [ReleasePod]
    assert plan.requeue_at is None


def test_a_job_that_never_started_is_deleted_also_after_a_crash():
    run = make_run(template=TEMPLATE, status=make_status(RunState.CRASHED, Reason.START_TIMEOUT))
    assert decide_run(observe(run, jobs=[make_job()])).actions == (DeleteJob("etl-1-1", "uid-etl-1-1"),)
    for gone in (make_job(deleting=True), make_job(complete=True)):
        assert decide_run(observe(run, jobs=[gone])) == Plan()


NOT_REPORTED = {
    Reason.JOB_CONFLICT: RunState.FAILED,
    Reason.JOB_REJECTED: RunState.FAILED,
    Reason.REVISION_LOST: RunState.FAILED,
    Reason.NODE_LOST: RunState.CRASHED,
}


@pytest.mark.parametrize("reason", NOT_REPORTED)
def test_a_job_that_comes_after_its_run_was_given_up_is_deleted(reason):
    run = make_run(template=TEMPLATE, status=make_status(NOT_REPORTED[reason], reason))
    assert decide_run(observe(run, jobs=[make_job()])).actions == (DeleteJob("etl-1-1", "uid-etl-1-1"),)


@pytest.mark.parametrize("reason", [None, Reason.FLOW_FAILED, Reason.NON_ZERO_EXIT, Reason.EVICTED])
def test_a_job_whose_pod_has_reported_is_left_to_end(reason):
    state = RunState.FAILED if reason else RunState.COMPLETED
    run = make_run(template=TEMPLATE, status=make_status(state, reason))
    assert decide_run(observe(run, jobs=[make_job()])) == Plan()
