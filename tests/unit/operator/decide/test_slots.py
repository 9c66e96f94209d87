import pytest
from builders import NOW, make_defaults, make_deployment, make_run, make_status, observe

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run, Slots
from millstream_operator.decide.slots import obstacle


def found(slots=None, *defaults, limit=None):
    concurrency = {"concurrency": {"limit": limit}} if limit else {}
    deployment = make_deployment(**concurrency)
    observed = observe(make_run(), deployment=deployment, slots=slots or Slots(), defaults=defaults)
    why = obstacle(observed, observed.run)
    return why[0] if why else None


@pytest.mark.parametrize(
    ("slots", "limit", "reason"),
    [
        (Slots(held=99, ahead=99), None, None),
        (Slots(), 1, None),
        (Slots(held=1), 1, Reason.CONCURRENCY_LIMIT),
        (Slots(ahead=1), 1, Reason.CONCURRENCY_LIMIT),
        (Slots(held=1), 2, None),
        (Slots(ahead=1), 2, None),
        (Slots(held=1, ahead=1), 2, Reason.CONCURRENCY_LIMIT),
        (Slots(held=5), 2, Reason.CONCURRENCY_LIMIT),
        (Slots(held_in_namespace=99, ahead_in_namespace=99), 1, None),
    ],
)
def test_the_limit_of_the_deployment(slots, limit, reason):
    assert found(slots, limit=limit) == reason


@pytest.mark.parametrize(
    ("slots", "limit", "reason"),
    [
        (Slots(held=1, ahead=1), "3", None),
        (Slots(held_in_namespace=3), "3", Reason.NAMESPACE_LIMIT),
        (Slots(held_in_namespace=1, ahead_in_namespace=2), "3", Reason.NAMESPACE_LIMIT),
        (Slots(held_in_namespace=1, ahead_in_namespace=1), "3", None),
        (Slots(), "0", Reason.NAMESPACE_LIMIT),
    ],
)
@pytest.mark.parametrize("clusterwide", [True, False])
def test_the_limit_of_the_namespace(slots, limit, reason, clusterwide):
    assert found(slots, make_defaults(clusterwide=clusterwide, maxLiveRuns=limit)) == reason


def test_the_lower_limit_holds():
    defaults = make_defaults(clusterwide=True, maxLiveRuns="1"), make_defaults(maxLiveRuns="5")
    assert found(Slots(held_in_namespace=1), *defaults) is Reason.NAMESPACE_LIMIT
    assert found(Slots(held_in_namespace=1), *reversed(defaults)) is Reason.NAMESPACE_LIMIT


@pytest.mark.parametrize(
    ("clusterwide", "data", "reason"),
    [
        (True, {"suspend": "true"}, Reason.CLUSTER_SUSPENDED),
        (False, {"suspend": "true"}, Reason.NAMESPACE_SUSPENDED),
        (False, {"suspend": "false"}, None),
        (False, {"suspend": "perhaps"}, Reason.UNREADABLE_DEFAULTS),
        (True, {"nonsense": "1"}, Reason.UNREADABLE_DEFAULTS),
    ],
)
def test_the_switch(clusterwide, data, reason):
    assert found(None, make_defaults(clusterwide=clusterwide, **data), limit=9) is reason


CLOSED = [{"number": 1, "job": "etl-1-1", "creationTime": str(NOW), "completionTime": str(NOW)}]


@pytest.mark.parametrize(
    ("status", "holds", "waits"),
    [
        (None, False, False),
        (make_status(RunState.SCHEDULED, attempt=0), False, False),
        (make_status(RunState.QUEUED, attempt=0), False, True),
        (make_status(RunState.PENDING, attempt=0), False, False),
        (make_status(RunState.PENDING), True, False),
        (make_status(RunState.RUNNING), True, False),
        (make_status(RunState.QUEUED, Reason.JOB_SUSPENDED), True, False),
        (make_status(RunState.AWAITING_RETRY), True, False),
        (make_status(RunState.CANCELLING), True, False),
        (make_status(RunState.PAUSED), True, False),
        (make_status(RunState.PAUSED, attempt=0), False, False),
        (make_status(RunState.PAUSED, attempts=CLOSED), False, False),
        (make_status(RunState.QUEUED, attempts=CLOSED), False, True),
        (make_status(RunState.AWAITING_RETRY, attempts=CLOSED), True, False),
        *((make_status(state), False, False) for state in RunState if state.is_final),
    ],
)
def test_who_holds_a_slot_and_who_waits(status, holds, waits):
    run = Run.from_object(make_run(status=status))
    assert (run.holds_slot, run.waits_for_slot) == (holds, waits)


def test_one_that_is_being_deleted_holds_up_nobody():
    queued = make_status(RunState.QUEUED, attempt=0)
    assert not Run.from_object(make_run(status=queued, deleting=True)).waits_for_slot
    assert Run.from_object(make_run(status=make_status(RunState.RUNNING), deleting=True)).holds_slot
