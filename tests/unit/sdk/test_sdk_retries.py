import pytest

from millstream import _surroundings, flow, task
from millstream.context import get_run_context
from millstream.states import Completed, Failed
from millstream.tasks import exponential_backoff


class Flaky:
    """Fails a number of times, then gives how often it was called."""

    def __init__(self, failures):
        self.failures = failures
        self.calls = 0
        self.run_counts = []
        self.states = []

    def __call__(self):
        self.calls += 1
        run = get_run_context()
        run = getattr(run, "task_run", None) or run.flow_run
        self.run_counts.append(run.run_count)
        self.states.append(run.state_name)
        if self.calls <= self.failures:
            raise ValueError(f"failure {self.calls}")
        return self.calls


@pytest.mark.parametrize("decorator", [task, flow])
class TestCounts:
    def test_as_many_as_needed(self, decorator, still):
        flaky = Flaky(2)
        assert decorator(flaky, retries=5)() == 3
        assert flaky.run_counts == [1, 2, 3]
        assert still.slept == []

    def test_no_more_than_allowed(self, decorator):
        flaky = Flaky(9)
        state = decorator(flaky, retries=2)(return_state=True)
        assert state.is_failed()
        assert flaky.calls == 3
        assert str(state.data) == "failure 3"
        assert "ValueError: failure 3 (attempt 3 of 3)" in state.message

    def test_none_by_default(self, decorator):
        flaky = Flaky(1)
        with pytest.raises(ValueError, match="failure 1"):
            decorator(flaky)()
        assert flaky.calls == 1

    def test_a_returned_failure_is_retried_as_well(self, decorator):
        answers = [Failed(message="not yet"), Completed(data=7)]
        assert decorator(lambda: answers.pop(0), retries=1)() == 7

    def test_base_exceptions_are_not_retried(self, decorator):
        calls = []

        def interrupted():
            calls.append(1)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            decorator(interrupted, retries=3)()
        assert calls == [1]

    def test_delay_is_slept(self, decorator, still):
        decorator(Flaky(2), retries=2, retry_delay_seconds=1.5)()
        assert still.slept == [1.5, 1.5]


class TestJitter:
    @pytest.mark.parametrize(("chance", "slept"), [(0, [10, 20]), (0.5, [12.5, 25]), (1, [15, 30])])
    def test_makes_waits_longer(self, still, chance, slept):
        still.chance = lambda: chance
        task(Flaky(2), retries=2, retry_delay_seconds=[10, 20], retry_jitter_factor=0.5)()
        assert still.slept == slept

    def test_within_its_bounds(self, still):
        step = task(Flaky(100), retries=100, retry_delay_seconds=1, retry_jitter_factor=2)
        still.chance = _surroundings.Surroundings().chance
        step()
        assert all(1 <= delay < 3 for delay in still.slept)
        assert len(set(still.slept)) > 10

    def test_of_delays_that_a_function_gives(self, still):
        still.chance = lambda: 1
        task(Flaky(3), retries=3, retry_delay_seconds=exponential_backoff(2), retry_jitter_factor=1)()
        assert still.slept == [4, 8, 16]

    @pytest.mark.parametrize("wrong", [-1, float("nan")])
    def test_is_not_negative(self, wrong):
        with pytest.raises(ValueError, match="retry_jitter_factor cannot be negative"):
            task(Flaky(0), retry_jitter_factor=wrong)


async def test_asynchronous(still):
    flaky = Flaky(2)

    @task(retries=3, retry_delay_seconds=[1, 2])
    async def later():
        return flaky()

    assert await later() == 3
    assert still.slept == [1, 2]


def test_state_names_over_attempts():
    flaky = Flaky(2)
    task(flaky, retries=2)()
    assert flaky.states == ["Running", "Retrying", "Retrying"]
    flaky = Flaky(2)
    flow(flaky, retries=2)()
    assert flaky.states == ["Running", "Running", "Running"]


def test_awaiting_retry_while_waiting(still):
    seen = []

    @task(retries=1, retry_delay_seconds=5)
    def bad():
        run = get_run_context().task_run
        still.while_asleep = lambda: seen.append((run.state, run.state_name))
        raise ValueError

    bad(return_state=True)
    [(state, name)] = seen
    assert name == "AwaitingRetry"
    assert state.is_scheduled()
    assert state.scheduled_time.timestamp() == still.now


class TestDelays:
    @pytest.mark.parametrize(
        ("option", "slept"),
        [
            (2, [2, 2, 2]),
            ([1, 5], [1, 5, 5]),
            ((1, 5, 9, 20), [1, 5, 9]),
            (exponential_backoff(3), [3, 6, 12]),
            (lambda retries: [retries], [3, 3, 3]),
            ([], []),
            (0, []),
        ],
    )
    def test_kinds(self, option, slept, still):
        task(Flaky(9), retries=3, retry_delay_seconds=option)(return_state=True)
        assert still.slept == slept

    def test_endless_is_cut(self, still):
        task(Flaky(1), retries=1, retry_delay_seconds=float("inf"))()
        assert still.slept == [10 * 365 * 24 * 3600]

    def test_flows_have_one_number(self):
        with pytest.raises(TypeError, match="a number"):
            flow(retry_delay_seconds=[1, 2])(lambda: None)

    def test_backoff_cannot_be_negative(self):
        with pytest.raises(ValueError, match="negative"):
            exponential_backoff(-1)


class TestCondition:
    def test_is_asked_with_task_run_and_state(self):
        asked = []

        def condition(the_task, run, state):
            asked.append((the_task.name, run.run_count, state.is_failed(), str(state.data)))
            return True

        task(Flaky(2), name="t", retries=2, retry_condition_fn=condition)()
        assert asked == [("t", 1, True, "failure 1"), ("t", 2, True, "failure 2")]

    def test_no_means_no_retry(self):
        flaky = Flaky(9)
        state = task(flaky, retries=3, retry_condition_fn=lambda *_: False)(return_state=True)
        assert flaky.calls == 1
        assert state.message.endswith("(attempt 1 of 4); not retried: retry_condition_fn said no")

    def test_is_not_asked_after_the_last_attempt(self):
        asked = []
        task(Flaky(9), retries=1, retry_condition_fn=lambda *args: asked.append(args) or True)(
            return_state=True
        )
        assert len(asked) == 1

    def test_that_raises_is_no(self, logs):
        def condition(*_):
            raise TypeError

        flaky = Flaky(9)
        state = task(flaky, retries=3, retry_condition_fn=condition)(return_state=True)
        assert flaky.calls == 1
        assert str(state.data) == "failure 1"
        assert "retry_condition_fn raised TypeError" in state.message
        assert "retry_condition_fn raised" in logs.text


def test_retries_of_flow_and_task_combine():
    flaky = Flaky(5)
    step = task(flaky, retries=1)

    @flow(retries=2)
    def outer():
        return step()

    assert outer() == 6


@pytest.mark.usefixtures("still")
def test_retries_are_logged(logs):
    task(Flaky(1), name="t", retries=1, retry_delay_seconds=5)()
    [record] = [r for r in logs.records if r.levelname == "WARNING"]
    assert record.getMessage() == (
        "Task 't' raised ValueError: failure 1 (attempt 1 of 2). The next attempt starts in 5 s."
    )
