"""What a flow returns or raises decides how its run ends."""

import asyncio
import contextlib
import gc
import weakref

import pytest
from still_world import logs

from millstream import _stopping, flow, task
from millstream._engine import run_flow
from millstream.exceptions import CancelledRun, CrashedRun, FailedRun
from millstream.states import Cancelled, Completed, Crashed, Failed, Pending, Running, State

__all__ = ["logs"]


@task
def bad():
    raise ValueError("boom")


@task
def good():
    return 1


def final(fn) -> State:
    return flow(fn, name="f")(return_state=True)


@pytest.mark.parametrize("value", [None, 0, "x", [], [1, Failed()], {"a": Failed()}, ()])
def test_values_are_successes(value):
    state = final(lambda: value)
    assert (state.type, state.name, state.message) == ("COMPLETED", "Completed", None)
    assert state.result() is value


@pytest.mark.parametrize(
    ("states", "type_", "message"),
    [
        ([Completed(), Completed()], "COMPLETED", "All states completed."),
        ([Completed(), Failed()], "FAILED", "1/2 states failed."),
        ((Failed(), Crashed(), Completed()), "FAILED", "2/3 states failed."),
        ([Completed(), Cancelled(), Failed()], "CANCELLED", "1/3 states cancelled."),
        ([Completed(), Pending()], "FAILED", "1/2 states are not final."),
        (Running(), "FAILED", "1/1 states are not final."),
        ({Failed()}, "FAILED", "1/1 states failed."),
    ],
)
def test_several_states(states, type_, message):
    state = final(lambda: states)
    assert (state.type, state.message) == (type_, message)


def test_completed_states_come_back_as_they_are():
    states = [Completed(data=1), Completed(data=2)]
    assert flow(lambda: states)() is states


def test_the_first_failure_is_raised():
    @flow
    def mixed():
        return [good(return_state=True), bad(return_state=True)]

    with pytest.raises(ValueError, match="boom"):
        mixed()


class TestOneState:
    def test_named(self):
        state = final(lambda: Completed(name="Skipped", message="nothing new"))
        assert (state.type, state.name, state.message) == ("COMPLETED", "Skipped", "nothing new")

    def test_its_data_is_the_result(self):
        assert flow(lambda: Completed(data=42))() == 42
        assert flow(lambda: Completed(name="Skipped"))() is None

    def test_failed_without_exception(self):
        state = final(Failed)
        assert state.message == "Flow 'f' returned the state Failed"
        with pytest.raises(FailedRun, match="Flow 'f' returned the state Failed"):
            flow(Failed, name="f")()

    def test_failed_with_a_message(self):
        with pytest.raises(FailedRun, match=r"^no rows$"):
            flow(lambda: Failed(message="no rows"))()

    def test_failed_with_an_exception(self):
        state = final(lambda: Failed(data=KeyError("k")))
        assert state.message == "Flow 'f' returned the state Failed: KeyError: 'k'"
        with pytest.raises(KeyError):
            state.result()

    @pytest.mark.parametrize(("made", "error"), [(Cancelled, CancelledRun), (Crashed, CrashedRun)])
    def test_other_ends(self, made, error):
        assert final(made).name == made.__name__
        with pytest.raises(error):
            flow(made)()

    def test_a_task_may_return_states_as_well(self):
        assert task(lambda: Completed(name="Skipped"))(return_state=True).name == "Skipped"
        with pytest.raises(FailedRun):
            task(Failed)()


class TestExceptions:
    def test_ignored_failures_of_tasks_do_not_count(self):
        @flow
        def ignoring():
            bad(return_state=True)

        assert ignoring(return_state=True).is_completed()

    def test_caught_failures_do_not_count(self):
        @flow
        def catching():
            try:
                bad()
            except ValueError:
                return "caught"

        assert catching() == "caught"

    def test_message_says_what_and_where(self):
        step = bad.with_options(name="load", retries=1)

        @flow(name="etl")
        def etl():
            step()

        message = "Flow 'etl' raised ValueError: boom in task run 'load-0' (attempt 2 of 2)"
        assert etl(return_state=True).message == message

        @flow(name="outer", retries=1)
        def outer():
            etl()

        assert outer(return_state=True).message == (
            "Flow 'outer' raised ValueError: boom in task run 'load-0' (attempt 2 of 2), at attempt 2 of 2 of this flow"
        )

    def test_own_exception(self):
        def own():
            raise RuntimeError

        assert final(own).message == "Flow 'f' raised RuntimeError (attempt 1 of 1)"

    def test_exceptions_that_cannot_be_shown(self):
        class Shy(Exception):  # noqa: N818
            __slots__ = ()

            def __str__(self):
                raise RuntimeError

        def shy():
            raise Shy

        assert final(shy).message == "Flow 'f' raised Shy: (its text cannot be shown) (attempt 1 of 1)"


async def fetch():
    return 1


