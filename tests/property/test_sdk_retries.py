"""Whatever fails, and however often: the number of attempts, the waits and the final state follow from the options."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from millstream import _surroundings, flow, task
from millstream._engine import FlowRunInfo, run_flow
from millstream.states import Completed, Failed


class Still(_surroundings.Surroundings):
    def __init__(self):
        super().__init__()
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)

    async def sleep_async(self, seconds):
        self.slept.append(seconds)


def made(failures, *, is_async):
    """A function that fails a number of times, by turns raising and returning a failed state."""
    calls = []

    def work():
        calls.append(1)
        if len(calls) > failures:
            return "done"
        if len(calls) % 2:
            raise ValueError
        return Failed()

    async def work_later():
        await asyncio.sleep(0)
        return work()

    return (work_later if is_async else work), calls


def call(definition):
    result = definition(return_state=True)
    return asyncio.run(result) if definition.isasync else result


@given(
    decorator=st.sampled_from([task, flow]),
    is_async=st.booleans(),
    failures=st.integers(0, 8),
    retries=st.integers(0, 6),
    delay=st.integers(0, 3),
)
def test_attempts_and_state(decorator, is_async, failures, retries, delay):
    fn, calls = made(failures, is_async=is_async)
    with _surroundings.replaced(Still()) as still:
        state = call(decorator(fn, retries=retries, retry_delay_seconds=delay))
    assert len(calls) == min(failures, retries) + 1
    assert still.slept == ([delay] * (len(calls) - 1) if delay else [])
    assert state.is_completed() == (failures <= retries)
    if state.is_completed():
        assert state.result() == "done"
    elif len(calls) % 2:
        assert state.message.endswith(f"(attempt {len(calls)} of {retries + 1})")


@given(retries=st.integers(0, 10), delays=st.lists(st.floats(0, 1e6), max_size=12))
def test_the_last_delay_of_a_list_is_for_all_that_follow(retries, delays):
    fn, _ = made(99, is_async=False)
    with _surroundings.replaced(Still()) as still:
        call(task(fn, retries=retries, retry_delay_seconds=delays))
    padded = delays + delays[-1:] * retries
    assert still.slept == [delay for delay in padded[:retries] if delay]


@given(outcomes=st.lists(st.sampled_from(["return", "raise", "skip"]), max_size=12), depth=st.integers(0, 3))
def test_counts_are_those_of_the_tasks(outcomes, depth):
    @task
    def step(outcome):
        if outcome == "raise":
            raise ValueError
        return Completed(name="Skipped") if outcome == "skip" else None

    def body():
        for outcome in outcomes:
            step(outcome, return_state=True)

    nested = flow(body)
    for _ in range(depth):
        nested = flow(lambda inner=nested: inner())
    info = FlowRunInfo()
    assert run_flow(nested, run=info).is_completed()
    names = {"return": "Completed", "raise": "Failed", "skip": "Skipped"}
    assert info.task_counts() == {names[o]: outcomes.count(o) for o in set(outcomes)}


@given(types=st.lists(st.sampled_from(["Completed", "Failed"]), min_size=1, max_size=9))
def test_several_returned_states(types):
    states = [{"Completed": Completed, "Failed": Failed}[name]() for name in types]
    state = flow(lambda: states)(return_state=True)
    failed = types.count("Failed")
    expected = f"{failed}/{len(types)} states failed." if failed else "All states completed."
    assert (state.is_failed(), state.message) == (bool(failed), expected)
