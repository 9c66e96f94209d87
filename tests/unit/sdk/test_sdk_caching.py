# ruff: noqa: PLW0108 - the parameters of functions are what this is about
import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from datetime import timedelta

import pytest

from millstream import flow, task
from millstream.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CachePolicy,
    CompoundCachePolicy,
    Inputs,
)
from millstream.context import TaskRunContext
from millstream.filesystems import LocalFileSystem, storage_of
from millstream.results import open_store
from millstream.settings import SettingsError, get_current_settings, temporary_settings
from millstream.task_runners import ProcessPoolTaskRunner
from millstream.transactions import IsolationLevel

DEADLINE = 60


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def calls():
    return []


def until(condition):
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.005)
    return found


def warnings(logs):
    return [record.getMessage() for record in logs.records if record.levelno >= logging.WARNING]


def names(*states):
    return [state.name for state in states]


class TestPolicies:
    def test_inputs(self, calls):
        @task(cache_policy=INPUTS)
        def double(x, y=1):
            calls.append((x, y))
            return x * 2

        @flow
        def run():
            return names(
                *(double(x, return_state=True) for x in (1, 1, 2)), double(x=1, y=1, return_state=True)
            )

        assert run() == ["Completed", "Cached", "Completed", "Cached"]
        assert run() == ["Cached"] * 4
        assert calls == [(1, 1), (2, 1)]

    def test_a_cached_result_is_that_of_before(self):
        @task(cache_policy=INPUTS)
        def make(x):
            return {"x": [x]}

        assert make(1) == {"x": [1]}
        state = make(1, return_state=True)
        assert (state.type, state.name, state.result()) == ("COMPLETED", "Cached", {"x": [1]})
        assert "The result of an earlier run, kept as" in state.message

    def test_none_of_nothing(self, calls):
        @task(cache_policy=INPUTS)
        def nothing():
            calls.append(1)

        nothing()
        nothing()
        assert calls == [1, 1]

    def test_none_is_a_result(self, calls):
        task(lambda x: calls.append(x), cache_policy=INPUTS)(1)
        assert task(lambda x: calls.append(x), cache_policy=INPUTS)(1) is None
        assert calls == [1]

    def test_without_some_inputs(self, calls):
        @task(cache_policy=INPUTS - "session" - "other")
        def load(x, session, other=None):
            calls.append(x)
            return x

        load(1, threading.Lock(), 0)
        load(1, 2, 3)
        assert calls == [1]

    def test_source(self, calls):
        def make(source):
            scope = {"calls": calls}
            exec(source, scope)  # noqa: S102
            return task(scope["f"], cache_policy=TASK_SOURCE)

        one, other = "def f(): calls.append(1)", "def f(): calls.append(2)"
        for source in (one, other, one, other):
            make(source)()
        assert calls == [1, 2]

    def test_flow_parameters(self, calls):
        @task(cache_policy=FLOW_PARAMETERS)
        def step(x):
            calls.append(x)

        @flow
        def run(day):
            step(1)
            step(2)

        run("monday")
        run("tuesday")
        run("monday")
        assert calls == [1, 1]
        step(3)  # outside of flows there are none
        step(3)
        assert calls == [1, 1, 3, 3]

    def test_run_id(self, calls):
        @task(cache_policy=RUN_ID + INPUTS)
        def step(x):
            calls.append(x)

        @flow
        def run():
            step(1)
            step(1)

        run()
        run()
        assert calls == [1, 1]
        step(1)
        step(1)
        assert calls == [1, 1, 1, 1]

    @pytest.mark.parametrize("policy", [None, DEFAULT])
    def test_default(self, calls, policy):
        @task(cache_policy=policy, persist_result=True)
        def step(x):
            calls.append(x)

        @flow
        def run():
            step(1)
            step(1)

        run()
        run()
        assert calls == [1, 1]

    def test_no_caching_without_persistence(self, calls):
        @flow
        def run():
            one = task(calls.append)
            one(1)
            one(1)

        run()
        assert calls == [1, 1]

    @pytest.mark.parametrize("policy", [NO_CACHE, NONE])
    def test_none(self, calls, policy, home):
        step = task(lambda x: calls.append(x), cache_policy=policy, persist_result=True)
        step(1)
        step(1)
        assert calls == [1, 1]
        assert len([file for file in home.rglob("*") if file.is_file()]) == 2  # by the ids of the runs

    def test_never_reused_and_kept_by_name(self, calls):
        step = task(
            lambda x: calls.append(x) or x,
            cache_policy=NO_CACHE,
            result_storage_key="here",
            persist_result=True,
        )
        assert [step(1), step(2)] == [1, 2]
        assert open_store(storage()).read("here").value == 2

    @pytest.mark.parametrize(
        "policy", [DEFAULT - "lock", INPUTS - "lock" + TASK_SOURCE, TASK_SOURCE - "lock"]
    )
    def test_subtraction_wherever_it_stands(self, calls, policy):
        @task(cache_policy=policy)
        def step(x, lock):
            calls.append(x)

        @flow
        def run():
            for x in (1, 1, 2):
                step(x, threading.Lock())

        run()
        assert calls == [1, 2]

    def test_what_is_added(self):
        assert NO_CACHE + INPUTS is INPUTS
        assert INPUTS + NO_CACHE is INPUTS
        assert INPUTS + NO_CACHE.configure(key_storage="x") is INPUTS
        assert NO_CACHE - "x" is NO_CACHE
        assert isinstance(DEFAULT, CompoundCachePolicy)
        assert len((INPUTS + TASK_SOURCE + RUN_ID).policies) == 3
        assert INPUTS.exclude == []
        assert (INPUTS - "x").exclude == ["x"]

    @pytest.mark.parametrize("wrong", [1, None, "x"])
    def test_only_policies_are_added(self, wrong):
        with pytest.raises(TypeError):
            INPUTS + wrong

    @pytest.mark.parametrize("policy", [INPUTS, DEFAULT, TASK_SOURCE, NO_CACHE])
    def test_only_names_are_subtracted(self, policy):
        with pytest.raises(TypeError, match="taken out of a cache policy by its name, and got 1"):
            policy - 1

    def test_configure(self, calls, tmp_path):
        policy = INPUTS.configure(key_storage=str(tmp_path / "keys"), isolation_level="READ_COMMITTED")
        task(lambda x: calls.append(x), cache_policy=policy + TASK_SOURCE)(1)
        assert len(list((tmp_path / "keys").iterdir())) >= 1
        assert policy.isolation_level is IsolationLevel.READ_COMMITTED
        assert INPUTS.key_storage is None
        assert (policy - "x").key_storage == (policy + TASK_SOURCE - "x").key_storage == policy.key_storage
        assert policy.configure(isolation_level=IsolationLevel.SERIALIZABLE).key_storage == policy.key_storage

    def test_two_storages_cannot_be_added(self):
        with pytest.raises(
            ValueError, match=r"different key_storage cannot be added: 'a' and 'b'. Add them first"
        ):
            INPUTS.configure(key_storage="a") + RUN_ID.configure(key_storage="b")

    def test_of_the_users_own(self, calls):
        class Weekly(CachePolicy):
            def compute_key(self, task_ctx, inputs, flow_parameters):
                assert isinstance(task_ctx, TaskRunContext)
                return f"week-{inputs['week']}-{flow_parameters['of']}"

        @flow
        def run(of):
            task(lambda week: calls.append(week), cache_policy=Weekly())(7)

        run(2026)
        run(2026)
        assert calls == [7]
        assert open_store(storage()).exists("week-7-2026")

    def test_a_key_can_be_asked_for(self):
        assert Inputs().compute_key(None, {"x": 1}, {}) == INPUTS.compute_key(None, {"x": 1}, {})
        assert Inputs(exclude=["y"]).compute_key(None, {"x": 1, "y": 1}, {}) == INPUTS.compute_key(
            None, {"x": 1}, {}
        )
        assert INPUTS.compute_key(None, {}, {}) is None

    def test_other_objects_are_refused(self):
        with pytest.raises(TypeError, match=r"cache_policy is one of millstream\.cache_policies"):
            task(lambda: 1, cache_policy="INPUTS")


