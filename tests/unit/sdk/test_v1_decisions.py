"""What becomes of tasks and flows: triggers, skips, maps and final states, as tables."""

import pytest

from millstream.v1 import Edge, Task, triggers
from millstream.v1._decisions import arguments, before_mapping, before_run, final_state, flattened, left_out
from millstream.v1.engine.signals import ENDRUN, FAIL, SKIP, TRIGGERFAIL
from millstream.v1.engine.state import Cached, Failed, Mapped, Skipped, Success, TriggerFailed

OK, BAD, SKIPPED = Success(result=1), Failed(result=ValueError("no")), Skipped()


def upstream(*states, mapped=False):
    return {Edge(Task(), None, f"k{number}", mapped): state for number, state in enumerate(states)}


def mapped(*states):
    return Mapped(result=[state.result for state in states], map_states=list(states))


class Frame:
    """What has items, but none by numbers, as a data frame of pandas has."""

    def __len__(self):
        return 2

    def __getitem__(self, key):
        raise KeyError(key)


RUNS, FAILS, SKIPS = type(None), TriggerFailed, Skipped


@pytest.mark.parametrize(
    ("trigger", "states", "outcome"),
    [
        (triggers.all_successful, [], RUNS),
        (triggers.all_successful, [OK, SKIPPED, Cached()], RUNS),
        (triggers.all_successful, [OK, BAD], FAILS),
        (triggers.all_successful, [mapped(OK, BAD)], FAILS),
        (triggers.all_failed, [], RUNS),
        (triggers.all_failed, [BAD, TriggerFailed()], RUNS),
        (triggers.all_failed, [BAD, OK], FAILS),
        (triggers.any_successful, [], RUNS),
        (triggers.any_successful, [BAD, OK], RUNS),
        (triggers.any_successful, [BAD, BAD], FAILS),
        (triggers.any_failed, [], RUNS),
        (triggers.any_failed, [OK, BAD], RUNS),
        (triggers.any_failed, [mapped(OK, BAD)], RUNS),
        (triggers.any_failed, [OK, OK], FAILS),
        (triggers.any_failed, [mapped()], FAILS),
        (triggers.any_successful, [mapped()], FAILS),
        (triggers.all_successful, [mapped()], RUNS),
        (triggers.all_failed, [mapped()], RUNS),
        (triggers.some_failed(at_least=1), [mapped()], FAILS),
        (triggers.some_successful(at_least=1), [mapped()], FAILS),
        (triggers.all_finished, [OK, BAD, SKIPPED], RUNS),
        (triggers.always_run, [BAD], RUNS),
        (triggers.not_all_skipped, [OK, SKIPPED], RUNS),
        (triggers.not_all_skipped, [SKIPPED, SKIPPED], SKIPS),
        (triggers.not_all_skipped, [SKIPPED, BAD], FAILS),
        (triggers.some_failed(at_least=1), [], RUNS),
        (triggers.some_failed(at_least=1), [OK, BAD], RUNS),
        (triggers.some_failed(at_least=2), [OK, BAD], FAILS),
        (triggers.some_failed(at_most=1), [Failed(), Failed()], FAILS),
        (triggers.some_failed(at_least=0.5), [OK, BAD], RUNS),
        (triggers.some_successful(at_least=0.5), [OK, BAD, Failed()], FAILS),
        (triggers.some_successful(at_least=1, at_most=1), [OK, BAD], RUNS),
        (triggers.some_successful(at_least=2), [OK, OK], FAILS),  # one task, twice
        (lambda _: False, [OK], FAILS),
    ],
)
def test_triggers(trigger, states, outcome):
    task = Task(trigger=trigger, skip_on_upstream_skip=False)
    assert type(before_run(task, upstream(*states))) is outcome


@pytest.mark.parametrize(
    ("raised", "state"),
    [
        (FAIL("no"), Failed),
        (SKIP("no"), Skipped),
        (ENDRUN(Success()), Success),
        (KeyError("x"), TriggerFailed),
    ],
)
def test_what_triggers_raise(raised, state):
    def trigger(_):
        raise raised

    assert type(before_run(Task(trigger=trigger), {})) is state


def test_a_trigger_that_gives_false():
    state = before_run(Task(name="t", trigger=lambda _: False), {})
    assert (str(state.result), state.message) == ("The trigger of task 't' gave False.",) * 2
    assert isinstance(state.result, TRIGGERFAIL)


def test_skips():
    assert isinstance(before_run(Task(), upstream(OK, SKIPPED)), Skipped)
    assert isinstance(before_run(Task(), upstream(mapped(OK, SKIPPED))), Skipped)
    assert before_run(Task(skip_on_upstream_skip=False), upstream(OK, SKIPPED)) is None


def test_mapping():
    each = before_mapping(
        Task(), upstream(Success(result=[1, 2]), mapped(OK, BAD), mapped=True) | upstream(OK)
    )
    assert [[state.result for state in one.values()] for one in each] == [[1, 1, 1], [1, 2, BAD.result]]


@pytest.mark.parametrize(
    ("states", "outcome", "words"),
    [
        ([BAD], Failed, "There is nothing to map over"),
        ([SKIPPED], Skipped, "was skipped"),
        ([Success(result=1)], Failed, "A value of type int cannot be mapped over"),
        ([Success(result={"a": 1})], Failed, "A value of type dict cannot be mapped over"),
        ([Success(result=Frame())], Failed, "Task 't': A value of type Frame cannot be mapped over"),
    ],
)
def test_what_cannot_be_mapped(states, outcome, words):
    state = before_mapping(Task(name="t"), upstream(*states, mapped=True))
    assert type(state) is outcome
    assert words in state.message


def test_lists_of_different_lengths():
    states = upstream(Success(result=[1, 2, 3]), Success(result=[1, 2]), mapped=True)
    assert len(before_mapping(Task(), states)) == 2
    assert left_out(states) == [3, 2]
    assert left_out(upstream(Success(result=[1]), mapped=True)) == []


def test_a_skipped_run_of_a_map_skips_its_own_follower_only():
    each = before_mapping(Task(), upstream(mapped(SKIPPED, OK), mapped=True))
    assert [type(before_run(Task(), one)) for one in each] == [Skipped, type(None)]


def test_flatten():
    assert flattened(Success(result=[[1], [2, 3]])).result == [1, 2, 3]
    flat = flattened(mapped(Success(result=[1, 2]), BAD))
    assert [state.result for state in flat.map_states] == [1, 2, BAD.result]
    for state in (
        BAD,
        SKIPPED,
        OK,
        Success(result=[[1], 2]),
        Success(result={"a": 1}),
        Success(result=Frame()),
    ):
        assert flattened(state) is state
    assert [state.result for state in flattened(mapped(OK, SKIPPED)).map_states] == [1, None]


def test_arguments():
    order_only = {Edge(Task(), None): OK}
    assert arguments(upstream(OK) | order_only) == {"k0": 1}


@pytest.mark.parametrize(
    ("states", "outcome", "message"),
    [
        ([], Success, "All reference tasks succeeded."),
        ([OK, SKIPPED], Success, "All reference tasks succeeded."),
        ([OK, BAD], Failed, "Some reference tasks failed: t1."),
        ([mapped(OK, BAD)], Failed, "Some reference tasks failed: t0."),
        ([OK, TriggerFailed()], Failed, "Some reference tasks failed: t1."),
    ],
)
def test_final_state(states, outcome, message):
    state = final_state({Task(name=f"t{number}"): state for number, state in enumerate(states)})
    assert (type(state), state.message) == (outcome, message)
