"""How many run at the same time, what waits takes no place, and how all of it ends."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from millstream import _stopping, flow, task
from millstream._engine import FlowRunInfo, run_flow, stop
from millstream._pool import Pool, blocked
from millstream.exceptions import RunInterrupted
from millstream.futures import wait
from millstream.task_runners import (
    ExecutorTaskRunner,
    ProcessPoolTaskRunner,
    TaskRunner,
    ThreadPoolTaskRunner,
)

TWO = ThreadPoolTaskRunner(max_workers=2)


def until(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@task
def same(x):
    return x


class Meeting:
    """Counts how many are in it at the same time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __enter__(self):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self.lock:
            self.now -= 1


class TestLimit:
    @pytest.mark.parametrize("most", [1, 3])
    def test_no_more_at_the_same_time(self, most):
        meeting = Meeting()

        @task
        def meet():
            with meeting:
                time.sleep(0.001)

        flow(lambda: [meet.submit() for _ in range(50)] and None, task_runner=ThreadPoolTaskRunner(most))()
        assert meeting.most <= most

    def test_as_many_at_the_same_time(self):
        everybody = threading.Barrier(50)

        @task
        def meet():
            everybody.wait(60)

        flow(lambda: [meet.submit() for _ in range(50)] and None)()
        assert not everybody.broken

    def test_from_the_settings(self, monkeypatch):
        monkeypatch.setenv("MILLSTREAM_TASK_RUNNER_THREAD_POOL_MAX_WORKERS", "1")
        meeting = Meeting()

        @task
        def meet():
            with meeting:
                time.sleep(0.001)

        flow(lambda: [meet.submit() for _ in range(10)] and None)()
        assert meeting.most == 1

    def test_those_that_wait_do_not_count(self):
        meeting = Meeting()

        @task
        def inner():
            with meeting:
                time.sleep(0.001)

        @task
        def outer():
            wait([inner.submit(), inner.submit()])
            inner.submit().result()

        flow(lambda: [outer.submit() for _ in range(20)] and None, task_runner=TWO)()
        assert meeting.most <= 2

    @pytest.mark.parametrize("kind", [ThreadPoolTaskRunner, ProcessPoolTaskRunner])
    @pytest.mark.parametrize("number", [0, -1, 1.5, "2", True])
    def test_wrong_numbers(self, kind, number):
        with pytest.raises(ValueError, match="max_workers is a whole number from 1 on, and got"):
            kind(max_workers=number)

    def test_wrong_executors(self):
        with pytest.raises(TypeError, match="executor is a function that gives one"):
            ExecutorTaskRunner(object())

    def test_wrong_runners(self):
        with pytest.raises(TypeError, match=r"task_runner is one of millstream.task_runners"):
            flow(lambda: 1, task_runner="threads")

    def test_runners_that_cannot_be_opened(self):
        class Broken(TaskRunner):
            def open(self):
                raise ConnectionError("no cluster there")

        with pytest.raises(ConnectionError, match="no cluster there"):
            flow(lambda: same.submit(1), task_runner=Broken())()

    def test_executors_that_break(self):
        def executor():
            closed = ThreadPoolExecutor(1)
            closed.shutdown()
            return closed

        state = flow(lambda: same.submit(1), task_runner=ExecutorTaskRunner(executor))(return_state=True)
        assert "cannot schedule new futures after shutdown" in str(state.result(raise_on_failure=False))

    def test_executors_of_threads(self):
        runner = ExecutorTaskRunner(lambda: ThreadPoolExecutor(2))
        assert flow(lambda: same.map(same.map(range(5))).result(), task_runner=runner)() == list(range(5))


