# ruff: noqa: PT012, PLW0108 - blocks that raise, and functions with parameters, are what this is about
import asyncio
import logging
import threading

import pytest

from millstream import flow, task
from millstream.cache_policies import INPUTS
from millstream.context import get_run_context
from millstream.filesystems import InMemoryStorage
from millstream.results import ResultStore, open_store
from millstream.transactions import (
    CommitMode,
    IsolationLevel,
    Transaction,
    TransactionState,
    get_transaction,
    transaction,
)

DEADLINE = 60


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_HOME", str(tmp_path))


@pytest.fixture
def store():
    return ResultStore(InMemoryStorage())


@pytest.fixture
def told():
    return []


@pytest.fixture
def step(told):
    """A task that tells of all that happens to it."""

    @task
    def step(name, error=None):
        told.append(f"run {name}")
        get_transaction().set("name", name)
        if error is not None:
            raise error
        return name

    step.on_commit(lambda txn: told.append(f"commit {txn.get('name')}"))
    step.on_rollback(lambda txn: told.append(f"rollback {txn.get('name')}"))
    return step


class OopsError(Exception):
    pass


class TestTasks:
    def test_commit_together(self, told, step):
        @flow
        def run():
            with transaction():
                step("a")
                step("b")
                told.append("end")

        run()
        assert told == ["run a", "run b", "end", "commit a", "commit b"]

    def test_are_rolled_back_the_last_first(self, told, step):
        @flow
        def run():
            with transaction():
                step("a")
                step("b")
                raise OopsError

        with pytest.raises(OopsError):
            run()
        assert told == ["run a", "run b", "rollback b", "rollback a"]

    def test_one_that_fails_has_nothing_to_undo(self, told, step):
        with pytest.raises(OopsError), transaction():
            step("a")
            step("b", OopsError())
        assert told == ["run a", "run b", "rollback a"]

    def test_a_failure_that_is_caught_rolls_nothing_back(self, told, step):
        with transaction():
            step("a")
            assert step("b", OopsError(), return_state=True).is_failed()
        assert told == ["run a", "run b", "commit a"]

    def test_outside_of_transactions(self, told, step):
        step("a")
        with pytest.raises(OopsError):
            step("b", OopsError())
        assert told == ["run a", "commit a", "run b"]

    def test_in_tasks(self, told, step):
        @task
        def outer(error):
            step("a")
            told.append("outer")
            if error:
                raise OopsError

        outer.on_commit(lambda _: told.append("commit outer"))
        outer.on_rollback(lambda _: told.append("rollback outer"))
        outer(error=False)
        assert told == ["run a", "outer", "commit a", "commit outer"]
        told.clear()
        outer(error=True, return_state=True)
        assert told == ["run a", "outer", "rollback a"]
        told.clear()
        with pytest.raises(OopsError), transaction():
            outer(error=False)
            raise OopsError
        assert told == ["run a", "outer", "rollback outer", "rollback a"]

    @pytest.mark.parametrize("error", [None, OopsError()])
    def test_that_are_submitted(self, told, step, error):
        @flow
        def run():
            with transaction():
                step.submit("a").wait()
                step.submit("b").wait()
                if error:
                    raise error

        run(return_state=True)
        assert told[:2] == ["run a", "run b"]
        assert told[2:] == (["rollback b", "rollback a"] if error else ["commit a", "commit b"])

    @pytest.mark.parametrize("error", [None, OopsError()])
    def test_that_end_after_it(self, told, error):
        began, go = threading.Event(), threading.Event()

        @task(on_commit=[lambda _: told.append("commit")], on_rollback=[lambda _: told.append("rollback")])
        def slow():
            began.set()
            go.wait(DEADLINE)

        @flow
        def run():
            try:
                with transaction():
                    slow.submit()
                    began.wait(DEADLINE)
                    if error:
                        raise error
            finally:
                told.append("left")
                go.set()

        run(return_state=True)
        assert told == ["left", "rollback" if error else "commit"]

    async def test_that_are_asynchronous(self, told):
        @task(on_commit=[lambda txn: told.append(f"commit {txn.get('x')}")])
        async def step(x):
            get_transaction().set("x", x)
            await asyncio.sleep(0)
            return x

        @flow
        async def run():
            async with transaction():
                assert await asyncio.gather(step(1), step(2)) == [1, 2]
                assert told == []

        await run()
        assert sorted(told) == ["commit 1", "commit 2"]

    async def test_with_asynchronous_hooks(self, told):
        async def undo(txn):
            await asyncio.sleep(0)
            told.append(f"undo {txn.get('x')}")

        async def note(txn):
            await asyncio.sleep(0)
            told.append(f"note {txn.get('x')}")

        @task(on_rollback=[undo], on_commit=[note])
        async def later(x):
            get_transaction().set("x", x)

        @task(on_rollback=[undo], on_commit=[note])
        def now(x):
            get_transaction().set("x", x)

        with transaction():
            await later(1)
            now(2)
        with pytest.raises(OopsError):
            async with transaction():
                await later(3)
                now(4)
                raise OopsError
        assert told == ["note 1", "note 2", "undo 4", "undo 3"]

    def test_cached_ones_have_nothing_to_undo(self, told):
        @task(cache_policy=INPUTS, on_rollback=[lambda _: told.append("undo")])
        def cached(x):
            told.append("run")
            return x

        cached(1)
        with pytest.raises(OopsError), transaction():
            assert cached(1, return_state=True).name == "Cached"
            raise OopsError
        assert told == ["run"]

    def test_results_are_kept_with_the_transaction(self, told):
        step = task(lambda x: told.append(x), cache_policy=INPUTS)
        with pytest.raises(OopsError), transaction():
            step(1)
            raise OopsError
        with transaction():
            step(1)
        step(1)
        assert told == [1, 1]

    def test_what_was_kept_in_vain_is_removed(self, told):
        def broken(_):
            raise OopsError("no")

        step = task(
            lambda x: told.append(x), cache_policy=INPUTS, on_rollback=[lambda _: told.append("undo")]
        )
        with transaction() as txn:
            step(1)
            task(lambda: None, on_commit=[broken])()
        assert txn.is_rolled_back()
        step(1)
        assert told == [1, "undo", 1]

    def test_states_say_so(self, step):
        @flow
        def run():
            with transaction():
                future = step.submit("a")
                future.wait()
                assert future.state.name == "Completed"
                get_transaction().rollback()
            return future.state.name, future.state.type, future.result()

        assert run() == ("RolledBack", "COMPLETED", "a")

    def test_options_and_decorators_both_count(self, told):
        one = task(lambda: None, on_commit=[lambda _: told.append(1)])
        one.on_commit(lambda _: told.append(2))
        one.with_options(name="other")()
        one()
        assert told == [1, 2, 1, 2]

    @pytest.mark.parametrize("option", ["on_commit", "on_rollback"])
    def test_hooks_are_functions(self, option):
        with pytest.raises(
            TypeError, match=rf"{option} is a list of functions \(transaction\), and got 5 in it"
        ):
            task(lambda: None, **{option: [5]})
        with pytest.raises(TypeError, match=rf"{option} is a list of functions"):
            getattr(task(lambda: None), option)(5)

    def test_hooks_see_the_run(self, told):
        @task
        def step():
            return 5

        @step.on_commit
        def _(txn):
            told.append((get_run_context().task_run.name, isinstance(txn, Transaction)))

        flow(lambda: step())()
        assert told == [("step-0", True)]

    def test_retries_within_one_transaction(self, told):
        failures = [OopsError(), OopsError()]

        @task(
            retries=2,
            on_commit=[lambda _: told.append("commit")],
            on_rollback=[lambda _: told.append("undo")],
        )
        def flaky():
            told.append("run")
            if failures:
                raise failures.pop()

        flaky()
        assert told == ["run", "run", "run", "commit"]


