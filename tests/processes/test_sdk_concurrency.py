"""Limits: how many hold one at the same time, and how often, in threads, processes and coroutines."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from concurrency_peers import mark_presence, occupy, take_turns
from storage_peers import peer

from millstream import _stopping, flow, task
from millstream.concurrency import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencyLimitNotFoundError,
    ConcurrencySlotAcquisitionError,
    _limits,
    concurrency,
    rate_limit,
)
from millstream.concurrency import asyncio as for_asyncio
from millstream.concurrency import sync as for_threads
from millstream.exceptions import RunInterrupted
from millstream.settings import SettingsError, get_current_settings, temporary_settings
from millstream.task_runners import ThreadPoolTaskRunner

TIMEOUT = AcquireConcurrencySlotTimeoutError
LIMITS = {"one": 1, "other": 1, "three": 3, "none": 0, "a/b": 1, "a%2Fb": 1, "..": 1, "unrated": 2}


@pytest.fixture(autouse=True)
def settings(tmp_path):
    given = {
        "MILLSTREAM_RESULTS_STORAGE": str(tmp_path / "storage"),
        "MILLSTREAM_CONCURRENCY_LIMITS": LIMITS,
        "MILLSTREAM_CONCURRENCY_SLOT_DECAY_PER_SECOND": {"one": 2, "other": 0.5, "three": 1},
    }
    with temporary_settings(given):
        yield given


def is_free(names, slots=1):
    try:
        with concurrency(names, occupy=slots, timeout_seconds=0):
            return True
    except TIMEOUT:
        return False


def eventually(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class TestSlots:
    def test_there_are_as_many_as_the_settings_say(self):
        with ExitStack() as held:
            for _ in range(3):
                held.enter_context(concurrency("three", timeout_seconds=0))
            assert not is_free("three")
        assert is_free("three", 3)

    def test_several_at_once(self):
        with concurrency("three", occupy=2):
            assert is_free("three")
            assert not is_free("three", 2)
            assert is_free("three")
        assert is_free("three", 3)

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, RunInterrupted])
    def test_they_are_given_back_after_an_exception(self, error):
        with pytest.raises(error), concurrency(["one", "three"], occupy=1):
            raise error
        assert is_free(["one", "three"])

    def test_of_several_names_all_or_none(self):
        with concurrency("other"):
            assert not is_free(["one", "other"])
            assert is_free("one")
        with concurrency(["other", "one", "other"]):
            assert not is_free("one")
            assert not is_free("other")

    def test_no_names_and_no_limit(self):
        with concurrency([]):
            rate_limit([])

    @pytest.mark.parametrize("name", ["a/b", "a%2Fb", ".."])
    def test_any_name_will_do(self, name):
        with concurrency(name):
            assert not is_free(name)
            assert is_free([other for other in LIMITS if other not in {name, "none"}])

    def test_a_higher_limit_holds_at_once(self):
        with concurrency("one"), temporary_settings({"MILLSTREAM_CONCURRENCY_LIMITS": '{"one": 2}'}):
            assert is_free("one")

    def test_the_names_of_prefects_modules(self):
        assert for_threads.concurrency is concurrency
        assert for_threads.rate_limit is rate_limit


class TestWhatCannotBe:
    @pytest.mark.parametrize(("name", "slots"), [("one", 2), ("none", 1)])
    @pytest.mark.parametrize("take", [concurrency, rate_limit])
    def test_more_than_there_are(self, take, name, slots):
        with pytest.raises(
            ConcurrencySlotAcquisitionError, match=rf"'{name}' has \d slots.*CONCURRENCY_LIMITS"
        ):
            ExitStack().enter_context(take(name, slots))

    def test_less_than_one(self):
        with pytest.raises(ValueError, match="occupy"):
            rate_limit("one", 0)

    def test_strict(self):
        with (
            pytest.raises(ConcurrencyLimitNotFoundError, match=r'LIMITS=\{"nowhere": <slots>\}'),
            concurrency(["one", "nowhere"], strict=True),
        ):
            pass
        with pytest.raises(LookupError):
            rate_limit("nowhere", strict=True)
        assert is_free("one")

    def test_not_strict(self, logs, monkeypatch):
        monkeypatch.setattr(_limits, "_missed", set())
        for _ in range(2):
            with concurrency(["one", "nowhere"], occupy=1):
                assert not is_free("one")
            rate_limit("nowhere", occupy=5)
        assert [(record.levelname, record.name) for record in logs.records] == [
            ("WARNING", "millstream.concurrency")
        ]
        assert "'nowhere'" in logs.text

    def test_a_rate_that_is_not_set(self):
        with pytest.raises(ConcurrencySlotAcquisitionError, match="SLOT_DECAY_PER_SECOND"):
            rate_limit("unrated")

    @pytest.mark.parametrize("value", ['{"one": 0}', {"one": True}, "[]", '{"one": -1}', '{"one": "nan"}'])
    def test_rates_that_are_none(self, value):
        with (
            temporary_settings({"MILLSTREAM_CONCURRENCY_SLOT_DECAY_PER_SECOND": value}),
            pytest.raises(SettingsError),
        ):
            _ = get_current_settings().concurrency_slot_decay_per_second


class TestWaiting:
    def test_it_ends_when_a_slot_is_given_back(self, still):
        with ExitStack() as holder:
            holder.enter_context(concurrency("one"))
            still.while_asleep = lambda: holder.close() if len(still.slept) == 3 else None
            with concurrency("one"):
                assert len(still.slept) == 3

    def test_timeout(self, still):
        before = still.now
        with (
            concurrency("one"),
            pytest.raises(TIMEOUT, match=r"'one', 'other' were not free within 20 s.*timeout_seconds"),
            concurrency(["other", "one"], timeout_seconds=20),
        ):
            pass
        assert still.now == pytest.approx(before + 20)
        assert is_free(["one", "other"])

    def test_timeout_error_is_one_of_pythons(self):
        with concurrency("one"), pytest.raises(TimeoutError), concurrency("one", timeout_seconds=0):
            pass

    def test_one_who_wants_many_is_not_overtaken_for_ever(self, still):
        overtaken = []
        with ExitStack() as holder:
            holder.enter_context(concurrency("three"))

            def another_comes():
                overtaken.append(is_free("three"))
                holder.close()

            still.while_asleep = another_comes
            with concurrency("three", occupy=3):
                assert overtaken == [False]

    def test_a_process_that_is_to_stop(self, still, monkeypatch):
        still.while_asleep = lambda: monkeypatch.setattr(_stopping, "stopped", True)
        with concurrency("one"), pytest.raises(RunInterrupted, match="'one'"), concurrency("one"):
            pass
        monkeypatch.setattr(_stopping, "stopped", False)
        assert is_free("one")
        rate_limit("one")
        with pytest.raises(RunInterrupted, match="'one'"):
            rate_limit("one")


class TestThreads:
    def test_never_too_many(self):
        inside, most = Counter(), Counter()
        counting = threading.Lock()

        def work(number):
            names = [["one"], ["three"], ["three", "one"], ["other", "three"]][number % 4]
            with concurrency(names):
                for name in names:
                    with counting:
                        inside[name] += 1
                        most[name] = max(most[name], inside[name])
                for name in names:
                    with counting:
                        inside[name] -= 1

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(80)))
        assert most["one"] == most["other"] == 1
        assert 1 <= most["three"] <= 3

    def test_no_circle_of_partial_holdings(self):
        def work(number):
            with concurrency(["three", "one"] if number % 2 else ["one", "three"]):
                pass
            with concurrency("three", occupy=2 + number % 2):
                pass

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(30)))

    def test_one_that_waits_does_not_count_in_the_task_runner(self):
        @task
        def waits():
            with concurrency("one"):
                return "waited"

        @task
        def gives_back(holder):
            holder.close()

        @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
        def race():
            holder = ExitStack()
            holder.enter_context(concurrency("one"))
            first = waits.submit()
            gives_back.submit(holder)
            return first.result()

        assert race() == "waited"


class TestProcesses:
    def test_one_that_is_killed_gives_back_what_it_held(self, settings):
        with peer(occupy, settings, "three", 3) as other:
            assert other.hear() == "held"
            assert not is_free("three")
            other.kill()
            with concurrency("three", occupy=3, timeout_seconds=60):
                pass

    def test_one_that_waits_for_another(self, settings):
        with ExitStack() as ours, peer(occupy, settings, "one", 1) as other:
            ours.enter_context(concurrency("one", timeout_seconds=0))
            ours.close()
            assert other.hear() == "held"
            assert not is_free("one")

    def test_never_too_many(self, settings, tmp_path):
        (tmp_path / "present").mkdir()
        with ExitStack() as running:
            job = mark_presence, settings, "three", tmp_path / "present", 20
            others = [running.enter_context(peer(*job)) for _ in range(4)]
            assert all(1 <= other.hear() <= 3 for other in others)

    def test_a_child_of_a_fork_holds_nothing(self):
        with concurrency("one"):
            child = os.fork()
            if child == 0:
                signal.pause()
        try:
            assert is_free("one")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


class TestAsync:
    async def test_slots(self):
        async with for_asyncio.concurrency("three", occupy=2):
            assert await asyncio.to_thread(is_free, "three")
            assert not await asyncio.to_thread(is_free, "three", 2)
        assert await asyncio.to_thread(is_free, "three", 3)

    async def test_many_coroutines(self):
        inside, most = 0, 0

        async def work():
            nonlocal inside, most
            async with for_asyncio.concurrency("three"):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(work() for _ in range(60)))
        assert 1 <= most <= 3

    async def test_the_event_loop_goes_on(self):
        async def wait():
            async with for_asyncio.concurrency("one"):
                return "got it"

        with concurrency("one"):
            waiting = asyncio.create_task(wait())
            for _ in range(50):
                await asyncio.sleep(0.001)
            assert not waiting.done()
        assert await waiting == "got it"

    async def test_threads_that_wait_do_not_keep_a_coroutine_from_giving_back(self):
        def take():
            with concurrency("one"):
                return "got it"

        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as only:
            loop.set_default_executor(only)
            async with for_asyncio.concurrency("one"):
                waiting = loop.run_in_executor(None, take)
                await asyncio.sleep(0)
            assert await waiting == "got it"

    async def test_timeout_and_exceptions(self):
        async with for_asyncio.concurrency("one"):
            with pytest.raises(TIMEOUT):
                async with for_asyncio.concurrency(["one", "other"], timeout_seconds=0.01):
                    pass
        with pytest.raises(ZeroDivisionError):
            async with for_asyncio.concurrency(["one", "other"]):
                raise ZeroDivisionError
        with pytest.raises(ConcurrencyLimitNotFoundError):
            async with for_asyncio.concurrency("nowhere", strict=True):
                pass
        assert is_free(["one", "other"])

    async def test_cancelled_while_it_waits_and_while_it_holds(self):
        async def hold():
            async with for_asyncio.concurrency("three", occupy=3):
                await asyncio.Event().wait()

        for steps in range(12):
            held = asyncio.create_task(hold())
            for _ in range(steps):
                await asyncio.sleep(0.001)
            held.cancel()
            with pytest.raises(asyncio.CancelledError):
                await held
            async with for_asyncio.concurrency("three", occupy=3, timeout_seconds=60):
                pass

    async def test_rate_limit(self, still):
        await for_asyncio.rate_limit("three", occupy=3)
        await for_asyncio.rate_limit("three")
        assert still.slept == [1]
        with pytest.raises(TIMEOUT):
            await for_asyncio.rate_limit("three", timeout_seconds=0.5)

    async def test_a_process_that_is_to_stop(self, still, monkeypatch):
        await for_asyncio.rate_limit("one")
        still.while_asleep = lambda: monkeypatch.setattr(_stopping, "stopped", True)
        with pytest.raises(RunInterrupted, match="'one'"):
            await for_asyncio.rate_limit("one")

    def test_after_a_fork(self):
        async def take():
            async with for_asyncio.concurrency("one", timeout_seconds=60):
                return

        asyncio.run(take())
        child = os.fork()
        if child == 0:
            asyncio.run(take())
            os._exit(42)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42


class TestRateLimit:
    def test_all_slots_at_once_then_as_they_fill_up(self, still):
        for _ in range(3):
            rate_limit("three")
        assert still.slept == []
        for _ in range(2):
            rate_limit("three")
        assert still.slept == [1, 1]
        rate_limit("three", occupy=2)
        assert still.slept[2:] == [2]

    def test_it_never_holds_more_than_its_slots(self, still):
        rate_limit("three", occupy=3)
        still.now += 1000
        rate_limit("three", occupy=3)
        rate_limit("three", timeout_seconds=1)
        assert still.slept == [1]

    def test_of_several_the_slowest(self, still):
        rate_limit(["one", "other"])
        rate_limit(["one", "other"])
        assert still.slept == [2]

    def test_what_fails_takes_nothing(self, still):
        rate_limit("other")
        for _ in range(3):
            with pytest.raises(TIMEOUT, match=r"within 1\.5 s"):
                rate_limit(["one", "other"], timeout_seconds=1.5)
        rate_limit("one")
        rate_limit("other")
        assert still.slept == [2]

    def test_a_clock_that_is_behind_fills_nothing_twice(self, still):
        rate_limit("three", occupy=3)
        still.now -= 100
        with pytest.raises(TIMEOUT):
            rate_limit("three", timeout_seconds=0.9)
        still.now += 101
        rate_limit("three", timeout_seconds=0)

    def test_over_threads_each_slot_is_taken_once(self):
        slow = {"MILLSTREAM_CONCURRENCY_SLOT_DECAY_PER_SECOND": {"three": 1e-9}}

        def attempt(_):
            try:
                rate_limit("three", timeout_seconds=0)
            except TIMEOUT:
                return False
            return True

        with temporary_settings(slow), ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(attempt, range(12))) == 3

    def test_over_processes(self, settings):
        slow = settings | {"MILLSTREAM_CONCURRENCY_SLOT_DECAY_PER_SECOND": json.dumps({"three": 1e-9})}
        with peer(take_turns, slow, "three", 3) as other:
            assert other.hear() == "done"
        with temporary_settings(slow), pytest.raises(TIMEOUT):
            rate_limit("three", timeout_seconds=0)


def test_the_synchronous_part_loads_no_asyncio():
    code = "import sys, millstream.concurrency; print('asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