def storage():
    return get_current_settings().results_storage


class TestMethods:
    def test_the_object_is_an_input(self, calls):
        class Shop:
            def __init__(self, name):
                self.name = name

            @task(cache_policy=INPUTS)
            def greet(self, who):
                calls.append((self.name, who))
                return f"{who} at {self.name}"

            @task(cache_policy=INPUTS - "self")
            def count(self, who):
                calls.append(who)
                return len(who)

        assert [Shop(name).greet("Ann") for name in "aba"] == ["Ann at a", "Ann at b", "Ann at a"]
        assert calls == [("a", "Ann"), ("b", "Ann")]
        calls.clear()
        Shop("a").count("Bob")
        Shop("b").count("Bob")
        assert calls == ["Bob"]


class TestKeyFunction:
    def test_gets_context_and_resolved_inputs(self, calls):
        seen = []

        def key(context, parameters):
            seen.append((context.task.name, context.task_run.id != "", parameters))
            return f"key-{parameters['x']}"

        @task
        def one():
            return 1

        @task(cache_key_fn=key)
        def step(x, y=2):
            calls.append((x, y))
            return x

        @flow
        def run():
            return step.submit(one.submit()).result(), step(1, 3)

        assert run() == (1, 1)
        assert calls == [(1, 2)]
        assert seen == [("step", True, {"x": 1, "y": 2}), ("step", True, {"x": 1, "y": 3})]

    def test_tasks_may_share_a_key(self, calls):
        one = task(lambda: calls.append(1), cache_key_fn=lambda *_: "shared")
        other = task(lambda: calls.append(2), cache_key_fn=lambda *_: "shared")
        one()
        other()
        assert calls == [1]

    def test_none_is_no_caching(self, calls):
        step = task(lambda x: calls.append(x), cache_key_fn=lambda *_: None)
        step(1)
        step(1)
        assert calls == [1, 1]

    @pytest.mark.parametrize("retries", [0, 2])
    def test_that_raises(self, calls, logs, retries):
        def broken(context, parameters):
            raise LookupError("no such week")

        assert task(lambda: calls.append(1) or 5, name="step", cache_key_fn=broken, retries=retries)() == 5
        assert calls == [1]
        assert warnings(logs) == ["Task 'step' is not cached: LookupError: no such week"]
        (shown,) = [record.exc_info for record in logs.records if record.exc_info]
        assert [frame.name for frame in traceback.extract_tb(shown[2])] == ["broken"]

    @pytest.mark.parametrize("key", [5, [1], b"key", "../outside", "/absolute", "a//b", ""])
    def test_what_is_no_key(self, calls, logs, key):
        assert task(lambda: calls.append(1) or 5, name="step", cache_key_fn=lambda *_: key)() == 5
        assert len(warnings(logs)) == 1
        assert warnings(logs)[0].startswith("Task 'step' is not cached: ")
        assert repr(key) in warnings(logs)[0]
        assert "Error" not in warnings(logs)[0]
        assert not any(record.exc_info for record in logs.records)