class TestPlainTasks:
    """What such a task calls is undone if it fails."""

    @pytest.mark.parametrize("error", [None, OopsError()])
    def test_with_tasks_that_have_hooks(self, told, step, error):
        @task
        def outer():
            step("a")
            step("b")
            told.append(get_transaction().get("name", "none"))
            if error:
                raise error

        outer(return_state=True)
        assert told[:3] == ["run a", "run b", "none"]
        assert told[3:] == (["rollback b", "rollback a"] if error else ["commit a", "commit b"])
        assert get_transaction() is None

    def test_at_any_depth(self, told, step):
        @task
        def inner():
            step("a")

        @flow
        def between():
            inner()

        @task
        def outer():
            between()
            assert told == ["run a"]
            raise OopsError

        with pytest.raises(OopsError):
            outer()
        assert told == ["run a", "rollback a"]
        assert get_transaction() is None

    def test_with_tasks_that_keep_their_results(self, told):
        step = task(lambda x: told.append(x), cache_policy=INPUTS)

        @task
        def outer(error):
            step(1)
            if error:
                raise OopsError

        outer(error=True, return_state=True)
        outer(error=False)
        outer(error=False)
        assert told == [1, 1]

    @pytest.mark.parametrize("error", [None, OopsError()])
    def test_with_tasks_that_they_submit(self, told, step, error):
        @task
        def outer():
            futures = [step.submit("a"), step.submit("a")]
            for future in futures:
                future.wait()
            told.append("end")
            if error:
                raise error

        flow(lambda: outer(return_state=True))(return_state=True)
        assert told[:3] == ["run a", "run a", "end"]
        assert told[3:] == ["rollback a" if error else "commit a"] * 2

    def test_that_have_ended_before_what_they_submitted(self, told, step):
        go = threading.Event()

        @task
        def late():
            go.wait(DEADLINE)
            step("a")

        @task
        def outer():
            late.submit()

        @flow
        def run():
            outer()
            go.set()

        run()
        assert told == ["run a", "commit a"]

    async def test_that_are_asynchronous(self, told, step):
        @task
        async def inner(name):
            await asyncio.sleep(0)
            step(name)

        @task
        async def outer():
            await asyncio.gather(inner("a"), inner("a"))
            told.append("end")
            raise OopsError

        with pytest.raises(OopsError):
            await outer()
        assert told == ["run a", "run a", "end", "rollback a", "rollback a"]

    def test_generators(self, told, step):
        @task
        def items():
            step("a")
            yield 1
            raise OopsError

        with pytest.raises(OopsError):
            for _ in items():
                assert get_transaction() is None
        assert told == ["run a", "rollback a"]
        assert get_transaction() is None