@pytest.mark.filterwarnings("error")
class TestForgottenAwait:
    @pytest.mark.parametrize("decorator", [flow, task])
    def test_fails_without_a_retry(self, decorator, still, logs):
        run = decorator(lambda: fetch(), name="load", retries=3, retry_delay_seconds=9)  # noqa: PLW0108
        state = run(return_state=True)
        word = decorator.__name__.capitalize()
        message = f"{word} 'load' returned a coroutine: declare it `async def` and await the call of fetch()."
        assert (state.name, state.message, type(state.data)) == ("Failed", message, TypeError)
        with pytest.raises(TypeError, match="await the call of fetch"):
            run()
        assert still.slept == []
        assert not any(record.exc_info for record in logs.records)

    def test_of_a_task_in_a_flow(self):
        later = task(fetch)
        state = flow(lambda: later(), name="f")(return_state=True)  # noqa: PLW0108
        assert "await the call of fetch()" in state.message
        gc.collect()

    def test_of_an_asynchronous_function(self):
        async def outer():
            return fetch()

        assert (
            run_flow(flow(outer)).message == "Flow 'outer' returned a coroutine: await the call of fetch()."
        )

    def test_one_that_was_begun_is_left_alone(self):
        async def halt():
            await asyncio.sleep(0)
            return 5

        coroutine = halt()
        coroutine.send(None)
        assert flow(lambda: coroutine)(return_state=True).is_failed()
        with pytest.raises(StopIteration) as ended:
            coroutine.send(None)
        assert ended.value.value == 5

    @pytest.mark.parametrize("decorator", [flow, task])
    def test_pythons_own_warning_names_the_function(self, decorator):
        with pytest.warns(RuntimeWarning, match="coroutine 'fetch' was never awaited"):
            decorator(fetch)()  # and thrown away at once


class TestCrashes:
    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (KeyboardInterrupt(), "Flow 'f' was interrupted from the keyboard (KeyboardInterrupt)."),
            (
                SystemExit(3),
                "Flow 'f' ended the process by sys.exit(3). Use return to end a run early, and raise an exception to let it fail.",
            ),
            (
                SystemExit(),
                "Flow 'f' ended the process by sys.exit(). Use return to end a run early, and raise an exception to let it fail.",
            ),
            (
                asyncio.CancelledError(),
                "Flow 'f' was cancelled by the code that awaited it (asyncio.CancelledError).",
            ),
            (
                BaseExceptionGroup("g", [KeyboardInterrupt()]),
                "Flow 'f' was ended by BaseExceptionGroup: g (1 sub-exception)",
            ),
        ],
    )
    def test_base_exceptions_are_raised_and_crash_the_run(self, error, message):
        @flow(name="f", retries=2)
        def crashing():
            raise error

        with pytest.raises(type(error)):
            crashing(return_state=True)
        state = run_flow(crashing)
        assert (state.type, state.message) == ("CRASHED", message)
        assert state.data is error

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
    def test_after_a_stop_they_come_from_outside(self, error, monkeypatch, logs):
        def stopped():
            monkeypatch.setattr(_stopping, "stopped", True)
            raise error

        state = run_flow(flow(stopped, name="f"))
        assert state.message.startswith("Flow 'f' was stopped from outside (")
        assert logs.messages[-1] == f"Did not finish: {state.message}"

    def test_an_interrupted_task_crashes_its_flow(self):
        states = []

        @task
        def interrupted():
            raise KeyboardInterrupt

        @flow
        def outer():
            interrupted()

        states.append(run_flow(outer))
        assert [state.name for state in states] == ["Crashed"]

    async def test_cancelled_while_awaiting(self):
        started = asyncio.Event()

        @flow
        async def endless():
            started.set()
            await asyncio.Event().wait()

        running = asyncio.create_task(endless())
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    def test_a_coroutine_thrown_away_halfway(self, logs):
        @flow(name="f")
        async def endless():
            await Halt()

        class Halt:
            def __await__(self):
                yield

        coroutine = endless()
        coroutine.send(None)
        coroutine.close()
        assert "Flow 'f' was closed before it had ended." in logs.text
        assert flow(lambda: 1)() == 1

    @pytest.mark.parametrize("is_async", [False, True])
    def test_interrupted_while_waiting_for_the_next_attempt(self, is_async, still):
        def interrupt():
            raise KeyboardInterrupt

        def failing():
            raise ValueError

        async def failing_later():
            raise ValueError

        still.while_asleep = interrupt
        state = run_flow(flow(failing_later if is_async else failing, retries=1, retry_delay_seconds=9))
        assert state.name == "Crashed"
        assert isinstance(state.data, KeyboardInterrupt)


@pytest.mark.parametrize("decorator", [flow, task])
def test_exceptions_are_not_kept_alive(decorator, caplog):
    """Else what the function had in its hands would stay until the garbage collector comes by."""
    caplog.set_level(100, "millstream")  # pytest keeps the records

    class Big:
        pass

    gone = []

    def bad():
        big = Big()
        gone.append(weakref.ref(big))
        raise ValueError

    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            decorator(bad)()
        decorator(bad)(return_state=True)
    finally:
        gc.enable()
    assert [ref() for ref in gone] == [None, None]
