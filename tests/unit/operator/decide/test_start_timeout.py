import pytest
from builders import TEMPLATE, after, make_job, make_pod, make_run, make_status, observe

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.plan import ConfirmJob, DeleteJob, WriteRunStatus
from millstream_operator.decide.start_timeout import time_out_start

SHORT = TEMPLATE | {"timeouts": {"startSeconds": 60}}


def plan_of(pod=None, job=None, *, seconds=60, reason=Reason.WAITING_FOR_POD, confirmed="etl-1-1"):
    status = make_status(RunState.PENDING, reason, message="no node fits")
    run = make_run(template=SHORT, status=status)
    world = {"jobs": [job or make_job()], "pods": [pod] if pod else []}
    observed = observe(run, **world, now=after(seconds), confirmed=confirmed)
    return time_out_start(observed, observed.run)


@pytest.mark.parametrize(
    ("pod", "job", "seconds"),
    [
        (None, None, 59.9),
        (make_pod(running=True), None, 10_000),
        (make_pod(exit_code=1), None, 10_000),
        (None, make_job(suspended=True), 10_000),
        (None, make_job(created=after(9_950)), 10_000),
    ],
    ids=["early", "runs", "has run", "suspended", "made late"],
)
def test_gives_time(pod, job, seconds):
    assert plan_of(pod, job, seconds=seconds) is None


def test_asks_before_it_gives_up():
    assert plan_of(confirmed=None).actions == (ConfirmJob("etl-1-1"),)


def test_a_run_that_has_started_is_no_late_start():
    status = make_status(RunState.RUNNING)
    status = status.replace(attempts=[status.current.replace(start_time=after(1))])
    observed = observe(make_run(template=SHORT, status=status), jobs=[make_job()], now=after(10_000))
    assert time_out_start(observed, observed.run) is None


@pytest.mark.parametrize("pod", [None, make_pod(), make_pod(waiting=("ImagePullBackOff", ""))])
def test_ends_a_run_that_does_not_start_and_then_its_job(pod):
    plan = plan_of(pod, reason=Reason.UNSCHEDULABLE)
    write, delete = plan.actions
    assert (type(write), delete) == (WriteRunStatus, DeleteJob("etl-1-1", "uid-etl-1-1"))
    status = write.status
    assert (status.state, status.reason) == (RunState.CRASHED, Reason.START_TIMEOUT)
    assert "60 seconds. Unschedulable: no node fits" in status.message
    assert (status.current.reason, status.current.completion_time) == (Reason.START_TIMEOUT, after(60))
    assert (status.failures, status.disruptions) == (0, 0)


def test_without_its_template_a_run_has_no_deadline():
    run = make_run(status=make_status(RunState.PENDING, revision="lost"))
    observed = observe(run, jobs=[make_job()], now=after(1e6))
    assert time_out_start(observed, observed.run) is None