class TestRetries:
    @pytest.mark.parametrize("plain", [True, False])
    def test_undo_what_the_attempt_did(self, told, step, plain):
        hooks = {} if plain else {"on_commit": [lambda txn: told.append(txn.get("attempt", "no attempt"))]}

        @task(retries=1, **hooks)
        def flaky():
            attempts = get_run_context().task_run.run_count
            step(f"a{attempts}")
            if attempts == 1:
                if not plain:
                    get_transaction().set("attempt", attempts)
                raise OopsError

        flaky()
        expected = ["run a1", "rollback a1", "run a2", "commit a2"]
        assert told == (expected if plain else [*expected, "no attempt"])

    def test_what_was_committed_by_hand_stays(self, told, step):
        failures = [OopsError()]

        @task(retries=1)
        def flaky():
            step("a")
            get_transaction().commit()
            if failures:
                raise failures.pop()

        flaky()
        assert told == ["run a", "commit a"] * 2


class TestTasksThatEndMeanwhile:
    """One that was submitted ends while the transaction around it does."""

    @pytest.mark.parametrize("depth", [0, 1])
    @pytest.mark.parametrize("error", [None, OopsError()])
    def test_commits(self, told, depth, error):
        go = threading.Event()
        futures = []

        @task(on_commit=[lambda _: told.append("commit")], on_rollback=[lambda _: told.append("rollback")])
        def slow():
            go.wait(DEADLINE)

        def end_of_slow(_):
            go.set()
            futures[0].wait()
            if error:
                raise error

        @flow
        def run():
            with transaction() as outer:
                if depth:
                    with transaction():
                        futures.append(slow.submit())
                else:
                    futures.append(slow.submit())
                outer.stage(None, on_commit_hooks=[end_of_slow])
            assert outer.is_rolled_back() == bool(error)

        run()
        assert told == ["rollback" if error else "commit"]

    def test_after_the_inner_one_was_committed_with_the_outer(self, told, step):
        go = threading.Event()

        @task
        def late():
            go.wait(DEADLINE)
            step("a")

        @flow
        def run():
            with transaction(), transaction():
                late.submit()
            go.set()

        run()
        assert told == ["run a", "commit a"]