class TestWide:
    def test_nested_maps(self):
        @task
        def inner(x):
            return x

        @task
        def outer(x):
            return sum(inner.map([x, x]).result())

        assert flow(lambda: outer.map(range(500)).result(), task_runner=TWO)() == [2 * x for x in range(500)]

    def test_nested_maps_of_async_tasks(self):
        @task
        async def inner(x):
            await asyncio.sleep(0)
            return x

        @task
        async def outer(x):
            return sum(await asyncio.gather(*(future.result_async() for future in inner.map([x, x]))))

        assert flow(lambda: outer.map(range(50)).result(), task_runner=TWO)() == [2 * x for x in range(50)]

    def test_chains(self):
        def fn():
            futures = same.map(range(500))
            for _ in range(5):
                futures = same.map(futures, wait_for=futures[:1])
            return futures.result()

        assert flow(fn, task_runner=TWO)() == list(range(500))

    def test_waits_in_tasks(self):
        @task
        def waits(others):
            return len(others)

        def fn():
            futures = same.map(range(500))
            return waits.map([futures] * 20).result()

        assert flow(fn, task_runner=TWO)() == [500] * 20

    def test_deep(self):
        @task
        def down(n):
            return 0 if n == 0 else 1 + down.submit(n - 1).result()

        assert flow(lambda: down.submit(100).result(), task_runner=TWO)() == 100

    def test_subflows_in_submitted_tasks(self):
        @flow(task_runner=TWO)
        def inner(x):
            return sum(same.map([x, x]).result())

        @task
        def calls(x):
            return inner(x)

        assert flow(lambda: calls.map(range(50)).result(), task_runner=TWO)() == [2 * x for x in range(50)]

    def test_retries_that_wait_take_no_place(self):
        others = threading.Event()

        @task(retries=1, retry_delay_seconds=0.2)
        def flaky(attempts):
            attempts.append(1)
            if len(attempts) == 1:
                raise ValueError("once")
            assert others.wait(60)
            return "again"

        @task
        def quick():
            others.set()

        def fn():
            first = flaky.submit([])
            quick.submit()
            return first.result()

        assert flow(fn, task_runner=TWO)() == "again"

    def test_in_async_flows(self):
        @task
        async def outer(x):
            return sum([await f.result_async() for f in same.map([x, x])])

        @flow(task_runner=TWO)
        async def fn():
            return await asyncio.gather(*(f.result_async() for f in outer.map(range(50))))

        assert asyncio.run(fn()) == [2 * x for x in range(50)]


class TestThreads:
    def test_names(self):
        @task
        def name():
            return threading.current_thread().name

        assert flow(lambda: name.submit().result())().startswith("millstream-task_")

    def test_end_with_the_flow(self):
        def left():
            return [t for t in threading.enumerate() if t.name.startswith("millstream-task")]

        flow(lambda: same.map(range(100)).result())()
        until(lambda: not left())

    def test_a_pool_that_is_closed(self):
        pool = Pool(1, "test")
        pool.close()
        with pytest.raises(RuntimeError, match="closed"):
            pool.submit(lambda: None)

    def test_what_waits_in_a_closed_pool_is_done(self):
        pool = Pool(1, "test")
        done = []
        gate = threading.Event()
        pool.submit(lambda: gate.wait(60))
        pool.submit(lambda: done.append(1))
        pool.close()
        gate.set()
        until(lambda: done)

    def test_no_more_threads(self, monkeypatch):
        def start(_):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        state = flow(lambda: same.submit(1), name="f")(return_state=True)
        assert "can't start new thread" in str(state.result(raise_on_failure=False))

    def test_blocked_elsewhere(self):
        with blocked():
            assert True


