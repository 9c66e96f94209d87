import asyncio
import threading
import time

import pytest

from millstream import flow, task
from millstream._engine import FlowRunInfo, run_flow
from millstream.cache_policies import INPUTS
from millstream.context import TaskRunContext, get_run_context
from millstream.exceptions import MissingContextError
from millstream.task_runners import ThreadPoolTaskRunner

pytestmark = pytest.mark.filterwarnings("error")
BOTH = pytest.mark.parametrize("decorator", [flow, task])


class OopsError(Exception):
    pass


def current():
    try:
        context = get_run_context()
    except MissingContextError:
        return None
    return context.task.name if isinstance(context, TaskRunContext) else context.flow.name


class Ends:
    """Hooks that note how a run ended."""

    def __init__(self):
        self.states = []
        hooks = [lambda _definition, _run, state: self.states.append(state.name)]
        self.options = {"on_completion": hooks, "on_failure": hooks}


@pytest.fixture
def ends():
    return Ends()


@BOTH
class TestSynchronous:
    def test_items(self, decorator, ends):
        @decorator(**ends.options)
        def numbers(stop):
            yield from range(stop)

        assert list(numbers(3)) == [0, 1, 2]
        assert ends.states == ["Completed"]
        assert list(numbers(0)) == []

    def test_nothing_begins_before_the_first_item_is_asked_for(self, decorator):
        called = []

        @decorator
        def numbers():
            called.append(1)
            yield 1

        items = numbers()
        assert called == []
        assert next(items) == 1
        assert called == [1]
        items.close()

    def test_closed_early(self, decorator, ends):
        cleaned = []

        @decorator(**ends.options)
        def numbers():
            try:
                yield 1
                yield 2
            finally:
                cleaned.append(current())

        items = numbers()
        next(items)
        items.close()
        assert cleaned == ["numbers"]
        assert ends.states == ["Completed"]
        assert current() is None

    def test_left_early(self, decorator, ends):
        @decorator(**ends.options)
        def numbers():
            yield from range(10)

        for number in numbers():
            if number == 2:
                break
        assert ends.states == ["Completed"]

    def test_never_begun(self, decorator, ends):
        @decorator(**ends.options)
        def numbers():
            yield 1

        numbers().close()
        assert ends.states == []

    def test_an_exception(self, decorator, ends):
        @decorator(**ends.options)
        def numbers():
            yield 1
            raise OopsError

        items = numbers()
        assert next(items) == 1
        with pytest.raises(OopsError):
            next(items)
        assert ends.states == ["Failed"]
        assert list(items) == []

    def test_an_exception_when_it_is_closed(self, decorator, ends):
        @decorator(**ends.options)
        def numbers():
            try:
                yield 1
            finally:
                raise OopsError

        items = numbers()
        next(items)
        with pytest.raises(OopsError):
            items.close()
        assert ends.states == ["Failed"]

    def test_send_and_return(self, decorator):
        @decorator
        def echo():
            got = []
            while len(got) < 2:
                got.append((yield len(got)))
            return got

        items = echo()
        assert next(items) == 0
        assert items.send("a") == 1
        with pytest.raises(StopIteration) as end:
            items.send("b")
        assert end.value.value == ["a", "b"]

    def test_throw(self, decorator, ends):
        @decorator(**ends.options)
        def resilient():
            while True:
                try:
                    yield "item"
                except OopsError as error:
                    yield f"caught {error} in {current()}"

        items = resilient()
        next(items)
        assert items.throw(OopsError("it")) == "caught it in resilient"
        assert next(items) == "item"
        with pytest.raises(KeyError):
            items.throw(KeyError("x"))
        assert ends.states == ["Failed"]

    def test_delegation(self, decorator):
        @decorator
        def inner():
            got = yield 1
            return got

        @decorator
        def outer():
            got = yield from inner()
            yield f"inner got {got}"

        items = outer()
        next(items)
        assert items.send("x") == "inner got x"
        items.close()

    def test_retries_begin_again(self, decorator, still, ends):
        failures = [OopsError(), OopsError()]

        @decorator(retries=2, retry_delay_seconds=5, **ends.options)
        def numbers():
            yield 1
            if failures:
                raise failures.pop()
            yield 2

        assert list(numbers()) == [1, 1, 1, 2]
        assert still.slept == [5, 5]
        assert ends.states == ["Completed"]

    def test_return_state(self, decorator):
        @decorator
        def numbers(error):
            yield 1
            yield 2
            if error:
                raise OopsError

        state = numbers(error=False, return_state=True)
        assert state.result() == [1, 2]
        assert numbers(error=True, return_state=True).is_failed()

    def test_the_current_run(self, decorator):
        seen = []

        @decorator
        def numbers():
            seen.append(current())
            yield 1
            seen.append(current())
            yield 2
            seen.append(current())

        @flow
        def consume():
            for _ in numbers():
                seen.append(current())  # noqa: PERF401 - the loop is what this is about

        consume()
        assert seen == ["numbers", "consume"] * 2 + ["numbers"]
        assert current() is None

    def test_two_at_once(self, decorator):
        @decorator
        def numbers():
            for number in range(3):
                yield number, current()

        @flow
        def consume():
            pairs = list(zip(numbers(), numbers.with_options(name="other")(), strict=True))
            return len(pairs), pairs[-1], current()

        assert consume() == (3, ((2, "numbers"), (2, "other")), "consume")

    def test_consumed_in_another_run(self, decorator):
        seen = []

        @decorator
        def numbers():
            yield from range(4)

        @task
        def take(items):
            next(items[0])
            seen.append(current())
            next(items[0])
            seen.append(current())

        @flow
        def run():
            items = numbers()
            next(items)
            take([items])
            seen.append(current())
            next(items)
            seen.append(current())

        run()
        assert seen == ["take", "take", "run", "run"]
        assert current() is None

    def test_wrong_arguments(self, decorator):
        @decorator
        def numbers(stop):
            yield stop

        with pytest.raises(TypeError):
            list(numbers())

    def test_timeout(self, decorator, ends):
        @decorator(timeout_seconds=0.05, **ends.options)
        def numbers():
            yield 1
            time.sleep(3600)

        items = numbers()
        assert next(items) == 1
        with pytest.raises(TimeoutError, match=r"exceeded timeout of 0.05 second"):
            next(items)
        assert ends.states == ["TimedOut"]
        assert numbers(return_state=True).name == "TimedOut"

    def test_the_timeout_is_of_the_generator_and_not_of_who_takes_the_items(self, decorator):
        @decorator(timeout_seconds=0.2)
        def numbers():
            got = yield 1
            try:
                yield got
            except OopsError:
                yield "caught"

        items = numbers()
        next(items)
        time.sleep(0.3)
        assert items.send("x") == "x"
        assert items.throw(OopsError()) == "caught"
        items.close()

    def test_methods(self, decorator):
        class Shop:
            @decorator
            def sell(self, number):
                yield from range(number)

        assert list(Shop().sell(2)) == [0, 1]


