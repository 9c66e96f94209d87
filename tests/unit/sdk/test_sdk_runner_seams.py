"""What the runner in the pod builds on: running a flow to its state, counting, stopping."""

import asyncio
import subprocess
import sys
import threading

import pytest

from millstream import _stopping, flow, get_run_context, task
from millstream._engine import FlowRunInfo, flow_runs, run_flow, stop, stop_requested
from millstream.exceptions import RunInterrupted
from millstream.task_runners import ProcessPoolTaskRunner


@pytest.fixture(autouse=True)
def _not_stopped():
    yield
    _stopping.stopped = False


@task
def good():
    return 1


@task
def bad():
    raise ValueError("boom")


class TestRunFlow:
    def test_knows_what_it_was_told(self):
        @flow(flow_run_name="from-the-flow", log_prints=True)
        def fn(x: int):
            run = get_run_context().flow_run
            return run.id, run.name, run.tags, run.parameters

        info = FlowRunInfo(run_id="id-1", name="nightly-1", tags=["a"])
        assert run_flow(fn, {"x": "1"}, run=info).data == ("id-1", "nightly-1", {"a"}, {"x": 1})

    def test_nothing_has_to_be_known(self):
        assert run_flow(flow(lambda: 5)).data == 5

    @pytest.mark.parametrize("is_async", [False, True])
    def test_generators(self, is_async):
        def items():
            yield 1
            raise ValueError("boom")

        async def items_later():
            yield 1
            raise ValueError("boom")

        assert "ValueError: boom" in run_flow(flow(items_later if is_async else items)).message

    def test_asynchronous(self):
        @flow
        async def fn(x: int):
            await asyncio.sleep(0)
            return x

        assert run_flow(fn, {"x": 1}).data == 1

    @pytest.mark.parametrize("error", [ValueError("x"), SystemExit(2), KeyboardInterrupt(), GeneratorExit()])
    @pytest.mark.parametrize("is_async", [False, True])
    def test_raises_nothing_of_the_users(self, error, is_async):
        def raising():
            raise error

        async def raising_later():
            raise error

        state = run_flow(flow(raising_later if is_async else raising))
        assert state.data is error
        assert state.name == ("Failed" if isinstance(error, Exception) else "Crashed")

    def test_an_interrupt_that_hits_the_engine_itself(self, monkeypatch):
        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(flow_runs.FlowRun, "returned", interrupt)
        state = run_flow(flow(lambda: 1, name="f"))
        assert (state.name, state.message) == (
            "Crashed",
            "Flow 'f' was interrupted from the keyboard (KeyboardInterrupt).",
        )

    def test_parameters_that_do_not_fit(self, logs):
        state = run_flow(flow(lambda x: x, name="f"), {"y": 1}, run=FlowRunInfo(name="r"))
        assert state.is_failed()
        assert state.message.startswith("Flow 'f' cannot be called like this: missing 'x'; unknown 'y'")
        [record] = logs.records
        assert (record.levelname, record.flow_run_name, record.exc_info) == ("ERROR", "r", None)

    def test_not_inside_of_a_running_loop(self):
        async def outer():
            async def fn():
                pass

            run_flow(flow(fn))

        with pytest.raises(RuntimeError, match="event loop"):
            asyncio.run(outer())


class TestCounts:
    def test_by_state_with_those_of_subflows_and_tasks_in_tasks(self):
        info = FlowRunInfo()
        seen = []

        @task
        def outer_task():
            good()

        @flow
        def inner():
            good()
            bad(return_state=True)

        @flow
        def outer():
            good()
            seen.append(info.task_counts())
            inner()
            outer_task()
            bad()

        run_flow(outer, run=info)
        assert seen == [{"Completed": 1}]
        assert info.task_counts() == {"Completed": 4, "Failed": 2}

    def test_a_retried_task_counts_once(self):
        info = FlowRunInfo()
        run_flow(flow(lambda: bad.with_options(retries=3)(return_state=True)), run=info)
        assert info.task_counts() == {"Failed": 1}
        assert info.task_retries() == 3

    def test_retries_in_other_processes_and_in_subflows_count_too(self):
        def fails():
            raise OSError

        @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
        def inner():
            task(fails, retries=2).submit().wait()

        @flow
        def outer():
            inner()
            bad.with_options(retries=1)(return_state=True)

        info = FlowRunInfo()
        run_flow(outer, run=info)
        assert info.task_retries() == 3

    def test_crashed(self):
        def interrupted():
            raise KeyboardInterrupt

        info = FlowRunInfo()
        run_flow(flow(task(interrupted)), run=info)
        assert info.task_counts() == {"Crashed": 1}

    def test_answer_is_a_copy(self):
        info = FlowRunInfo()
        info.task_counts()["x"] = 1
        assert info.task_counts() == {}

    async def test_asynchronous_tasks(self):
        info = FlowRunInfo()

        async def later():
            await asyncio.sleep(0)

        @flow
        async def fn():
            await asyncio.gather(*(task(later)() for _ in range(50)))

        await asyncio.to_thread(run_flow, fn, run=info)
        assert info.task_counts() == {"Completed": 50}


