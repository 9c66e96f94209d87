"""Futures: what they tell, how they are waited for, and what they make of a flow's end."""

import asyncio
import gc
import logging
import threading
import time
import weakref
from contextvars import copy_context

import pytest

from millstream import flow, task
from millstream.exceptions import MissingContextError, UnfinishedRun
from millstream.futures import FutureList, as_completed, wait


@task
def same(x):
    return x


@task
def fail(*_args):
    raise ValueError("no")


@pytest.fixture
def gate():
    """Opened at the end, whatever the test does."""
    event = threading.Event()
    yield event
    event.set()


@task
def hold(gate, x=None):
    assert gate.wait(60)
    return x


def in_flow(fn):
    return flow(name="f")(fn)()


class TestOne:
    def test_result(self):
        assert in_flow(lambda: same.submit(1).result()) == 1

    def test_failure(self):
        with pytest.raises(ValueError, match="no"):
            in_flow(lambda: fail.submit().result())

    def test_failure_as_a_value(self):
        def fn():
            error = fail.submit().result(raise_on_failure=False)
            assert isinstance(error, ValueError)
            return "seen"

        assert in_flow(fn) == "seen"

    def test_what_it_tells(self, gate):
        def fn():
            future = hold.submit(gate)
            assert not future.done()
            assert future.state.name in ("Pending", "Running")
            assert future.name == "hold-0"
            assert "hold-0" in repr(future)
            assert future.task_run_id == future.task_run_id
            gate.set()
            future.wait()
            assert future.done()
            assert future.state.is_completed()
            return "told"

        assert in_flow(fn) == "told"

    def test_timeout(self, gate):
        def fn():
            future = hold.submit(gate, 1)
            assert future.wait(0) is None
            assert future.wait(-1) is None
            with pytest.raises(TimeoutError, match=r"'hold-0' did not end within 0.01 seconds; it goes on"):
                future.result(timeout=0.01)
            gate.set()
            return future.result(timeout=60)

        assert in_flow(fn) == 1

    def test_waiting_leaves_nothing_behind(self, gate):
        def fn():
            future = hold.submit(gate)
            for _ in range(100):
                future.wait(0)
            assert not future._callbacks
            gate.set()

        in_flow(fn)

    def test_endless_timeout(self):
        assert in_flow(lambda: same.submit(1).result(timeout=float("inf"))) == 1

    def test_not_ready(self):
        def fn():
            with pytest.raises(UnfinishedRun, match=r"NotReady.*'fail-0' did not reach"):
                same.submit(fail.submit()).result()
            return "seen"

        assert in_flow(fn) == "seen"

    def test_return_state(self):
        def fn():
            return [
                state.name for state in (same.submit(1, return_state=True), *same.map([1], return_state=True))
            ]

        assert in_flow(fn) == ["Completed", "Completed"]

    def test_outside_of_flows(self):
        with pytest.raises(MissingContextError, match=r"submit\(\) and map\(\) work inside of flows"):
            same.submit(1)
        with pytest.raises(RuntimeError):
            same.map([1])


class TestCallbacks:
    def test_before_and_after_the_end(self, gate):
        called = []

        def fn():
            future = hold.submit(gate)
            future.add_done_callback(lambda f: called.append(("before", f.done())))
            gate.set()
            future.wait()
            future.add_done_callback(lambda f: called.append(("after", f.done())))

        in_flow(fn)
        assert called == [("before", True), ("after", True)]

    def test_that_raise(self, gate, logs):
        called = []

        def raises(_):
            raise ZeroDivisionError

        def fn():
            future = hold.submit(gate, 1)
            future.add_done_callback(raises)
            future.add_done_callback(called.append)
            gate.set()
            future.wait()
            future.add_done_callback(raises)
            return future.result()

        assert in_flow(fn) == 1
        assert len(called) == 1
        told = [r for r in logs.records if "A callback of the future of Task 'hold' raised" in r.getMessage()]
        assert len(told) == 2
        assert all(r.exc_info[0] is ZeroDivisionError and r.levelno == logging.ERROR for r in told)

    def test_that_submit(self):
        results = []

        def fn():
            submitted = threading.Event()

            def more(future):
                results.append(future)
                submitted.set()

            same.submit(1).add_done_callback(more)
            assert submitted.wait(60)

        in_flow(fn)
        assert [future.result() for future in results] == [1]


class TestMany:
    def test_wait(self, gate):
        def fn():
            quick, slow = same.submit(1), hold.submit(gate)
            quick.wait()
            done, not_done = wait([quick, slow, quick], timeout=0.01)
            assert (done, not_done) == ({quick}, {slow})
            gate.set()
            assert wait([quick, slow]).not_done == set()
            assert wait([]) == (set(), set())

        in_flow(fn)

    def test_as_completed(self, gate):
        def fn():
            slow, quick = hold.submit(gate, "slow"), same.submit("quick")
            arriving = as_completed([slow, quick, slow])
            assert next(arriving) is quick
            gate.set()
            assert list(arriving) == [slow]
            assert list(as_completed([])) == []

        in_flow(fn)

    def test_as_completed_in_time(self, gate):
        def fn():
            slow, quick = hold.submit(gate), same.submit(1)
            quick.wait()
            arriving = as_completed([slow, quick], timeout=0.01)
            assert next(arriving) is quick
            with pytest.raises(TimeoutError, match=r"1 of 2 task runs did not end within 0.01 seconds"):
                next(arriving)
            assert not slow._callbacks
            gate.set()

        in_flow(fn)

    def test_list(self, gate):
        def fn():
            futures = FutureList([same.submit(1), hold.submit(gate, 2)])
            futures.wait(timeout=0)
            with pytest.raises(
                TimeoutError, match=r"1 of 2 task runs did not end within 0.01 seconds; they go on"
            ):
                futures.result(timeout=0.01)
            gate.set()
            return futures.result()

        assert in_flow(fn) == [1, 2]

    def test_list_with_failures(self):
        def fn():
            futures = FutureList([same.submit(1), fail.submit()])
            with pytest.raises(ValueError, match="no"):
                futures.result()
            return [type(value) for value in futures.result(raise_on_failure=False)]

        assert in_flow(fn) == [int, ValueError]