class TestLifetime:
    def test_future(self, calls, still):
        step = task(lambda x: calls.append(x), cache_policy=INPUTS, cache_expiration=timedelta(hours=1))
        step(1)
        still.now += 3599
        step(1)
        assert calls == [1]
        still.now += 2
        step(1)
        step(1)
        assert calls == [1, 1]

    def test_past(self, calls):
        step = task(lambda x: calls.append(x), cache_policy=INPUTS, cache_expiration=timedelta(seconds=-1))
        step(1)
        step(1)
        assert calls == [1, 1]

    def test_refresh(self, calls):
        step = task(lambda x: calls.append(x) or len(calls), cache_policy=INPUTS)
        assert [step(1), step.with_options(refresh_cache=True)(1), step(1)] == [1, 2, 2]

    def test_refresh_by_setting(self, calls):
        step = task(lambda x: calls.append(x), cache_policy=INPUTS)
        step(1)
        with temporary_settings({"MILLSTREAM_TASKS_REFRESH_CACHE": True}):
            step(1)
            step.with_options(refresh_cache=False)(1)
        assert calls == [1, 1]


class TestPersistence:
    @pytest.mark.parametrize(
        ("by_setting", "of_flow", "of_subflow", "of_task", "kept"),
        [
            (False, None, None, None, False),
            (True, None, None, None, True),
            (True, False, None, None, False),
            (False, True, None, None, True),
            (False, True, False, None, False),
            (False, False, True, None, True),
            (False, True, True, False, False),
            (False, False, False, True, True),
        ],
    )
    def test_who_says_it(self, calls, by_setting, of_flow, of_subflow, of_task, kept):
        step = task(lambda x: calls.append(x), persist_result=of_task)

        @flow(persist_result=of_subflow)
        def inner():
            step(1)
            step(1)

        @flow(persist_result=of_flow)
        def outer():
            inner()

        with temporary_settings({"MILLSTREAM_RESULTS_PERSIST_BY_DEFAULT": by_setting}):
            outer()
        assert calls == ([1] if kept else [1, 1])

    def test_by_a_lifetime_alone(self, calls):
        step = task(lambda x: calls.append(x), cache_expiration=timedelta(hours=1))

        @flow
        def run():
            step(1)
            step(1)

        run()
        assert calls == [1]

    def test_storage_and_serializer_of_a_task(self, tmp_path):
        step = task(
            lambda x: {"x": x},
            result_storage=tmp_path / "mine",
            result_serializer="json",
            cache_policy=INPUTS,
        )
        step(1)
        record = b"".join(file.read_bytes() for file in (tmp_path / "mine").iterdir() if file.is_file())
        assert b'"serializer": "json"' in record
        assert record.endswith(b'{"x":1}')

    def test_storage_and_serializer_of_a_flow(self, tmp_path):
        step = task(lambda x: x, result_storage_key="{parameters[x]}")

        @flow
        def inner():
            step("inner")

        @flow(result_storage=tmp_path / "flows", result_serializer="json")
        def outer():
            step("outer")
            inner()
            step.with_options(result_serializer="pickle", result_storage=tmp_path / "other")("task")

        outer()
        assert open_store(tmp_path / "flows").read("outer").serializer == "json"
        assert open_store(tmp_path / "flows").read("inner").serializer == "json"
        assert open_store(tmp_path / "other").read("task").serializer == "pickle"

    def test_the_result_of_a_flow(self, tmp_path):
        @flow(persist_result=True, result_storage=tmp_path / "flows")
        def made():
            return 5

        made()
        (file,) = [file for file in (tmp_path / "flows").iterdir() if file.is_file()]
        assert open_store(tmp_path / "flows").read(file.name).value == 5

    def test_templates_of_keys(self, tmp_path):
        @task(
            result_storage_key="{flow_run.flow.name}/{flow_run.name}/{task_run.name}-{parameters[x]}",
            task_run_name="t",
        )
        def step(x):
            return x

        @flow(flow_run_name="today")
        def nightly():
            return step(5), step(5)

        assert nightly() == (5, 5)
        assert open_store(storage()).read("nightly/today/t-5").value == 5

    def test_a_template_that_cannot_be_filled_in(self, logs):
        assert task(lambda: 5, name="step", result_storage_key="{flow_run.name}")() == 5
        (warning,) = warnings(logs)
        assert (
            warning == "Task 'step' is not cached: AttributeError: 'NoneType' object has no attribute 'name'"
        )
        assert not any(record.exc_info for record in logs.records)

    def test_a_flow_whose_retry_finds_what_is_done(self, calls):
        step = task(lambda x: calls.append(x) or x, persist_result=True)
        failures = [ValueError("once")]

        @flow(retries=1)
        def run():
            step(1)
            if failures:
                raise failures.pop()
            return step(1)

        assert run() == 1
        assert calls == [1]


