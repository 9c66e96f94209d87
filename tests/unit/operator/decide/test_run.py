"""The chain: which policy answers first."""

import pytest
from builders import (
    NOW,
    TEMPLATE,
    after,
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
from millstream_operator.decide.plan import ReleasePod

FINAL = [state for state in RunState if state.is_final]
LIVE = [state for state in RunState if not state.is_final]
COMPLETED_POD = make_pod(exit_code=0, record=make_record())


def test_pods_of_an_earlier_run_of_the_name_are_let_go_and_hold_nothing_up():
    stray = make_pod(run_uid="earlier", uid="stray", exit_code=1)
    run = make_run(scheduledTime=text(after(60)))
    *rest, release = decide_run(observe(run, strays=[stray])).actions
    assert (type(release), release.uid) == (ReleasePod, "stray")
    assert len(rest) == 1


@pytest.mark.parametrize("state", [RunState.PENDING, RunState.RUNNING])
def test_what_completed_does_not_time_out(state):
    run = make_run(template=TEMPLATE, status=make_status(state))
    plan = decide_run(observe(run, jobs=[make_job()], pods=[COMPLETED_POD], now=after(1e6)))
    assert plan.actions[0].status.state is RunState.COMPLETED


def test_the_attempts_end_comes_before_its_progress():
    run = make_run(template=TEMPLATE, status=make_status(RunState.PENDING, Reason.WAITING_FOR_POD))
    record = make_record(RunState.FAILED, Reason.FLOW_FAILED)
    plan = decide_run(observe(run, jobs=[make_job()], pods=[make_pod(exit_code=1, record=record)]))
    assert plan.actions[0].status.state is RunState.FAILED


def test_a_new_run_of_no_known_deployment_waits():
    assert decide_run(observe(make_run(created=NOW))).actions[0].status.reason is Reason.DEPLOYMENT_NOT_FOUND


@pytest.mark.parametrize("state", LIVE)
def test_every_live_state_has_an_answer(state):
    run = make_run(template=TEMPLATE, status=make_status(state, next_attempt_time=after(5)))
    assert decide_run(observe(run, jobs=[make_job()])) is not None