def test_consumers_of_kept_generators_have_their_own_transaction():
    @task(persist_result=True)
    def items():
        seen.append(get_transaction())
        yield 1
        seen.append(get_transaction())
        yield 2

    seen = []
    generator = items()
    next(generator)
    with transaction() as consumers:
        assert get_transaction() is consumers
        next(generator)
        assert get_transaction() is consumers
    assert get_transaction() is None
    assert list(generator) == []
    assert get_transaction() is None
    assert seen[0] is seen[1]


class TestHooksThatRaise:
    def test_states_say_so(self, told):
        def broken(_):
            raise OopsError

        step = task(
            lambda: 5, on_commit=[broken], on_completion=[lambda _task, _run, state: told.append(state.name)]
        )
        state = step(return_state=True)
        assert (state.name, state.data) == ("RolledBack", 5)
        assert told == ["RolledBack"]

    def test_on_commit(self, told, step, logs):
        def broken(_):
            raise OopsError("broken")

        with transaction() as txn:
            step("a")
            step.with_options(on_commit=[broken])("b")
            step("c")
        assert txn.state is TransactionState.ROLLED_BACK
        assert told == ["run a", "run b", "run c", "commit a", "rollback c", "rollback b", "rollback a"]
        assert "could not commit and is rolled back: OopsError('broken')" in logs.text

    def test_on_rollback(self, told, step, logs):
        def broken(_):
            raise OopsError("broken")

        with pytest.raises(ValueError, match="the reason"), transaction():
            step("a")
            step.with_options(on_rollback=[broken, lambda _: told.append("first")])("b")
            raise ValueError("the reason")
        assert told == ["run a", "run b", "first", "rollback a"]
        assert "has a rollback hook 'broken' that raised: OopsError('broken')" in logs.text

    def test_keyboard_interrupt_in_a_commit_hook(self, told, step, store):
        def interrupted(_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), transaction("k", store, isolation_level="SERIALIZABLE"):
            step("a")
            get_transaction().stage(5, on_commit_hooks=[interrupted])
        assert told == ["run a", "commit a", "rollback a"]
        store.lock("k", timeout=0).release()


class TestCommitModes:
    def test_lazy_with_the_outer_one(self, store):
        with transaction("outer", store) as outer:
            with transaction("inner", store) as inner:
                inner.stage(1)
            assert inner.is_staged()
            outer.stage(2)
            assert not store.exists("inner")
        assert (inner.state, outer.state) == (TransactionState.COMMITTED,) * 2
        assert (store.read("inner").value, store.read("outer").value) == (1, 2)

    def test_eager_at_its_end(self, store):
        with pytest.raises(OopsError), transaction("outer", store):
            with transaction("inner", store, commit_mode="EAGER") as inner:
                inner.stage(1)
            assert inner.is_committed()
            raise OopsError
        assert inner.is_committed()
        assert store.read("inner").value == 1

    def test_the_mode_is_inherited(self, store):
        with transaction(commit_mode=CommitMode.EAGER):
            with transaction("inner", store) as inner:
                inner.stage(1)
            assert inner.is_committed()

    def test_off_only_by_hand(self, store):
        with transaction("k", store, commit_mode="OFF") as by_hand:
            by_hand.stage(1)
            assert by_hand.commit()
        assert by_hand.is_committed()
        with transaction("other", store, commit_mode="OFF") as forgotten:
            forgotten.stage(1)
        assert forgotten.is_rolled_back()
        assert not store.exists("other")

    def test_what_was_committed_by_hand_stays(self, store, told):
        with pytest.raises(OopsError), transaction("k", store) as txn:
            txn.stage(1, on_rollback_hooks=[lambda _: told.append("undo")])
            txn.commit()
            assert not txn.rollback()
            raise OopsError
        assert store.read("k").value == 1
        assert told == []

    def test_off_inside_of_another(self, store):
        with transaction(), transaction("inner", store, commit_mode="OFF") as inner:
            inner.stage(1)
        assert inner.is_committed()

    @pytest.mark.parametrize("wrong", [{"commit_mode": "SOON"}, {"isolation_level": "NONE"}])
    def test_wrong_ones(self, wrong):
        with pytest.raises(ValueError, match="is not a valid"):
            transaction(**wrong)


