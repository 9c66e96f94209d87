import pytest
from builders import NAMESPACE, NOW, after, make_run, make_status

from millstream.resources.flow_run import Attempt, FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run
from millstream_operator.decide.status import in_state, with_attempt, with_current, with_end


def run_with(status=None):
    return Run.from_object(make_run(status=status))


@pytest.mark.parametrize("state", RunState)
def test_the_condition_follows_the_state(state):
    status = in_state(run_with(), NOW, state, None, "Said")
    condition = status.conditions[0]
    expected = "True" if state is RunState.COMPLETED else "False" if state.is_final else "Unknown"
    assert (condition.type, condition.status, condition.reason) == ("Succeeded", expected, state)
    assert condition.message == status.message == "Said."
    assert (status.completion_time is not None) == state.is_final
    assert status.observed_generation == condition.observed_generation == 1


@pytest.mark.parametrize(
    ("message", "text"),
    [("", ""), ("No", "No."), ("No.", "No."), ("Why?", "Why?"), ("cut…", "cut…"), ("No \n", "No.")],
)
def test_a_message_is_a_sentence(message, text):
    assert in_state(run_with(), NOW, RunState.FAILED, None, message).message == text


def test_a_hint_names_the_run():
    message = in_state(run_with(), NOW, RunState.FAILED, Reason.FLOW_FAILED, "No.").message
    assert message == f"No. See its log: millstream run logs etl-1 -n {NAMESPACE}"


def test_the_reason_brings_its_hint():
    status = in_state(run_with(), NOW, RunState.FAILED, Reason.OOM_KILLED, "It was killed.")
    assert status.message == f"It was killed. {Reason.OOM_KILLED.hint}"
    assert status.conditions[0].reason == "OOMKilled"


def test_the_transition_time_is_that_of_the_conditions_status():
    first = in_state(run_with(), NOW, RunState.PENDING, Reason.WAITING_FOR_POD, "")
    second = in_state(run_with(first), after(5), RunState.RUNNING, None, "")
    third = in_state(run_with(second), after(9), RunState.COMPLETED, None, "")
    assert [s.conditions[0].last_transition_time for s in (first, second, third)] == [NOW, NOW, after(9)]
    types = [[c.type for c in s.conditions] for s in (first, second, third)]
    assert types == [["Succeeded", "Reconciling"], ["Succeeded", "Reconciling"], ["Succeeded"]]


def test_times_are_cut_to_seconds():
    moment = NOW.replace(microsecond=123_999)
    assert in_state(run_with(), moment, RunState.FAILED, None, "").completion_time.microsecond == 0


def test_a_final_state_awaits_no_attempt():
    status = make_status(RunState.AWAITING_RETRY, next_attempt_time=after(5))
    assert in_state(run_with(status), NOW, RunState.FAILED, None, "").next_attempt_time is None


def test_what_is_not_changed_is_kept():
    status = make_status(RunState.RUNNING, failures=2, disruptions=1, revision="etl-a", attempt=4)
    after_it = in_state(run_with(status), NOW, RunState.COMPLETED, None, "")
    assert (after_it.failures, after_it.disruptions, after_it.revision) == (2, 1, "etl-a")
    assert after_it.attempts == status.attempts


def test_only_the_newest_ten_attempts_are_kept():
    status = make_status(RunState.RUNNING, attempt=10)
    attempts = with_attempt(status, Attempt(number=11, job="etl-1-11", creation_time=NOW))
    assert [attempt.number for attempt in attempts] == list(range(2, 12))


def test_only_the_newest_attempt_is_changed():
    attempts = with_current(make_status(RunState.RUNNING, attempt=3), exit_code=1, message="x" * 9999)
    assert [attempt.exit_code for attempt in attempts] == [None, None, 1]
    assert len(attempts[-1].message) <= 4096


def test_a_status_survives_the_way_through_the_api():
    status = in_state(
        run_with(make_status(RunState.RUNNING, attempt=3)),
        NOW,
        RunState.FAILED,
        Reason.FLOW_FAILED,
        "ä \U0001f600",
        result={"x": [1, None]},
        tasks={"Completed": 2},
    )
    assert FlowRunStatus.model_validate(status.to_dict()) == status


# When the container started and ended, by its node's clock, and what is taken for the end by an operator at 60.
ENDS = {
    "as its node says": (10, 50, 50),
    "just now": (10, 60, 60),
    "nobody has told": (10, None, 60),
    "never started, nobody has told": (None, None, 60),
    "a clock that is ahead": (10, 61, 60),
    "a clock that is so from the start": (70, 80, 60),
    "a clock that is behind": (-300, -260, -260),
    "a clock that was set back": (10, 5, 10),
    "ended without a start": (None, 50, 50),
    "ended before it was made": (None, -300, 0),
}


@pytest.mark.parametrize("case", ENDS)
def test_an_attempt_ends_with_its_container(case):
    start, end, expected = ENDS[case]
    times = {"start_time": start, "end_time": end}
    told = {name: after(seconds) for name, seconds in times.items() if seconds is not None}
    *others, last = with_end(make_status(RunState.RUNNING, attempt=2), after(60.5), **told)
    assert last.completion_time == after(expected)
    assert [attempt.completion_time for attempt in others] == [None]