class TestWhatCannotBeKept:
    def test_a_result(self, logs):
        made = task(lambda x: (y for y in [x]), name="make", cache_policy=INPUTS)
        assert list(made(1)) == [1]
        assert list(made(1)) == [1]
        assert len(warnings(logs)) == 2
        assert (
            "The result of Task 'make' is not kept: A value of type generator cannot be pickled"
            in warnings(logs)[0]
        )
        assert "set persist_result=False" in warnings(logs)[0]

    def test_a_result_of_a_flow(self, logs):
        assert flow(lambda: threading.Lock(), name="make", persist_result=True)() is not None
        assert "The result of Flow 'make' is not kept: A value of type _thread.lock" in warnings(logs)[0]

    def test_a_result_as_json(self, logs):
        assert task(lambda: {1: object}, name="make", result_serializer="json", result_storage_key="k")() == {
            1: object
        }
        assert "cannot be kept as JSON" in warnings(logs)[0]

    @pytest.mark.parametrize("make", [threading.Lock, lambda: (x for x in "a"), lambda: open(os.devnull)])  # noqa: PTH123, SIM115
    def test_an_input(self, calls, logs, make):
        @task(cache_policy=INPUTS)
        def use(thing):
            calls.append(thing)
            return 5

        thing = make()
        assert [use(thing), use(thing)] == [5, 5]
        getattr(thing, "close", lambda: None)()
        assert len(calls) == 2
        (one, _) = warnings(logs)
        assert one.startswith("Task 'use' is not cached: the argument 'thing' (")
        assert one.endswith(
            "Leave it out, as by cache_policy=INPUTS - 'name', give a cache_key_fn, or use cache_policy=NO_CACHE."
        )

    def test_a_flow_that_persists_by_default(self, calls, logs):
        @flow(persist_result=True)
        def run():
            return task(lambda lock: calls.append(lock) or 5)(threading.Lock())

        assert run() == 5
        assert len(warnings(logs)) == 1

    def test_a_storage_that_cannot_be_used(self, calls, logs, tmp_path):
        (tmp_path / "file").write_text("")
        step = task(
            lambda x: calls.append(x) or x, name="step", cache_policy=INPUTS, result_storage=tmp_path / "file"
        )
        assert step(1) == 1
        (warning,) = warnings(logs)
        assert warning.startswith("Task 'step' is not cached: FileExistsError: ")
        assert "\n" not in warning
        assert not any(record.exc_info for record in logs.records)

    def test_a_storage_that_cannot_be_written_to(self, logs):
        class Full(LocalFileSystem):
            def write(self, key, data):
                raise ConnectionError("the storage\nis gone")

        step = task(lambda x: x, name="step", cache_policy=INPUTS, result_storage=Full(storage()))
        assert step(1) == 1
        assert warnings(logs) == [
            "The result of Task 'step' is not kept: ConnectionError: the storage is gone"
        ]

    def test_as_json_a_type_does_not_change(self, logs):
        step = task(lambda x: (x, 2), name="step", cache_policy=INPUTS, result_serializer="json")
        assert [step(1), step(1)] == [(1, 2), (1, 2)]
        assert len(warnings(logs)) == 2
        assert "The result of Task 'step' is not kept: A value of type tuple cannot be" in warnings(logs)[0]

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("MILLSTREAM_RESULTS_STORAGE", "ftp://x", "There is no storage for URLs that begin with ftp://"),
            ("MILLSTREAM_RESULTS_SERIALIZER", "yaml", "There is no serializer 'yaml'"),
        ],
    )
    @pytest.mark.parametrize("retries", [0, 2])
    def test_by_wrong_settings(self, calls, name, value, message, retries):
        step = task(lambda x: calls.append(x), name="step", cache_policy=INPUTS, retries=retries)
        with temporary_settings({name: value}), pytest.raises(SettingsError, match=f"^{name}: {message}"):
            step(1)
        assert not calls
        assert step(1, return_state=True).is_completed()

    def test_where_wrong_settings_do_not_count(self, calls, tmp_path):
        step = task(
            calls.append, cache_key_fn=lambda *_: "k", result_storage=tmp_path, result_serializer="json"
        )
        with temporary_settings(
            {"MILLSTREAM_RESULTS_STORAGE": "ftp://x", "MILLSTREAM_RESULTS_SERIALIZER": "yaml"}
        ):
            step(1)
            step(1)
        assert calls == [1]