class TestInterruption:
    @pytest.fixture(autouse=True)
    def _goes_on_afterwards(self):
        yield
        _stopping.stopped = False

    @pytest.mark.parametrize("runner", [TWO, ProcessPoolTaskRunner(1)], ids=["threads", "processes"])
    def test_stop(self, runner, tmp_path):
        @task
        def runs(folder):
            (folder / "began").touch()
            while not (folder / "go").exists():
                time.sleep(0.005)
            return "to its end"

        futures = []

        @flow(task_runner=runner)
        def stops():
            running = runs.submit(tmp_path)
            futures.append(running)
            until((tmp_path / "began").exists)
            futures.extend(same.map([1, running]))
            if runner is not TWO:
                futures.append(same.submit(2))
            else:
                futures[1].wait()
            stop()
            (tmp_path / "go").touch()
            return running

        info = FlowRunInfo()
        state = run_flow(stops, run=info)
        assert futures[0].result() == "to its end"
        last = futures[2].state
        assert last.is_crashed()
        assert last.message == "Task 'same' did not start: the process was asked to stop."
        assert isinstance(last.data, RunInterrupted)
        assert state.is_completed()

    def test_interrupted_flows_leave_nothing_waiting(self):
        futures = []
        began = threading.Event()

        @task
        def runs():
            began.set()
            while True:
                time.sleep(0.001)

        @flow(task_runner=ThreadPoolTaskRunner(1))
        def interrupted():
            futures.append(runs.submit())
            futures.extend(same.map(range(10)))
            futures.append(same.submit(futures[0]))
            assert began.wait(60)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert all(future.state.is_cancelled() for future in futures[1:])
        futures[0].wait(60)
        assert futures[0].state.is_crashed()
        assert "was interrupted" in futures[0].state.message

    PROGRAM = """
        import os, signal, sys, threading, time, asyncio
        from millstream import flow, task
        from millstream.task_runners import ProcessPoolTaskRunner

        signal.signal(signal.SIGINT, signal.default_int_handler)  # also where tests run in the background

        @task
        def endless(x):
            if x == 0:
                open(sys_path, "w").close()
            while True:
                time.sleep(0.01)

        def crashed(flow, run, state):
            print(state.name, flush=True)

        def later():
            while not os.path.exists(sys_path):
                time.sleep(0.01)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # as a terminal does

        options = dict(task_runner={runner}, on_crashed=[crashed])
        sys_path = {path!r}

        @flow(**options)
        def waits_for_results():
            threading.Thread(target=later, daemon=True).start()
            endless.map(range(20)).result()

        @flow(**options)
        def just_ends():
            threading.Thread(target=later, daemon=True).start()
            endless.map(range(20))

        @flow(**options)
        async def awaits_results():
            threading.Thread(target=later, daemon=True).start()
            await endless.map(range(20))[0].result_async()

        @flow(**options)
        async def just_ends_async():
            threading.Thread(target=later, daemon=True).start()
            endless.map(range(20))

        result = {flow}()
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    """

    @pytest.mark.parametrize("runner", ["None", "ProcessPoolTaskRunner(2)"])
    @pytest.mark.parametrize("which", ["waits_for_results", "just_ends", "awaits_results", "just_ends_async"])
    def test_ctrl_c(self, runner, which, tmp_path):
        program = textwrap.dedent(self.PROGRAM).format(
            runner=runner, flow=which, path=str(tmp_path / "began")
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stdout == "Crashed\n", done.stderr
        assert done.returncode == -signal.SIGINT
        assert "KeyboardInterrupt" in done.stderr

    def test_scripts_need_no_guard(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            textwrap.dedent("""
                import os
                from millstream import flow, task
                from millstream.task_runners import ProcessPoolTaskRunner

                class Row:
                    def __init__(self, x):
                        self.x = x

                class Bad(Exception):
                    pass

                @task
                def make(x):
                    if x == 2:
                        raise Bad("two")
                    return Row(x), os.getpid()

                @flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
                def rows():
                    row, pid = make.submit(1).result()
                    assert type(row) is Row and row.x == 1 and pid != os.getpid()
                    try:
                        make.submit(2).result()
                    except Bad:
                        print("well")

                rows()
            """)
        )
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr

    def test_processes_end_with_a_flow_that_is_interrupted(self):
        pids = []
        pid = task(os.getpid)

        @flow(task_runner=ProcessPoolTaskRunner(1))
        def interrupted():
            pids.append(pid.submit().result())
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)