class TestAsync:
    def test_the_loop_goes_on(self, gate):
        @flow
        async def fn():
            future = hold.submit(gate, 1)
            later = hold.submit(gate, future)
            asyncio.get_running_loop().call_soon(gate.set)  # never, if the loop is held up
            return await later.result_async()

        assert asyncio.run(fn()) == 1

    def test_the_loop_goes_on_at_the_flows_end(self, gate):
        @flow
        async def fn():
            hold.submit(gate)
            asyncio.get_running_loop().call_later(0.01, gate.set)
            return 1

        assert asyncio.run(fn()) == 1

    def test_timeouts(self, gate):
        @flow
        async def fn():
            future = hold.submit(gate)
            await future.wait_async(0)
            with pytest.raises(TimeoutError, match=r"did not end within 0.01 seconds"):
                await future.result_async(timeout=0.01)
            assert not future._callbacks
            gate.set()
            await future.wait_async()
            await future.wait_async()
            return future.done()

        assert asyncio.run(fn())

    def test_failures(self):
        @flow
        async def fn():
            assert isinstance(await fail.submit().result_async(raise_on_failure=False), ValueError)
            await fail.submit().result_async()

        with pytest.raises(ValueError, match="no"):
            asyncio.run(fn())

    def test_a_loop_that_is_gone(self, gate):
        def fn():
            future = hold.submit(gate)

            async def leave():
                waiting = asyncio.ensure_future(future.wait_async())
                await asyncio.sleep(0)
                waiting.cancel()

            asyncio.run(leave())
            gate.set()
            return future.result()

        assert in_flow(fn) is None


class TestTheEndOfAFlow:
    def test_waits_for_all(self):
        ended = []

        @task
        def slow(x):
            time.sleep(0.001)
            ended.append(x)

        in_flow(lambda: [slow.submit(x) for x in range(20)] and None)
        assert sorted(ended) == list(range(20))

    @pytest.mark.parametrize("shape", [lambda f: f, lambda f: [f], lambda f: (f,), lambda f: {f}])
    def test_returned_futures_decide(self, shape):
        assert flow(lambda: shape(fail.submit()))(return_state=True).is_failed()
        assert flow(lambda: shape(same.submit(1)))(return_state=True).is_completed()

    def test_returned_in_a_dictionary(self):
        result = in_flow(lambda: {"good": same.submit(1), "bad": [fail.submit()]})
        assert result["good"].result() == 1
        assert result["bad"][0].is_failed()

    def test_half_of_them(self):
        state = flow(lambda: [same.submit(1), fail.submit()])(return_state=True)
        assert state.message == "1/2 states failed."

    @pytest.mark.parametrize("waits_for_data", [True, False])
    def test_a_failing_flow(self, gate, waits_for_data):
        began = threading.Event()
        futures = []

        @task
        def runs():
            began.set()
            assert gate.wait(60)
            return "to its end"

        @flow
        def fails():
            running = runs.submit()
            futures.append(running)
            futures.append(same.submit(running) if waits_for_data else same.submit(1, wait_for=[running]))
            assert began.wait(60)
            futures[1].add_done_callback(lambda _: gate.set())  # it is cancelled while the other one runs
            raise ValueError("early")

        with pytest.raises(ValueError, match="early"):
            fails()
        assert futures[0].result() == "to its end"
        assert futures[1].state.is_cancelled()
        assert futures[1].state.message == "The flow had ended before this task run could begin."

    def test_nothing_can_be_submitted_afterwards(self):
        contexts = []

        @flow
        def ends():
            contexts.append(copy_context())

        ends()
        with pytest.raises(RuntimeError, match="Flow 'ends' has ended: nothing can be submitted"):
            contexts[0].run(same.submit, 1)

    def test_retries_begin_anew(self):
        @flow(retries=1)
        def again(attempts=[]):  # noqa: B006 - so that it survives
            attempts.append(same.submit(len(attempts)))
            if len(attempts) == 1:
                raise ValueError("once")
            return attempts[1].result()

        assert again() == 1


class TestMemory:
    @pytest.mark.parametrize(
        "use",
        [
            same.submit,
            fail.submit,
            lambda big: fail.submit([big], wait_for=[fail.submit(big)]).wait(),
            lambda big: same.map([big] * 3).result(),
            lambda big: fail.submit(same.submit(big)).result(),
            lambda big: fail.map([big]).result(),
            lambda big: same.submit(big, unknown=1),
        ],
    )
    def test_nothing_is_kept_in_circles(self, use):
        class Big:
            pass

        kept = []

        @flow
        def uses():
            big = Big()
            kept.append(weakref.ref(big))
            use(big)

        logging.disable()  # pytest keeps what is logged, exceptions included
        gc.collect()
        gc.disable()
        try:
            uses(return_state=True)
            deadline = time.monotonic() + 20  # for the threads, which end a little later
            while kept[0]() is not None:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            gc.enable()
            logging.disable(logging.NOTSET)