class TestStop:
    def test_no_new_task_starts_and_running_ones_end(self):
        info = FlowRunInfo()
        ended = []

        @task
        def stopping():
            stop()
            ended.append(1)

        @flow(name="f")
        def fn():
            stopping()
            try:
                good()
            except Exception:  # noqa: BLE001 - the point: it does not catch it
                ended.append("caught")

        assert not stop_requested()
        state = run_flow(fn, run=info)
        assert stop_requested()
        assert ended == [1]
        assert isinstance(state.data, RunInterrupted)
        assert (state.name, state.message) == (
            "Crashed",
            "Task 'good' did not start: the process was asked to stop.",
        )
        assert info.task_counts() == {"Completed": 1}

    def test_a_flow_that_starts_nothing_more_completes(self):
        @flow
        def fn():
            stop()
            stop()
            return 1

        assert run_flow(fn).data == 1

    def test_neither_subflows_nor_flows_start(self):
        inner = flow(lambda: 1, name="inner")
        assert run_flow(flow(lambda: stop() or inner())).message.startswith("Flow 'inner' did not start")
        with pytest.raises(RunInterrupted, match="Flow 'inner' did not start: the process was asked to stop"):
            inner(return_state=True)

    def test_no_further_attempt_starts(self, still):
        still.while_asleep = stop
        retried = bad.with_options(retries=3, retry_delay_seconds=9)
        state = run_flow(flow(lambda: retried(return_state=True)))
        assert still.slept == [9]
        assert state.message == "The next attempt of Task 'bad' did not start: the process was asked to stop."

    @pytest.mark.parametrize("is_async", [False, True])
    def test_wakes_waiting_attempts(self, is_async, monkeypatch):
        """With the real sleep: the stop comes while it lasts, from another thread."""
        asleep = threading.Event()
        woken_by = _stopping.woken_by

        def announced(wake):
            asleep.set()
            return woken_by(wake)

        monkeypatch.setattr(_stopping, "woken_by", announced)

        def work():
            raise ValueError

        async def work_later():
            raise ValueError

        @flow
        async def outer_later():
            await task(work_later, retries=1, retry_delay_seconds=3600)()

        @flow
        def outer():
            task(work, retries=1, retry_delay_seconds=3600)()

        stopper = threading.Thread(target=lambda: asleep.wait() and stop())
        stopper.start()
        state = run_flow(outer_later if is_async else outer)
        stopper.join()
        assert isinstance(state.data, RunInterrupted)
        assert not _stopping._wakers

    def test_stopped_before_the_sleep_does_not_sleep(self):
        stop()
        _stopping.sleep(3600)
        asyncio.run(_stopping.sleep_async(3600))

    def test_a_sleeper_that_is_gone_by_then_does_no_harm(self, monkeypatch):
        loop = asyncio.new_event_loop()
        loop.close()
        late = threading.Lock()
        monkeypatch.setattr(_stopping, "_wakers", {lambda: loop.call_soon_threadsafe(print), late.release})
        stop()
        assert stop_requested()

    def test_real_sleeps_end_by_themselves(self):
        _stopping.sleep(0.001)
        asyncio.run(_stopping.sleep_async(0.001))

    def test_from_a_signal_handler_in_a_sleeping_main_thread(self):
        code = """
import os, signal, threading
from millstream import flow, task
from millstream import _stopping
from millstream._engine import FlowRunInfo, run_flow, stop

info = FlowRunInfo()
signal.signal(signal.SIGTERM, lambda *_: (info.task_counts(), stop()))
woken_by = _stopping.woken_by
def announced(wake):
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    return woken_by(wake)
_stopping.woken_by = announced

@task(retries=1, retry_delay_seconds=3600)
def bad():
    raise ValueError

state = run_flow(flow(lambda: bad()), run=info)
print(state.name, type(state.data).__name__, info.task_counts())
"""
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
        )
        assert done.stdout == "Crashed RunInterrupted {'Crashed': 1}\n"