@BOTH
class TestAsynchronous:
    async def test_items(self, decorator, ends):
        @decorator(**ends.options)
        async def numbers(stop):
            for number in range(stop):
                await asyncio.sleep(0)
                yield number

        assert [number async for number in numbers(3)] == [0, 1, 2]
        assert ends.states == ["Completed"]

    async def test_closed_early(self, decorator, ends):
        cleaned = []

        @decorator(**ends.options)
        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                cleaned.append(1)

        items = numbers()
        await anext(items)
        await items.aclose()
        assert cleaned == [1]
        assert ends.states == ["Completed"]

    async def test_an_exception(self, decorator, ends):
        @decorator(**ends.options)
        async def numbers():
            yield 1
            raise OopsError

        items = numbers()
        await anext(items)
        with pytest.raises(OopsError):
            await anext(items)
        assert ends.states == ["Failed"]

    async def test_send_and_throw(self, decorator):
        @decorator
        async def echo():
            got = yield "first"
            try:
                yield got
            except OopsError:
                yield "caught"

        items = echo()
        assert await anext(items) == "first"
        assert await items.asend("x") == "x"
        assert await items.athrow(OopsError()) == "caught"
        await items.aclose()

    async def test_retries_begin_again(self, decorator):
        failures = [OopsError()]

        @decorator(retries=1)
        async def numbers():
            yield 1
            if failures:
                raise failures.pop()
            yield 2

        assert [number async for number in numbers()] == [1, 1, 2]

    async def test_return_state(self, decorator):
        @decorator
        async def numbers():
            yield 1
            yield 2

        assert (await numbers(return_state=True)).result() == [1, 2]

    async def test_the_current_run(self, decorator):
        seen = []

        @decorator
        async def numbers():
            seen.append(current())
            yield 1
            seen.append(current())

        @flow
        async def consume():
            async for _ in numbers():
                seen.append(current())  # noqa: PERF401 - as above

        await consume()
        assert seen == ["numbers", "consume", "numbers"]

    async def test_timeout(self, decorator, ends):
        @decorator(timeout_seconds=0.05, **ends.options)
        async def numbers():
            yield 1
            await asyncio.sleep(3600)

        items = numbers()
        assert await anext(items) == 1
        with pytest.raises(TimeoutError, match=r"exceeded timeout of 0.05 second"):
            await anext(items)
        assert ends.states == ["TimedOut"]
        assert (await numbers(return_state=True)).name == "TimedOut"

    async def test_cancelled_when_it_has_returned(self, decorator):
        ends, goes_on = threading.Event(), threading.Event()

        def hook(*_):
            ends.set()
            goes_on.wait(60)

        @decorator(on_completion=[hook])
        async def numbers():
            yield 1

        async def take():
            return [number async for number in numbers()]

        taking = asyncio.create_task(take())
        assert await asyncio.to_thread(ends.wait, 60)
        taking.cancel()
        done, _ = await asyncio.wait([taking], timeout=0.2)
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert not done

    async def test_the_timeout_is_of_the_generator_and_not_of_who_takes_the_items(self, decorator):
        @decorator(timeout_seconds=0.2)
        async def numbers():
            got = yield 1
            try:
                yield got
            except OopsError:
                yield "caught"

        items = numbers()
        await anext(items)
        await asyncio.sleep(0.3)
        assert await items.asend("x") == "x"
        assert await items.athrow(OopsError()) == "caught"
        await items.aclose()