class TestCorruptEntries:
    @pytest.mark.parametrize("damage", [b"", b"garbage", b"{}\n", None])
    def test_are_computed_again(self, calls, logs, damage):
        step = task(lambda x: calls.append(x) or x, cache_key_fn=lambda *_: "key")
        step(1)
        file = storage_of(storage()).basepath / "key"
        file.write_bytes(file.read_bytes()[:-1] if damage is None else damage)
        assert [step(1), step(1)] == [1, 1]
        assert calls == [1, 1]
        (warning,) = warnings(logs)
        assert "is ignored, because" in warning

    def test_that_cannot_be_read_here(self, calls, logs):
        step = task(lambda: calls.append(1) or 5, cache_key_fn=lambda *_: "key")
        open_store(storage()).write("key", Fragile())
        assert [step(), step()] == [5, 5]
        assert calls == [1]
        assert "is ignored, because pickle cannot read it here" in warnings(logs)[0]


class Fragile:
    def __reduce__(self):
        return int, ("no number",)


class TestAtTheSameTime:
    def test_threads(self, calls):
        @task(cache_policy=INPUTS)
        def slow(x):
            calls.append(x)
            waiting.wait(DEADLINE)
            return x

        waiting = threading.Event()

        @flow
        def run():
            futures = [slow.submit(1) for _ in range(20)]
            until(lambda: calls)
            waiting.set()
            return [future.result() for future in futures]

        assert run() == [1] * 20
        assert calls == [1]

    @pytest.mark.parametrize("number", [2, 100])
    async def test_coroutines(self, calls, number):
        @task(cache_policy=INPUTS)
        async def slow(x):
            calls.append(x)
            await asyncio.to_thread(time.monotonic)  # needs a thread that no waiting run may have taken
            await asyncio.sleep(0.01)
            return x

        @flow
        async def run():
            return await asyncio.gather(*(slow(1) for _ in range(number)))

        assert await asyncio.wait_for(run(), DEADLINE) == [1] * number
        assert calls == [1]

    async def test_a_synchronous_one_in_the_loop_of_a_coroutine_that_computes_it(self):
        started = asyncio.Event()

        @task(cache_key_fn=lambda *_: "key")
        async def slow():
            started.set()
            await asyncio.sleep(0.01)
            return 1

        first = asyncio.ensure_future(slow())
        await started.wait()
        assert task(lambda: 2, cache_key_fn=lambda *_: "key")() == 2
        assert await asyncio.wait_for(first, DEADLINE) == 1

    async def test_a_coroutine_that_is_cancelled_while_it_waits(self, calls):
        started, release = asyncio.Event(), asyncio.Event()

        @task(cache_policy=INPUTS)
        async def slow(x):
            calls.append(x)
            started.set()
            await release.wait()
            return x

        first = asyncio.ensure_future(slow(1))
        await started.wait()
        second = asyncio.ensure_future(slow(1))
        await asyncio.sleep(0.05)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        release.set()
        assert await asyncio.wait_for(slow(1), DEADLINE) == 1
        assert calls == [1, 1]

    async def test_the_event_loop_goes_on(self, calls, tmp_path):
        with open_store(tmp_path / "there").lock("key"):

            @task(cache_key_fn=lambda *_: "key", result_storage=tmp_path / "there")
            async def step():
                calls.append(1)

            waiting = asyncio.ensure_future(step())
            for _ in range(10):
                await asyncio.sleep(0.001)
            assert not calls
        await asyncio.wait_for(waiting, DEADLINE)
        assert calls == [1]

    def test_nested_tasks_of_one_key(self, calls):
        @task(cache_key_fn=lambda *_: "key")
        def inner():
            calls.append("inner")
            return 1

        @task(cache_key_fn=lambda *_: "key")
        def outer():
            calls.append("outer")
            return inner() + inner.submit().result()

        @flow
        def run():
            return outer()

        assert run() == 2
        assert calls[0] == "outer"

    async def test_nested_coroutines_of_one_key(self):
        @task(cache_key_fn=lambda *_: "key")
        async def countdown(x):
            return x and await countdown(x - 1)

        assert await asyncio.wait_for(countdown(3), DEADLINE) == 0

    def test_failure_lets_others_try(self, calls):
        @task(cache_policy=INPUTS, retries=1)
        def flaky(x):
            calls.append(x)
            if len(calls) < 3:
                raise ValueError("not yet")
            return x

        assert flaky(1, return_state=True).is_failed()
        assert flaky(1) == 1
        assert flaky(1, return_state=True).name == "Cached"
        assert calls == [1, 1, 1]


