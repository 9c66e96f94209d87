"""What holds wherever submitted tasks run: in threads, in processes, and on a Dask cluster.

Tasks are defined in the tests: workers cannot import this module.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

from millstream import allow_failure, flow, get_run_context, get_run_logger, runtime, tags, task, unmapped
from millstream._engine import FlowRunInfo, run_flow
from millstream.exceptions import CrashedRun, FailedRun, RunTimeoutError
from millstream.futures import as_completed, wait
from millstream.settings import get_current_settings, temporary_settings
from millstream.states import Completed
from millstream.task_runners import ExecutorTaskRunner, ProcessPoolTaskRunner, ThreadPoolTaskRunner


@pytest.fixture(scope="module")
def dask_client():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(params=["threads", "two threads", "processes", "dask"])
def runner(request):
    if request.param == "dask":
        return ExecutorTaskRunner(request.getfixturevalue("dask_client").get_executor)
    return {
        "threads": ThreadPoolTaskRunner(),
        "two threads": ThreadPoolTaskRunner(max_workers=2),
        "processes": ProcessPoolTaskRunner(max_workers=2),
    }[request.param]


@pytest.fixture(params=["processes", "dask"])
def remote(request):
    if request.param == "dask":
        return ExecutorTaskRunner(request.getfixturevalue("dask_client").get_executor)
    return ProcessPoolTaskRunner(max_workers=2)


def run(runner, fn, **options):
    """What a flow of this function gives."""
    return flow(task_runner=runner, **options)(fn)()


@pytest.fixture
def double():
    @task
    def double(x):
        return 2 * x

    return double


@pytest.fixture
def fail():
    @task
    def fail(*_args):
        raise ValueError("no")

    return fail


class TestResults:
    def test_in_order(self, runner, double):
        assert run(runner, lambda: double.map(range(20)).result()) == list(range(0, 40, 2))

    def test_futures_are_arguments(self, runner, double):
        assert run(runner, lambda: double.submit(double.submit(x=double.submit(1))).result()) == 8

    def test_futures_in_collections(self, runner, double):
        @task
        def total(numbers, more):
            return sum(numbers) + sum(more["more"])

        assert (
            run(runner, lambda: total.submit(double.map([1, 2]), {"more": (double.submit(3),)}).result())
            == 12
        )

    def test_map_over_futures(self, runner, double):
        assert run(runner, lambda: double.map(double.map(double.map([1, 2]))).result()) == [8, 16]

    def test_map_over_the_result_of_one(self, runner, double):
        @task
        def numbers():
            return [1, 2, 3]

        assert run(runner, lambda: double.map(numbers.submit()).result()) == [2, 4, 6]

    def test_unmapped(self, runner):
        @task
        def add(x, ys):
            return x + sum(ys)

        assert run(runner, lambda: add.map([1, 2], unmapped([10, 20])).result()) == [31, 32]

    def test_as_completed_and_wait(self, runner, double):
        def fn():
            futures = double.map(range(5))
            done, not_done = wait(futures)
            return sorted(f.result() for f in as_completed(futures)), len(done), len(not_done)

        assert run(runner, fn) == ([0, 2, 4, 6, 8], 5, 0)

    def test_of_generators(self, runner):
        @task
        def items(n):
            yield from range(n)

        @task
        async def items_async(n):
            for item in range(n):
                yield item

        assert run(runner, lambda: (items.submit(2).result(), items_async.submit(3).result())) == (
            [0, 1],
            [0, 1, 2],
        )

    def test_async_tasks_in_both_kinds_of_flow(self, runner):
        @task
        async def later(x):
            await asyncio.sleep(0)
            return x + 1

        async def fn():
            return await later.submit(later.submit(1)).result_async()

        assert run(runner, lambda: later.submit(later.submit(1)).result()) == 3
        assert asyncio.run(run(runner, fn)) == 3

    def test_states(self, runner, double):
        @task
        def skipped():
            return Completed(name="Skipped", message="enough")

        def fn():
            return double.submit(1, return_state=True), skipped.submit(return_state=True)

        plain, own = run(runner, fn)
        assert (plain.name, plain.result()) == ("Completed", 2)
        assert (own.name, own.message) == ("Skipped", "enough")


class TestFailures:
    def test_of_a_task(self, runner, fail):
        with pytest.raises(ValueError, match="no"):
            run(runner, lambda: fail.submit().result())

    def test_of_a_task_that_nobody_asks_for(self, runner, fail):
        @flow(task_runner=runner)
        def ignores():
            fail.submit()
            return 1

        assert ignores() == 1

    def test_downstream_does_not_begin(self, runner, fail, double):
        @flow(task_runner=runner)
        def chain():
            first = double.submit(fail.submit())
            second = double.submit(1, wait_for=[first])
            third = double.submit([second])
            return [(f.wait(), f.state.name, f.state.message)[1:] for f in (first, second, third)]

        assert chain() == [
            ("NotReady", "Upstream task run 'fail-0' did not reach a 'COMPLETED' state."),
            ("NotReady", "Upstream task run 'double-0' did not reach a 'COMPLETED' state."),
            ("NotReady", "Upstream task run 'double-1' did not reach a 'COMPLETED' state."),
        ]

    def test_allowed(self, runner, fail):
        @task
        def kind(error):
            return type(error).__name__

        assert run(runner, lambda: kind.submit(allow_failure(fail.submit())).result()) == "ValueError"

    def test_retries(self, runner, tmp_path):
        @task(retries=2)
        def third_time():
            with (tmp_path / "attempts").open("a") as file:
                file.write("x")
            if get_run_context().task_run.run_count < 3:
                raise ValueError("again")
            return (tmp_path / "attempts").read_text()

        assert run(runner, lambda: third_time.submit().result()) == "xxx"

    def test_timeouts(self, runner):
        @task(timeout_seconds=0.1)
        def slow():
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                time.sleep(0.001)

        def fn():
            future = slow.submit()
            future.wait()
            return future.state.name, type(future.result(raise_on_failure=False))

        assert run(runner, fn) == ("TimedOut", RunTimeoutError)

    def test_wrong_arguments(self, runner, double):
        state = flow(task_runner=runner)(lambda: double.submit(y=1))(return_state=True)
        assert state.name == "Failed"
        assert "Task 'double' cannot be called like this: missing 'x'; unknown 'y'" in state.message

    def test_counts(self, runner, double, fail):
        @flow(task_runner=runner)
        def counted():
            double.map(range(3))
            double.submit(fail.submit())

        info = FlowRunInfo()
        run_flow(counted, run=info)
        assert info.task_counts() == {"Completed": 3, "Failed": 1, "NotReady": 1}


class TestNested:
    def test_tasks_submit_tasks(self, runner, double):
        @task
        def total(n):
            return sum(double.map(range(n)).result())

        assert run(runner, lambda: total.map([1, 2, 3]).result()) == [0, 2, 6]

    def test_a_task_gives_futures(self, runner, double):
        @task
        def submits():
            return double.map([1, 2])

        @flow(task_runner=runner)
        def fn():
            return [one.result() for one in submits.submit().result()], sum_of.submit(
                submits.submit()
            ).result()

        @task
        def sum_of(numbers):
            return sum(numbers)

        assert fn() == ([2, 4], 6)

    def test_subflows_in_tasks(self, runner, double):
        @flow
        def inner(x):
            return double.submit(x).result()

        @task
        def calls(x):
            return inner(x)

        assert run(runner, lambda: calls.map([1, 2]).result()) == [2, 4]

    def test_counts(self, runner, double):
        @task
        def total(n):
            return sum(double.map(range(n)).result())

        @flow(task_runner=runner)
        def counted():
            total.submit(3).wait()

        info = FlowRunInfo()
        run_flow(counted, run=info)
        assert info.task_counts() == {"Completed": 4}


class TestSurroundings:
    def test_context(self, runner):
        @task(tags=["own"])
        def tell(x):
            context = get_run_context()
            return {
                "x": x,
                "task": context.task_run.name,
                "parameters": context.task_run.parameters,
                "tags": runtime.task_run.tags,
                "id": runtime.task_run.id,
                "flow": runtime.flow_run.name,
                "flow_name": runtime.flow_run.flow_name,
                "flow_id": runtime.flow_run.id,
                "flow_parameters": runtime.flow_run.parameters,
                "flow_run_count": runtime.flow_run.run_count,
                "deployment": runtime.deployment.name,
            }

        @flow(task_runner=runner)
        def told(n):
            with tags("around"):
                future = tell.submit(x=n)
            return future.result(), future.task_run_id

        info = FlowRunInfo(run_id="an-id", name="a-name", deployment="a-deployment")
        facts, task_run_id = run_flow(told, {"n": 1}, run=info).result()
        assert facts == {
            "x": 1,
            "task": "tell-0",
            "parameters": {"x": 1},
            "tags": ["around", "own"],
            "id": task_run_id,
            "flow": "a-name",
            "flow_name": "told",
            "flow_id": "an-id",
            "flow_parameters": {"n": 1},
            "flow_run_count": 1,
            "deployment": "a-deployment",
        }

    def test_a_tasks_own_tags_stay_with_it(self, runner):
        @task
        def inner():
            return runtime.task_run.tags

        @task(tags=["own"])
        def outer():
            return inner.submit().result()

        def fn():
            with tags("around"):
                return outer.submit().result()

        assert run(runner, fn) == ["around"]

    def test_root_of_a_subflow(self, runner):
        @task
        def tell():
            return runtime.flow_run.root_flow_run_id, runtime.flow_run.parent_flow_run_id

        @flow(task_runner=runner)
        def inner():
            return tell.submit().result()

        @flow
        def outer():
            return inner(), runtime.flow_run.id

        (root, parent), own = outer()
        assert root == parent == own

    def test_prints_and_loggers(self, runner):
        @task
        def speaks():
            records = []
            handler = logging.Handler()
            handler.emit = records.append
            logger = logging.getLogger("millstream")
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG)
            try:
                print("printed")  # noqa: T201
                get_run_logger().info("logged")
            finally:
                logger.removeHandler(handler)
            return [(r.getMessage(), r.task_run_name, r.flow_run_name) for r in records]

        def fn():
            return speaks.submit().result(), runtime.flow_run.name

        lines, name = run(runner, fn, log_prints=True)
        assert [line for line in lines if line[0] in ("printed", "logged")] == [
            ("printed", "speaks-0", name),
            ("logged", "speaks-0", name),
        ]

    def test_names_are_numbered_in_the_order_of_submission(self, runner):
        @task
        def named():
            return runtime.task_run.name

        assert run(runner, lambda: [f.result() for f in [named.submit() for _ in range(3)]]) == [
            "named-0",
            "named-1",
            "named-2",
        ]

    def test_names_from_parameters(self, runner):
        @task(task_run_name="of-{x}")
        def named(x):
            return x, runtime.task_run.name

        def fn():
            future = named.submit(1)
            return future.result(), future.name

        assert run(runner, fn) == ((1, "of-1"), "of-1")


class TestTheEndOfAFlow:
    def test_everything_submitted_has_ended(self, runner, tmp_path):
        @task
        def write(x):
            (tmp_path / str(x)).touch()

        run(runner, lambda: [write.submit(x) for x in range(5)] and None)
        assert {path.name for path in tmp_path.iterdir()} == set("01234")

    @pytest.mark.parametrize("shape", [lambda f: f, lambda f: [f], lambda f: (f, f), lambda f: {f}])
    def test_that_returns_futures_of_failures(self, runner, fail, shape):
        state = flow(task_runner=runner)(lambda: shape(fail.submit()))(return_state=True)
        assert state.name == "Failed"

    def test_that_returns_a_dictionary(self, runner, double):
        assert run(runner, lambda: {"x": double.submit(1)})["x"].result() == 2

    def test_that_fails(self, runner, double):
        gone = []

        @flow(task_runner=runner)
        def fails():
            never = double.submit(1)
            gone.append(never)
            raise ValueError("early")

        with pytest.raises(ValueError, match="early"):
            fails()
        assert gone[0].state.is_final()

    def test_no_thread_or_process_is_left(self, runner, double):
        before = set(threading.enumerate())
        run(runner, lambda: double.map(range(4)).result())
        deadline = time.monotonic() + 20
        while left := {t for t in threading.enumerate() if t.name.startswith("millstream")} - before:
            assert time.monotonic() < deadline, left
            time.sleep(0.01)


class TestOtherProcesses:
    def test_another_one_it_is(self, remote):
        pid = task(os.getpid)
        assert run(remote, lambda: pid.submit().result()) != os.getpid()

    def test_arguments_that_cannot_be_sent(self, remote, double):
        def fn():
            future = double.submit(threading.Lock())
            future.wait()
            return future.state.name, future.state.message, double.submit(1).result()

        name, message, then = run(remote, fn)
        assert name == "Failed"
        assert message.startswith(
            "Task 'double' or its arguments cannot be sent to another process (TypeError"
        )
        assert "ThreadPoolTaskRunner" in message
        assert then == 2

    def test_functions_that_cannot_be_sent(self, remote):
        lock = threading.Lock()

        @task
        def locks():
            return lock

        with pytest.raises(TypeError, match="Task 'locks' or its arguments cannot be sent"):
            run(remote, lambda: locks.submit().result())

    def test_parameters_of_the_flow_that_cannot_be_sent(self, remote, double):
        @flow(task_runner=remote)
        def takes(lock):
            assert lock is not None
            return double.submit(1).result()

        with pytest.raises(TypeError, match=r"parameters of Flow 'takes'.* cannot be sent"):
            takes(threading.Lock())

    def test_results_that_cannot_be_sent(self, remote):
        @task
        def locks():
            return threading.Lock()

        state = flow(task_runner=remote)(lambda: [locks.submit()])(return_state=True)
        assert "Task 'locks' returned something that cannot be sent back" in str(
            state.result(raise_on_failure=False)
        )

    def test_exceptions_that_cannot_be_read(self, remote):
        class PickyError(Exception):
            def __init__(self, one, two):
                super().__init__(f"{one} and {two}")

        @task
        def raises():
            raise PickyError(1, 2)

        def fn():
            future = raises.submit()
            future.wait()
            return future.state.name, future.result(raise_on_failure=False)

        name, error = run(remote, fn)
        assert name == "Failed"
        assert isinstance(error, FailedRun)
        assert "PickyError: 1 and 2" in str(error)

    def test_modules_that_are_not_there(self, remote, double):
        class Elsewhere:
            def __reduce__(self):
                return __import__, ("no_such_module",)

        def fn():
            state = double.submit(Elsewhere(), return_state=True)
            return state.name, state.message

        name, message = run(remote, fn)
        assert name == "Crashed"
        assert "No module named 'no_such_module'" in message
        assert "See that its module can be imported there" in message

    @pytest.mark.parametrize("how", ["kill", "exit"])
    def test_a_worker_that_dies(self, remote, double, how):
        @task
        def dies():
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(3)

        def fn():
            future = dies.submit()
            future.wait()
            return (
                future.state.name,
                future.state.message,
                type(future.result(raise_on_failure=False)),
                double.map(range(4)).result(),
            )

        info = FlowRunInfo()
        name, message, _, then = run_flow(flow(task_runner=remote)(fn), run=info).result()
        assert name == "Crashed"
        assert "Task 'dies' was lost with the process that ran it" in message
        assert then == [0, 2, 4, 6]
        assert info.task_counts() == {"Crashed": 1, "Completed": 4}

    def test_sys_exit(self, remote, double):
        @task
        def leaves():
            raise SystemExit(3)

        def fn():
            future = leaves.submit()
            future.wait()
            return future.state.name, double.submit(1).result()

        assert run(remote, fn) == ("Crashed", 2)


class TestProcesses:
    @pytest.fixture
    def processes(self):
        return ProcessPoolTaskRunner(max_workers=2)

    def test_only_the_run_of_the_killed_process_is_lost(self, processes, tmp_path):
        @task
        def dies():
            while not (tmp_path / "began").exists():
                time.sleep(0.01)
            os._exit(3)

        @task
        def lives():
            (tmp_path / "began").touch()
            while not (tmp_path / "go").exists():
                time.sleep(0.01)
            return "alive"

        def fn():
            living, dying = lives.submit(), dies.submit()
            dying.wait()
            (tmp_path / "go").touch()
            return living.result(), dying.state.message, type(dying.result(raise_on_failure=False))

        result, message, error = run(processes, fn)
        assert result == "alive"
        assert "ended by itself with exit code 3" in message
        assert error is CrashedRun

    def test_one_that_was_killed_between_runs(self, processes):
        pid = task(os.getpid)

        def fn():
            first = pid.submit().result()
            os.kill(first, signal.SIGKILL)
            deadline = time.monotonic() + 20
            while Path(f"/proc/{first}/cmdline").read_bytes():  # a process that has ended has none
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return first, pid.submit().result()

        first, second = run(processes, fn)
        assert first != second

    def test_a_flow_that_fails(self, tmp_path, double):
        @task
        def runs():
            (tmp_path / "began").touch()
            deadline = time.monotonic() + 60
            while not (tmp_path / "go").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return "to its end"

        futures = []

        @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
        def fails():
            futures.extend([runs.submit(), double.submit(1), double.submit(2)])
            deadline = time.monotonic() + 60
            while not (tmp_path / "began").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            futures[2].add_done_callback(lambda _: (tmp_path / "go").touch())
            raise ValueError("early")

        info = FlowRunInfo()
        assert run_flow(fails, run=info).is_failed()
        assert futures[0].result() == "to its end"
        assert info.task_counts() == {"Completed": 1, "Cancelled": 2}

    def test_settings_and_environment(self, processes, tmp_path, monkeypatch):
        monkeypatch.setenv("MILLSTREAM_HOME", str(tmp_path))

        @task
        def tell():
            settings = get_current_settings()
            return str(settings.home), settings.tasks_default_retries

        with temporary_settings({"MILLSTREAM_TASKS_DEFAULT_RETRIES": 7}):
            assert run(processes, lambda: tell.submit().result()) == (str(tmp_path), 7)

    def test_ctrl_c_of_the_terminal_is_for_the_first_process(self, processes):
        @task
        def interrupted():
            os.kill(os.getpid(), signal.SIGINT)
            return "goes on"

        assert run(processes, lambda: interrupted.submit().result()) == "goes on"

    def test_large_data(self, processes):
        size = task(len)
        assert run(processes, lambda: size.submit(bytes(20_000_000)).result()) == 20_000_000