class TestTasks:
    def test_submit_and_map(self):
        @task
        def numbers(stop):
            yield from range(stop)

        @task
        async def letters(stop):
            for letter in "abc"[:stop]:
                await asyncio.sleep(0)
                yield letter

        @flow
        def run():
            return (
                numbers.submit(2).result(),
                numbers.map([1, 2]).result(),
                letters.submit(2).result(),
                letters.map([1, 2]).result(),
            )

        assert run() == ([0, 1], [[0], [0, 1]], ["a", "b"], [["a"], ["a", "b"]])

    def test_a_timeout_of_a_submitted_one(self):
        @task(timeout_seconds=0.05)
        def slow():
            while True:
                time.sleep(0.001)
                yield 1

        @flow
        def run():
            return slow.submit(return_state=True).name

        assert run() == "TimedOut"

    def test_futures_as_arguments(self):
        @task
        def numbers(stop):
            yield from range(stop)

        @flow
        def run():
            return list(numbers(task(lambda: 3).submit()))

        assert run() == [0, 1, 2]

    def test_cached_ones(self, tmp_path):
        calls = []

        @task(cache_policy=INPUTS, result_storage=tmp_path)
        def numbers(stop):
            calls.append(stop)
            yield from range(stop)

        assert list(numbers(3)) == [0, 1, 2]
        assert list(numbers(3)) == [0, 1, 2]
        assert numbers(3, return_state=True).result() == [0, 1, 2]
        assert numbers(3, return_state=True).name == "Cached"
        assert calls == [3]

    def test_those_that_were_left_early_are_not_cached(self, tmp_path):
        @task(cache_policy=INPUTS, result_storage=tmp_path, retries=1)
        def numbers(stop):
            yield from range(stop)
            if failures:
                raise failures.pop()

        failures = []
        items = numbers(3)
        next(items)
        items.close()
        failures = [OopsError()]
        assert list(numbers(3)) == [0, 1, 2, 0, 1, 2]
        assert list(numbers(3)) == [0, 1, 2]
        assert numbers(3, return_state=True).name == "Cached"

    async def test_asynchronous_cached_ones(self, tmp_path):
        calls = []

        @task(cache_policy=INPUTS, result_storage=tmp_path)
        async def numbers(stop):
            calls.append(stop)
            for number in range(stop):
                yield number

        items = numbers(2)
        await anext(items)
        await items.aclose()
        for _ in range(2):
            assert [number async for number in numbers(2)] == [0, 1]
        assert calls == [2, 2]

    def test_flows_that_submit(self):
        @flow
        def run():
            for number in range(2):
                yield task(lambda x: x).submit(number).result()

        assert list(run()) == [0, 1]

    def test_flows_that_validate(self):
        @flow
        def run(stop: int):
            yield from range(stop)

        assert list(run("2")) == [0, 1]


@pytest.mark.parametrize("is_async", [False, True])
class TestBetweenAttempts:
    def test_interrupted_while_it_is_decided_about_a_retry(self, is_async):
        def interrupt(*_):
            raise KeyboardInterrupt

        numbers = failing_once(is_async, retries=1, retry_condition_fn=interrupt)
        info = FlowRunInfo()
        assert run_flow(flow(lambda: all_of(numbers())), run=info).is_crashed()
        assert info.task_counts() == {"Crashed": 1}

    def test_the_wait_takes_no_place_in_the_task_runner(self, is_async, still):
        other_runs, seen = threading.Event(), []
        still.while_asleep = lambda: seen.append(other_runs.wait(30))
        numbers = failing_once(is_async, retries=1, retry_delay_seconds=9)

        @flow(task_runner=ThreadPoolTaskRunner(1))
        def run():
            items = task(lambda: all_of(numbers())).submit()
            task(other_runs.set).submit()
            return items.result()

        assert run() == [1, 1]
        assert seen == [True]


def failing_once(is_async, **options):
    """A task that is a generator whose first attempt fails after an item."""
    failures = [OopsError()]

    @task(**options)
    def numbers():
        yield 1
        if failures:
            raise failures.pop()

    @task(**options)
    async def numbers_later():
        yield 1
        if failures:
            raise failures.pop()

    return numbers_later if is_async else numbers


def all_of(items):
    if not hasattr(items, "__anext__"):
        return list(items)

    async def collect():
        return [item async for item in items]

    return asyncio.run(collect())
