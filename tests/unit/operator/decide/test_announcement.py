import pytest
from builders import make_status

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.announcement import announcement

RUNNING = make_status(RunState.RUNNING)


@pytest.mark.parametrize(
    ("state", "reason", "kind", "word"),
    [
        (RunState.FAILED, Reason.FLOW_FAILED, "Warning", "FlowFailed"),
        (RunState.CRASHED, Reason.EVICTED, "Warning", "Evicted"),
        (RunState.TIMED_OUT, Reason.TOTAL_TIMEOUT, "Warning", "TotalTimeout"),
        (RunState.AWAITING_RETRY, Reason.OOM_KILLED, "Warning", "OOMKilled"),
        (RunState.CANCELLING, Reason.CANCEL_REQUESTED, "Normal", "CancelRequested"),
        (RunState.CANCELLED, Reason.CANCEL_REQUESTED, "Normal", "CancelRequested"),
        (RunState.CANCELLED, Reason.REPLACED, "Warning", "Replaced"),
        (RunState.CANCELLED, Reason.CONCURRENCY_LIMIT, "Warning", "ConcurrencyLimit"),
        (RunState.PAUSED, Reason.SUSPENDED, "Normal", "Suspended"),
        (RunState.PENDING, Reason.IMAGE_PULL_ERROR, "Warning", "ImagePullError"),
        (RunState.RUNNING, Reason.NODE_LOST, "Warning", "NodeLost"),
    ],
)
def test_people_are_told_what_they_did_not_expect_or_asked_for(state, reason, kind, word):
    said = announcement(RUNNING, make_status(state, reason, message="m" * 4000))
    assert (said.kind, said.reason) == (kind, word)
    assert len(said.message) == 1000


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (RunState.COMPLETED, None),
        (RunState.SCHEDULED, None),
        (RunState.QUEUED, Reason.CONCURRENCY_LIMIT),
        (RunState.QUEUED, Reason.JOB_SUSPENDED),
        (RunState.PENDING, Reason.WAITING_FOR_POD),
    ],
)
def test_of_what_goes_its_way_nothing_is_said(state, reason):
    assert announcement(RUNNING, make_status(state, reason)) is None
    assert announcement(FlowRunStatus(), make_status(state, reason)) is None


def test_nothing_is_said_twice():
    failed = make_status(RunState.AWAITING_RETRY, Reason.FLOW_FAILED)
    assert announcement(failed, failed.replace(message="other words")) is None
    assert announcement(FlowRunStatus(), FlowRunStatus()) is None
