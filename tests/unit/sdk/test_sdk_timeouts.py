import asyncio
import os
import signal
import socket
import threading
import time
import traceback
from contextlib import suppress
from functools import partial

import pytest

from millstream import flow, task
from millstream._engine.timeouts import limited
from millstream.exceptions import RunTimeoutError

SHORT = 0.05
LONG = 3600  # nothing here waits for it
DEADLINE = 60


def spin(seconds=LONG):
    """What can be interrupted in every thread."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)


def read_from_nobody():
    one, other = socket.socketpair()
    with one, other:
        one.recv(1)


def sleep():
    time.sleep(LONG)


def wait_for_an_event():
    threading.Event().wait()


def in_a_thread(fn):
    found = []

    def work():
        try:
            found.append(fn())
        except BaseException as error:  # noqa: BLE001
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    return found[0]


def is_timed_out(state, what="Task"):
    return (state.type, state.name, state.message) == (
        "FAILED",
        "TimedOut",
        f"{what} run exceeded timeout of {SHORT:g} second(s)",
    )


@pytest.mark.parametrize("decorator", [flow, task])
class TestSynchronous:
    @pytest.mark.parametrize("wait", [spin, sleep, read_from_nobody, wait_for_an_event])
    def test_in_the_main_thread(self, decorator, wait):
        run = decorator(wait, timeout_seconds=SHORT)
        assert is_timed_out(run(return_state=True), decorator.__name__.capitalize())
        with pytest.raises(RunTimeoutError, match=r"exceeded timeout of 0\.05 second"):
            run()

    def test_in_another_thread(self, decorator):
        run = decorator(spin, timeout_seconds=SHORT)
        state = in_a_thread(lambda: run(return_state=True))
        assert is_timed_out(state, decorator.__name__.capitalize())

    def test_not_too_early(self, decorator):
        run = decorator(lambda: spin(0.01) or 5, timeout_seconds=LONG)
        assert run() == 5
        assert in_a_thread(run) == 5

    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_code_that_catches_all_exceptions(self, decorator, where):
        def stubborn():
            while True:
                with suppress(Exception):
                    spin()

        run = decorator(stubborn, timeout_seconds=SHORT)
        assert where(lambda: run(return_state=True)).name == "TimedOut"

    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_what_is_cleaned_up(self, decorator, where):
        done = []

        def fn():
            try:
                spin()
            finally:
                done.append("cleaned up")

        assert where(lambda: decorator(fn, timeout_seconds=SHORT)(return_state=True)).name == "TimedOut"
        assert done == ["cleaned up"]

    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_an_error_of_the_users_own(self, decorator, where):
        def fn():
            raise TimeoutError("the database did not answer")

        state = where(lambda: decorator(fn, timeout_seconds=LONG)(return_state=True))
        assert (state.type, state.name) == ("FAILED", "Failed")
        assert "TimeoutError: the database did not answer" in state.message

    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_retries(self, decorator, where):
        calls = []

        def fn():
            calls.append(1)
            if len(calls) < 3:
                spin()
            return 5

        assert where(decorator(fn, timeout_seconds=SHORT, retries=2)) == 5
        assert len(calls) == 3

    def test_the_users_handler_comes_back(self, decorator):
        received = []
        before = signal.signal(signal.SIGALRM, lambda *_: received.append(1))
        try:
            mine = signal.getsignal(signal.SIGALRM)
            decorator(spin, timeout_seconds=SHORT)(return_state=True)
            assert signal.getsignal(signal.SIGALRM) is mine

            @decorator(timeout_seconds=LONG)
            def alarmed():
                os.kill(os.getpid(), signal.SIGALRM)
                return 5

            assert alarmed() == 5
            assert received == [1]
            assert signal.getsignal(signal.SIGALRM) is mine
            with pytest.raises(KeyError):
                decorator(lambda: {}["x"], timeout_seconds=LONG)()
            assert signal.getsignal(signal.SIGALRM) is mine
        finally:
            signal.signal(signal.SIGALRM, before)

    def test_methods(self, decorator):
        class Thing:
            @decorator(timeout_seconds=SHORT)
            def wait(self):
                spin()

        assert Thing().wait(return_state=True).name == "TimedOut"


@pytest.mark.parametrize("decorator", [flow, task])
class TestAsynchronous:
    async def test_stops_at_the_next_await(self, decorator):
        @decorator(timeout_seconds=SHORT)
        async def run():
            await asyncio.sleep(LONG)

        assert is_timed_out(await run(return_state=True), decorator.__name__.capitalize())
        with pytest.raises(RunTimeoutError):
            await run()

    async def test_an_error_of_the_users_own(self, decorator):
        @decorator(timeout_seconds=LONG)
        async def run():
            async with asyncio.timeout(0.001):
                await asyncio.sleep(LONG)

        assert (await run(return_state=True)).name == "Failed"

    async def test_code_that_catches_all_exceptions(self, decorator):
        @decorator(timeout_seconds=SHORT)
        async def run():
            while True:
                with suppress(Exception):
                    await asyncio.sleep(LONG)

        assert (await run(return_state=True)).name == "TimedOut"

    async def test_others_go_on(self, decorator):
        @decorator(timeout_seconds=SHORT)
        async def slow():
            await asyncio.sleep(LONG)

        @decorator
        async def quick():
            await asyncio.sleep(0)
            return 5

        states = await asyncio.gather(slow(return_state=True), quick(return_state=True))
        assert [state.name for state in states] == ["TimedOut", "Completed"]

    async def test_retries(self, decorator):
        calls = []

        @decorator(timeout_seconds=SHORT, retries=1)
        async def run():
            calls.append(1)
            if len(calls) == 1:
                await asyncio.sleep(LONG)
            return 5

        assert await run() == 5


class TestNesting:
    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_the_inner_one_is_shorter(self, where):
        inner = task(spin, timeout_seconds=SHORT)

        @flow(timeout_seconds=LONG)
        def outer():
            return inner(return_state=True).name

        assert where(outer) == "TimedOut"

    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_the_outer_one_is_shorter(self, where):
        states = []
        inner = task(spin, name="inner", timeout_seconds=LONG)

        @flow(timeout_seconds=SHORT)
        def outer():
            try:
                inner()
            finally:
                states.append("left")

        assert is_timed_out(where(lambda: outer(return_state=True)), "Flow")
        assert states == ["left"]

    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_both_at_once(self, where):
        inner = task(spin, timeout_seconds=SHORT)

        @flow(timeout_seconds=SHORT)
        def outer():
            inner(return_state=True)
            spin()

        assert is_timed_out(where(lambda: outer(return_state=True)), "Flow")

    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_the_outer_one_is_over_while_the_inner_one_holds_on(self, where):
        """The signal of the outer one comes while the inner one is still at its own."""

        def holds_on():
            try:
                spin()
            finally:
                end = time.monotonic() + 4 * SHORT
                while time.monotonic() < end:
                    pass

        inner = task(holds_on, timeout_seconds=SHORT / 2)

        @flow(timeout_seconds=SHORT)
        def outer():
            inner(return_state=True)
            spin()

        assert is_timed_out(where(lambda: outer(return_state=True)), "Flow")

    @pytest.mark.parametrize("where", [lambda fn: fn(), in_a_thread])
    def test_a_subflow_only(self, where):
        subflow = flow(spin, timeout_seconds=SHORT)

        @flow
        def outer():
            assert subflow(return_state=True).name == "TimedOut"
            spin(SHORT)
            return 5

        assert where(outer) == 5

    def test_what_propagates_is_a_failure_of_the_outer_one(self):
        inner = task(spin, name="inner", timeout_seconds=SHORT)

        @flow(timeout_seconds=LONG)
        def outer():
            inner()

        state = outer(return_state=True)
        assert state.name == "Failed"
        assert (
            "RunTimeoutError: Task run exceeded timeout of 0.05 second(s) in task run 'inner-0'"
            in state.message
        )

    def test_the_message_of_what_was_interrupted(self, logs):
        inner = task(spin, name="inner")

        @flow(timeout_seconds=SHORT)
        def outer():
            inner()

        outer(return_state=True)
        assert "Task 'inner' was ended by TimeIsUp: Flow run exceeded timeout of 0.05 second(s)" in logs.text

    async def test_asynchronous_ones(self):
        @task(timeout_seconds=LONG)
        async def inner():
            await asyncio.sleep(LONG)

        @flow(timeout_seconds=SHORT)
        async def subflow():
            await inner()

        @flow(timeout_seconds=LONG)
        async def outer():
            return (await subflow(return_state=True)).name

        assert await outer() == "TimedOut"

    async def test_synchronous_in_asynchronous(self):
        @flow(timeout_seconds=LONG)
        async def outer():
            return task(spin, timeout_seconds=SHORT)(return_state=True).name

        assert await outer() == "TimedOut"


class TestSubmitted:
    def test_each_has_its_own(self):
        @flow
        def run():
            slow = task(spin, timeout_seconds=SHORT)
            states = slow.map([LONG, 0, LONG, 0], return_state=True)
            return [state.name for state in states] or None

        names = run()
        assert names == ["TimedOut", "Completed", "TimedOut", "Completed"]

    def test_asynchronous_ones(self):
        @task(timeout_seconds=SHORT)
        async def slow():
            await asyncio.sleep(LONG)

        @flow
        def run():
            return slow.submit(return_state=True).name

        assert run() == "TimedOut"

    def test_a_flow_that_waits_for_them(self):
        go = threading.Event()

        @flow(timeout_seconds=SHORT)
        def run():
            future = task(go.wait, name="wait").submit(DEADLINE)
            threading.Timer(4 * SHORT, go.set).start()
            future.result()

        assert is_timed_out(run(return_state=True), "Flow")

    def test_no_thread_for_each(self):
        @task(timeout_seconds=LONG)
        def step(_):
            return sum(thread.name == "millstream-timeouts" for thread in threading.enumerate())

        @flow
        def run():
            return step.map(range(100)).result() + [step(1) for _ in range(100)]

        assert max(run()) <= 2  # one may be ending that nobody has needed for a while, when the next is there

    def test_in_a_process_that_was_forked(self):
        limited = task(spin, timeout_seconds=SHORT)
        assert limited(return_state=True).name == "TimedOut"
        child = os.fork()
        if not child:
            try:
                os._exit(0 if limited(return_state=True).name == "TimedOut" else 1)
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_limits_that_end_while_others_begin_leave_nothing_locked(self):
        # Without the engine: Python's own logging has locks that an exception from outside may leave held.
        inner = limited(partial(spin, 0.001), 0.001, "task")

        def several():
            for _ in range(3):
                with suppress(RunTimeoutError):
                    inner()

        outer = limited(several, 0.003, "task")

        def race():
            for _ in range(100):
                with suppress(RunTimeoutError):
                    outer()
            return True

        assert in_a_thread(race)
        assert race()
        assert in_a_thread(limited(partial(spin, 0.001), 1e12, "task")) is None
        assert in_a_thread(lambda: task(spin, timeout_seconds=SHORT)(return_state=True)).name == "TimedOut"

    def test_many_short_ones_leave_nothing_behind(self):
        @task(timeout_seconds=0.002)
        def racing():
            spin(0.002)
            return 5

        before = signal.getsignal(signal.SIGALRM)
        names = {racing(return_state=True).name for _ in range(300)}
        assert names <= {"TimedOut", "Completed"}
        assert signal.getsignal(signal.SIGALRM) == before
        names = in_a_thread(lambda: {racing(return_state=True).name for _ in range(300)})
        assert names <= {"TimedOut", "Completed"}


@pytest.mark.parametrize("wrong", [0, -1, float("nan")])
def test_numbers_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="timeout_seconds is a number of seconds above 0"):
        task(lambda: 1, timeout_seconds=wrong)


@pytest.mark.parametrize("wrong", ["1", True, [1]])
def test_what_is_no_number(wrong):
    with pytest.raises(TypeError, match="timeout_seconds is a number of seconds"):
        flow(lambda: 1, timeout_seconds=wrong)
