"""Statuses that the operator never writes: a backup tool or an administrator may have."""

import pytest
from builders import NAMESPACE, NOW, TEMPLATE, make_job, make_pod, make_run, make_status, observe, text

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.cache import Cache, Key
from millstream_operator.decide import decide_run
from millstream_operator.decide.plan import DeleteJob, Question, WriteRunStatus
from millstream_operator.kinds import FLOW_RUNS

KEY = Key(FLOW_RUNS, NAMESPACE, "etl-1")
LIVE = [None, *(state for state in RunState if not state.is_final)]
ONE = make_status(RunState.RUNNING).attempts
ENDED = [ONE[0].replace(completion_time=NOW)]


@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("suspend", [False, True])
@pytest.mark.parametrize("attempts", [(1, []), (3, ONE), (0, ONE), (0, ENDED), (2, ENDED)], ids=str)
@pytest.mark.parametrize("state", LIVE)
def test_an_attempt_that_is_not_listed_ends_the_run(state, attempts, suspend, cancel):
    number, listed = attempts
    status = FlowRunStatus(state=state, attempt=number, attempts=listed)
    cache = Cache()
    cache.put(FLOW_RUNS, make_run(status=status, suspend=suspend, cancel=cancel))
    (write,) = decide_run(cache.observe_run(KEY, NOW)).actions
    assert (write.status.state, write.status.reason) == (RunState.FAILED, Reason.INVALID_STATUS)
    assert "in attempts" in write.status.message


@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("state", LIVE)
def test_a_state_without_an_attempt_is_none(state, cancel):
    run = make_run(template=TEMPLATE, cancel=cancel, status=FlowRunStatus(state=state))
    plan = decide_run(observe(run))
    (write, *_) = [action for action in plan.actions if isinstance(action, WriteRunStatus)]
    assert write.status.attempt == (0 if cancel else 1)


@pytest.mark.parametrize("attempts", [ONE, ENDED])
@pytest.mark.parametrize("state", LIVE)
def test_what_has_begun_without_a_revision_asks_for_none(state, attempts):
    status = FlowRunStatus(state=state, attempt=1, attempts=attempts)
    plan = decide_run(observe(make_run(status=status)))
    assert all(getattr(action, "name", "") for action in plan.actions if isinstance(action, Question))


def test_a_job_that_is_missing_and_no_revision_to_make_it_of():
    run = make_run(status=make_status(RunState.PENDING))
    (write,) = decide_run(observe(run, confirmed="etl-1-1")).actions
    assert (write.status.state, write.status.reason) == (RunState.FAILED, Reason.REVISION_LOST)
    assert "The status names no ControllerRevision." in write.status.message


def test_what_may_still_run_of_such_a_run_is_stopped():
    status = make_status(RunState.FAILED, Reason.INVALID_STATUS, completionTime=text(NOW))
    plan = decide_run(observe(make_run(status=status), jobs=[make_job()], pods=[make_pod(held=False)]))
    assert plan.actions == (DeleteJob("etl-1-1", "uid-etl-1-1"),)
