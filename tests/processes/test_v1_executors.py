"""Flows of the declarative style in other processes, and on a Dask cluster."""

import os
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta

import pytest
from distributed import LocalCluster

from millstream.v1 import Flow, Parameter, Task, context, task
from millstream.v1.engine import signals
from millstream.v1.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor
from millstream.v1.triggers import any_failed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")


@task
def where(x):
    return os.getpid(), x, context.map_index, context.parameters, context.task_full_name


@task(max_retries=1, retry_delay=timedelta(0))
def flaky():
    if context.task_run_count == 1:
        raise ValueError("first")
    return context.task_run_count


@task
def loop():
    result = context.get("task_loop_result", 0)
    if result < 2:
        raise signals.LOOP(result=result + 1)
    return result


@task
def skip():
    raise signals.SKIP("nothing to do")


@task
def fail():
    raise signals.FAIL("no")


@task(trigger=any_failed)
def caught(error):
    return type(error).__name__, str(error)


def built():
    class Scaled(Task):
        def __init__(self, factor):
            self.factor = factor
            super().__init__()

        def run(self, x):
            return self.factor * x

    with Flow("f") as flow:
        tasks = {
            "where": where.map([Parameter("p"), 2]),
            "flaky": flaky(),
            "loop": loop(),
            "skip": skip(),
            "caught": caught(fail()),
            "scaled": Scaled(3)(2) + 1,
        }
    return flow, tasks


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture(params=["processes", "address", "class", "name"])
def executor(request):
    if request.param == "processes":
        return LocalDaskExecutor(scheduler="processes", num_workers=2)
    if request.param == "address":
        return DaskExecutor(address=request.getfixturevalue("cluster").scheduler_address)
    options = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0", "processes": False}
    name = LocalCluster if request.param == "class" else None
    return DaskExecutor(cluster_class=name, cluster_kwargs=options)


def test_a_flow(executor):
    flow, tasks = built()
    state = flow.run(p=1, executor=executor)
    result = {name: state.result[one].result for name, one in tasks.items()}
    assert [places[1:] for places in result.pop("where")] == [
        (1, 0, {"p": 1}, "where[0]"),
        (2, 1, {"p": 1}, "where[1]"),
    ]
    assert result == {"flaky": 2, "loop": 2, "skip": None, "caught": ("FAIL", "no"), "scaled": 7}
    assert state.result[tasks["skip"]].is_skipped()
    assert state.is_successful()


def test_a_cluster_that_grows():
    adapted = []

    class Grows(LocalCluster):
        def adapt(self, **options):
            adapted.append(options)

    executor = DaskExecutor(
        cluster_class=Grows,
        cluster_kwargs={"n_workers": 1, "dashboard_address": ":0", "processes": False},
        adapt_kwargs={"maximum": 2},
    )
    with Flow("f") as flow:
        x = task(lambda: 1, name="one")()
    assert flow.run(executor=executor).result[x].result == 1
    assert adapted == [{"maximum": 2}]


def test_it_is_another_process(cluster):
    flow, tasks = built()
    for executor in (LocalDaskExecutor("processes"), DaskExecutor(cluster.scheduler_address)):
        state = flow.run(p=1, executor=executor)
        assert os.getpid() not in {place[0] for place in state.result[tasks["where"]].result}


def test_what_cannot_be_sent():
    with Flow("f", executor=LocalDaskExecutor("processes")) as flow:
        x = task(lambda: threading.Lock(), name="lock")()  # noqa: PLW0108 - it takes nothing
        y = task(lambda: 1)()
    state = flow.run()
    assert state.result[x].is_failed()
    assert state.result[y].is_successful()


def test_a_script(tmp_path):
    """Its tasks are in `__main__`, which no other process can import."""
    path = tmp_path / "etl.py"
    path.write_text(
        textwrap.dedent("""
            from millstream.v1 import Flow, task
            from millstream.v1.executors import LocalDaskExecutor

            @task
            def double(x):
                return 2 * x

            with Flow("f", executor=LocalDaskExecutor("processes", num_workers=2)) as flow:
                xs = double.map([1, 2, 3])

            if __name__ == "__main__":
                print(flow.run().result[xs].result)
        """)
    )
    done = subprocess.run([sys.executable, "-W", "error", path], capture_output=True, text=True, check=False)
    assert done.stdout == "[2, 4, 6]\n", done.stderr


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: LocalDaskExecutor("fast"),
            'scheduler is "threads", "processes" or "sync", and got \'fast\'',
        ),
        (lambda: LocalDaskExecutor(num_workers=0), "num_workers is a whole number from 1 on"),
        (lambda: DaskExecutor("tcp://a:1", cluster_kwargs={"n_workers": 1}), "has an address runs already"),
    ],
)
def test_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_in_order():
    assert LocalExecutor().task_runner() is None
    assert LocalDaskExecutor("sync").task_runner() is None


def test_a_cluster_that_is_not_there():
    with Flow("f", executor=DaskExecutor("tcp://127.0.0.1:9", client_kwargs={"timeout": 0.2})) as flow:
        flaky()
    assert flow.run().is_failed()


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match="DaskExecutor needs Dask: pip install 'millstream\\[dask\\]'"):
        DaskExecutor().open()