class TestKeys:
    def test_a_second_one_finds_it(self, store):
        for number in (1, 2):
            with transaction("k", store) as txn:
                if txn.is_committed():
                    found = txn.read().value
                else:
                    txn.stage(number)
        assert found == 1
        assert number == 2

    def test_overwrite(self, store):
        for number in (1, 2):
            with transaction("k", store, overwrite=True) as txn:
                assert not txn.is_committed()
                txn.stage(number)
        assert store.read("k").value == 2

    def test_without_writing(self, store):
        with transaction("k", store, write_on_commit=False) as txn:
            txn.stage(1)
        assert txn.is_committed()
        assert not store.exists("k")

    def test_what_is_staged_after_it_was_found_does_not_count(self, store):
        store.write("k", 1)
        with transaction("k", store) as txn:
            txn.stage(2)
            assert txn.read().value == 1
        assert store.read("k").value == 1

    def test_the_default_store(self):
        with transaction("k") as txn:
            txn.stage(1)
        with transaction("k") as txn:
            assert txn.read().value == 1

    def test_read_without(self):
        with transaction() as txn:
            assert txn.read() is None

    def test_damage_counts_as_nothing(self, store):
        store.storage.write("k", b"garbage")
        with transaction("k", store) as txn:
            assert not txn.is_committed()
            txn.stage(1)
        assert store.read("k").value == 1

    def test_life(self, store):
        txn = transaction("k", store)
        assert txn.is_pending()
        with txn:
            assert txn.is_active()
            txn.stage(1)
            assert txn.is_staged()
        assert txn.is_committed()
        txn = transaction()
        with pytest.raises(OopsError), txn:
            raise OopsError
        assert txn.is_rolled_back()


class TestNesting:
    def test_get_transaction(self):
        assert get_transaction() is None
        with transaction() as outer:
            with transaction() as inner:
                assert get_transaction() is inner
            assert get_transaction() is outer
        assert get_transaction() is None

    def test_values_of_the_outer_one(self):
        with transaction() as outer:
            outer.set("x", 1)
            with transaction() as inner:
                assert inner.get("x") == 1
                inner.set("x", 2)
                assert inner.get("x") == 2
                assert inner.get("y", "none") == "none"
                assert inner.get("y", None) is None
            assert outer.get("x") == 1
        with pytest.raises(
            ValueError, match="Nothing was kept as 'y' in this transaction: set it, or give a default"
        ):
            outer.get("y")

    def test_values_in_tasks(self):
        @task
        def read():
            return get_transaction().get("x")

        @flow
        def run():
            with transaction() as txn:
                txn.set("x", 1)
                return read(), read.submit().result()

        assert run() == (1, 1)

    def test_rollback_goes_inwards(self, told):
        with pytest.raises(OopsError), transaction() as outer:
            outer.stage(None, on_rollback_hooks=[lambda _: told.append("outer")])
            for number in (1, 2):
                with transaction() as inner:
                    inner.stage(None, on_rollback_hooks=[lambda _, number=number: told.append(number)])
            raise OopsError
        assert told == ["outer", 2, 1]
        assert inner.is_rolled_back()

    def test_an_inner_failure_goes_outwards_with_the_exception(self, told):
        with pytest.raises(OopsError), transaction() as outer:
            outer.stage(None, on_rollback_hooks=[lambda _: told.append("outer")])
            with transaction():
                raise OopsError
        assert told == ["outer"]

    def test_an_inner_failure_that_is_caught_stays_inside(self):
        with transaction() as outer, pytest.raises(OopsError), transaction() as inner:
            raise OopsError
        assert (inner.state, outer.state) == (TransactionState.ROLLED_BACK, TransactionState.COMMITTED)

    def test_what_was_undone_by_hand_is_not_committed(self, store):
        with transaction() as outer, transaction("inner", store) as inner:
            inner.stage(1)
            assert inner.rollback()
            assert not inner.rollback()
            inner.stage(2)
            assert not inner.commit()
        assert outer.is_committed()
        assert not store.exists("inner")

    def test_in_flows_and_subflows(self, told, step):
        @flow
        def inner():
            step("inner")

        @flow
        def outer():
            with transaction():
                inner()
                raise OopsError

        with pytest.raises(OopsError):
            outer()
        assert told == ["run inner", "rollback inner"]


