from datetime import UTC, datetime

import pytest

from millstream import states
from millstream.exceptions import FailedRun, UnfinishedRun
from millstream.states import (
    AwaitingRetry,
    Cancelled,
    Completed,
    Crashed,
    Failed,
    Pending,
    Retrying,
    Running,
    Scheduled,
    State,
    StateType,
)


@pytest.mark.parametrize(
    ("made", "type_", "name", "final"),
    [
        (Scheduled(), "SCHEDULED", "Scheduled", False),
        (AwaitingRetry(), "SCHEDULED", "AwaitingRetry", False),
        (Pending(), "PENDING", "Pending", False),
        (Running(), "RUNNING", "Running", False),
        (Retrying(), "RUNNING", "Retrying", False),
        (State(StateType.PAUSED), "PAUSED", "Paused", False),
        (State(StateType.CANCELLING), "CANCELLING", "Cancelling", False),
        (Completed(), "COMPLETED", "Completed", True),
        (Completed(name="Skipped"), "COMPLETED", "Skipped", True),
        (Failed(), "FAILED", "Failed", True),
        (Cancelled(), "CANCELLED", "Cancelled", True),
        (Crashed(), "CRASHED", "Crashed", True),
    ],
)
def test_types_and_names(made, type_, name, final):
    assert (made.type, made.name, made.is_final()) == (type_, name, final)
    questions = [getattr(made, f"is_{kind.value.lower()}")() for kind in StateType]
    assert questions == [kind is made.type for kind in StateType]


def test_every_type_is_asked_for():
    assert all(hasattr(State, f"is_{kind.value.lower()}") for kind in states.StateType)


def test_texts():
    assert str(Completed()) == "Completed()"
    assert str(Failed(message="boom")) == "Failed('boom')"
    assert repr(Completed(name="Skipped")) == "Skipped(type=COMPLETED, message=None)"


def test_times(still):
    now = datetime.fromtimestamp(still.now, UTC)
    due = datetime(2030, 1, 1, tzinfo=UTC)
    assert Completed().timestamp == now
    assert Scheduled().scheduled_time == now
    assert AwaitingRetry(scheduled_time=due).scheduled_time == due


class TestResult:
    def test_of_a_success(self):
        assert Completed(data=5).result() == 5

    @pytest.mark.parametrize("state", [Pending(), Running(), AwaitingRetry()])
    @pytest.mark.parametrize("raise_on_failure", [True, False])
    def test_of_an_unfinished_run(self, state, raise_on_failure):
        with pytest.raises(UnfinishedRun, match=f"The run is {state.name}"):
            state.result(raise_on_failure=raise_on_failure)

    def test_of_a_failure(self):
        error = ValueError("boom")
        with pytest.raises(ValueError, match="boom"):
            Failed(data=error).result()
        assert Failed(data=error).result(raise_on_failure=False) is error

    def test_of_a_failure_without_exception(self):
        with pytest.raises(FailedRun, match=r"^The run ended as Failed\.$"):
            Failed().result()
        assert isinstance(Failed(message="m").result(raise_on_failure=False), FailedRun)

    def test_of_states_in_a_state(self):
        inner = Failed(data=[Completed(), Failed(data=KeyError("k"))])
        with pytest.raises(KeyError):
            Failed(data=inner).result()
