"""Prefect's names: those that are there, and what those say that are not."""

import asyncio
import importlib
import operator
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

import millstream
from millstream import annotations, exceptions, flow, futures, settings, states, task, task_runners
from millstream._prefect import INSTEAD, MODULES
from millstream.concurrency import ConcurrencyLimitNotFoundError
from millstream.task_runners import ExecutorTaskRunner
from millstream.utilities import annotations as prefect_annotations

ROOT = Path(__file__).parents[3]
ROWS = {
    name: said
    for rows in tomllib.loads((ROOT / "docs/prefect.toml").read_text()).values()
    for names, said in rows.items()
    for name in names.split(", ")
}
NO_VALUE = "is no value yet: pass it to a task, which gets the result, or call .result()"


@task
def same(x):
    return x


def in_flow(fn):
    return flow(name="f")(fn)()


class TestMissing:
    @pytest.mark.parametrize(("name", "words"), INSTEAD.items())
    def test_the_page_says_the_same(self, name, words):
        assert ROWS[name] == f"no: {words}"

    @pytest.mark.parametrize("name", ["resume_flow_run", "pause_flow_run", "deploy"])
    def test_attribute(self, name):
        with pytest.raises(ImportError, match=f"^millstream has no {name}: use "):
            getattr(millstream, name)

    @pytest.mark.parametrize(("name", "words"), MODULES.items())
    def test_module(self, name, words):
        assert ROWS[name] == f"no: {words}"
        for imported in (f"import millstream.{name}", f"from millstream.{name}.schemas import filters"):
            with pytest.raises(ImportError, match=re.escape(f": {words}")):
                exec(imported)  # noqa: S102 - one of two statements

    def test_no_module(self):
        with pytest.raises(ModuleNotFoundError, match=r"No module named 'millstream\.nonsense'"):
            importlib.import_module("millstream.nonsense")

    def test_import(self):
        code = "from millstream import deploy"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stderr.endswith(
            "ImportError: millstream has no deploy: use `millstream deploy` (docs/deploy.md)\n"
        )

    def test_task_runner(self):
        with pytest.raises(
            ImportError, match=r"DaskTaskRunner: use ExecutorTaskRunner\(client.get_executor\)"
        ):
            from millstream.task_runners import DaskTaskRunner  # noqa: F401, PLC0415

    @pytest.mark.parametrize("module", [millstream, task_runners])
    def test_other_names(self, module):
        with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'nonsense'"):
            module.nonsense  # noqa: B018
        assert not hasattr(module, "nonsense")


class TestAliases:
    def test_futures(self):
        assert (futures.PrefectFuture, futures.PrefectFutureList) == (futures.Future, futures.FutureList)

    def test_annotations(self):
        for name in prefect_annotations.__all__:
            assert getattr(prefect_annotations, name) is getattr(annotations, name)

    def test_task_runner(self):
        assert task_runners.ConcurrentTaskRunner is task_runners.ThreadPoolTaskRunner

    def test_version(self):
        assert millstream.__version__ == version("millstream")

    def test_exceptions(self):
        assert exceptions.ConcurrencyLimitNotFoundError is ConcurrencyLimitNotFoundError
        assert exceptions.SettingsError is settings.SettingsError


class TestFutures:
    def test_await(self):
        async def fn():
            future = same.submit(1)
            return await future, await asyncio.gather(future, same.submit(2))

        assert asyncio.run(flow(name="f")(fn)()) == (1, [1, 2])

    def test_await_of_a_failure(self):
        @task
        def fail():
            raise ValueError("no")

        async def fn():
            with pytest.raises(ValueError, match="no"):
                await fail.submit()
            return "seen"

        assert asyncio.run(flow(name="f")(fn)()) == "seen"

    @pytest.mark.parametrize(
        "use",
        [
            bool,
            list,
            int,
            float,
            operator.neg,
            lambda future: future + 1,
            lambda future: 1 + future,
            lambda future: "a" + future,
            lambda future: future * 2,
            lambda future: future[0],
            lambda future: future < 1,
            lambda future: 1 in future,
            lambda future: sorted([future, future]),
            lambda future: [*future],
        ],
    )
    def test_no_value(self, use):
        def fn():
            future = same.submit(1)
            with pytest.raises(TypeError) as caught:
                use(future)
            assert NO_VALUE in str(caught.value)
            return future

        assert in_flow(fn) == 1

    def test_in_sets(self):
        def fn():
            future, other = same.submit(1), same.submit(1)
            assert future == future  # noqa: PLR0124
            assert future != other
            assert len({future, future, other}) == 2
            assert [other, future].index(future) == 1
            return "looked"

        assert in_flow(fn) == "looked"

    def test_wait_for_one(self):
        def fn():
            future = same.submit(1)
            assert futures.wait(future).done == {future}
            assert list(futures.as_completed(future)) == [future]
            return "waited"

        assert in_flow(fn) == "waited"


def test_an_executor_itself_stays_open():
    with ThreadPoolExecutor(2) as executor:
        mapped = flow(lambda: same.map([1, 2]).result(), task_runner=ExecutorTaskRunner(executor))
        assert mapped() == [1, 2]
        assert mapped() == [1, 2]
        assert executor.submit(abs, -1).result() == 1


def test_a_class_of_executors_is_a_function():
    assert flow(lambda: same.submit(1), task_runner=ExecutorTaskRunner(ThreadPoolExecutor))() == 1


@pytest.mark.parametrize("option", ["fetch", "retry_result_failure"])
def test_result_has_no_other_options(option):
    with pytest.raises(TypeError, match=f"State.result has no option {option}: leave it out"):
        states.Completed(data=1).result(**{option: True})