class TestSerializable:
    def test_the_second_waits_for_the_first(self, store):
        inside, go = threading.Event(), threading.Event()
        seen = []

        def first():
            with transaction("k", store, isolation_level=IsolationLevel.SERIALIZABLE) as txn:
                inside.set()
                go.wait(DEADLINE)
                txn.stage(1)

        def second():
            with transaction("k", store, isolation_level="SERIALIZABLE") as txn:
                seen.append(txn.read().value)

        threads = [threading.Thread(target=first), threading.Thread(target=second)]
        threads[0].start()
        assert inside.wait(DEADLINE)
        threads[1].start()
        go.set()
        for thread in threads:
            thread.join(DEADLINE)
        assert seen == [1]

    def test_across_stores_of_one_folder(self, tmp_path):
        with (
            transaction("k", open_store(tmp_path / "s"), isolation_level="SERIALIZABLE"),
            pytest.raises(TimeoutError),
        ):
            open_store(tmp_path / "s").lock("k", timeout=0)
        open_store(tmp_path / "s").lock("k", timeout=0).release()

    def test_one_inside_of_the_other(self, store):
        with (
            transaction("k", store, isolation_level="SERIALIZABLE"),
            transaction(isolation_level="READ_COMMITTED"),
            transaction("k", store, isolation_level="SERIALIZABLE") as inner,
        ):
            inner.stage(1)
        assert store.read("k").value == 1

    def test_one_after_the_other_in_the_same_transaction(self, store):
        with transaction():
            for number in (1, 2):
                with transaction("k", store, isolation_level="SERIALIZABLE") as inner:
                    assert not inner.is_committed()  # it is written with the outer one
                    inner.stage(number)
        assert store.read("k").value == 2

    @pytest.mark.parametrize("error", [OopsError, KeyboardInterrupt])
    def test_failure_gives_the_lock_back(self, store, error):
        with pytest.raises(error), transaction("k", store, isolation_level="SERIALIZABLE"):
            raise error
        store.lock("k", timeout=0).release()

    def test_a_storage_that_fails_gives_the_lock_back(self, store, monkeypatch):
        def broken(*_):
            raise ConnectionError

        monkeypatch.setattr(store, "read", broken)
        with pytest.raises(ConnectionError), transaction("k", store, isolation_level="SERIALIZABLE"):
            pass
        assert get_transaction() is None
        store.lock("k", timeout=0).release()

    async def test_coroutines_wait_without_holding_up_the_loop(self, store):
        go = asyncio.Event()
        order = []

        async def first():
            async with transaction("k", store, isolation_level="SERIALIZABLE") as txn:
                order.append("first")
                await go.wait()
                txn.stage(1)

        async def second():
            async with transaction("k", store, isolation_level="SERIALIZABLE") as txn:
                order.append(txn.read().value)

        work = asyncio.gather(first(), second())
        await asyncio.sleep(0.02)
        go.set()
        await asyncio.wait_for(work, DEADLINE)
        assert order == ["first", 1]


def test_a_transaction_is_told_by_its_logger(caplog):
    def broken(_):
        raise OopsError

    with transaction(logger=logging.getLogger("mine")) as txn:
        txn.stage(None, on_commit_hooks=[broken])
    assert caplog.records[0].name == "mine"