PROGRAM = """
    import os, pathlib, sys, time
    from millstream import flow, task
    from millstream.cache_policies import INPUTS, TASK_SOURCE

    here = pathlib.Path(os.environ["MILLSTREAM_HOME"])

    @task(cache_policy=INPUTS + TASK_SOURCE)
    def slow(x, names):
        with (here / "calls").open("a") as file:
            file.write(f"{os.getpid()}\\n")
        while not (here / "go").exists():
            time.sleep(0.01)
        return x

    @flow
    def run():
        return slow(int(sys.argv[1]), {"a", "b", "c"})

    print(run())
"""


class TestProcesses:
    @pytest.fixture
    def start(self, home, monkeypatch):
        monkeypatch.setenv("MILLSTREAM_LOGGING_LEVEL", "ERROR")
        program = home / "program.py"
        program.write_text(textwrap.dedent(PROGRAM))
        started = []

        def start():
            process = subprocess.Popen([sys.executable, program, "7"], stdout=subprocess.PIPE, text=True)
            started.append(process)
            return process

        yield start
        for process in started:
            process.kill()
            process.communicate()

    def lines(self, home):
        return (home / "calls").read_text().split() if (home / "calls").exists() else []

    def test_a_hit_in_another_process(self, home, start):
        (home / "go").touch()
        assert start().communicate(timeout=DEADLINE)[0] == "7\n"
        assert start().communicate(timeout=DEADLINE)[0] == "7\n"
        assert len(self.lines(home)) == 1

    def test_two_at_the_same_time(self, home, start):
        processes = [start() for _ in range(3)]
        until(lambda: self.lines(home))
        (home / "go").touch()
        assert [process.communicate(timeout=DEADLINE)[0] for process in processes] == ["7\n"] * 3
        assert len(self.lines(home)) == 1

    def test_the_process_runner(self, home, monkeypatch):
        monkeypatch.setenv("MILLSTREAM_HOME", str(home))
        calls = str(home / "calls")

        @task(cache_policy=INPUTS)
        def slow(x):
            with open(calls, "a") as file:  # noqa: PTH123 - in another process
                file.write(f"{x}\n")
            return x

        @flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
        def run():
            states = slow.map([1] * 6, return_state=True)
            return sorted(state.name for state in states), {state.result() for state in states}

        assert run() == (["Cached"] * 5 + ["Completed"], {1})
        assert self.lines(home) == ["1"]

    def test_one_that_is_killed(self, home, start):
        first = start()
        until(lambda: self.lines(home))
        second = start()
        os.kill(first.pid, signal.SIGKILL)
        first.wait(DEADLINE)
        until(lambda: len(self.lines(home)) == 2)
        (home / "go").touch()
        assert second.communicate(timeout=DEADLINE)[0] == "7\n"
