"""Options of tasks of the declarative style, and the signals that they raise."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from millstream.exceptions import RunTimeoutError
from millstream.v1 import Flow, Parameter, Task, context, task
from millstream.v1.engine import cache_validators, signals
from millstream.v1.engine.state import (
    Cached,
    Failed,
    Looped,
    Retrying,
    Running,
    Skipped,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("MILLSTREAM_HOME", str(tmp_path))


def outcome(made, *args, **options):
    """The state in which the only task of a flow ends."""
    with Flow("f") as flow:
        x = made(*args)
    return flow.run(**options).result[x]


def failing(times, **options):
    calls = []

    @task(**options)
    def flaky():
        calls.append(context.task_run_count)
        if len(calls) <= times:
            raise ValueError(f"attempt {len(calls)}")
        return calls

    return flaky


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            (
                {"result": 1},
                TypeError,
                r"@task has no option 'result' \(leave it out; with cache_for results are kept",
            ),
            ({"checkpoint": True}, TypeError, "'checkpoint' .leave it out"),
            ({"target": "x"}, TypeError, "'target' .use cache_for and cache_key"),
            ({"max_retry": 1}, TypeError, r"'max_retry' \(did you mean 'max_retries'\?\)"),
            ({"retries": 1}, TypeError, "'retries' .*It has: cache_for"),
            ({"max_retries": "3"}, TypeError, "max_retries is a whole number, and got '3'"),
            ({"max_retries": True}, TypeError, "max_retries is a whole number"),
            ({"max_retries": -1}, ValueError, "max_retries is a whole number from 0 on"),
            ({"max_retries": 1}, ValueError, "max_retries goes with a retry_delay"),
            ({"retry_delay": SECOND}, ValueError, "go with max_retries"),
            ({"max_retries": 1, "retry_delay": 5}, TypeError, "retry_delay is a timedelta"),
            ({"max_retries": 1, "retry_delay": -SECOND}, ValueError, "cannot be negative"),
            (
                {"max_retries": 1, "retry_delay": SECOND, "retry_on": 5},
                TypeError,
                "retry_on is an exception class",
            ),
            (
                {"max_retries": 1, "retry_delay": SECOND, "retry_on": [5]},
                TypeError,
                "retry_on is an exception class",
            ),
            ({"timeout": "1"}, TypeError, "timeout is a number of seconds, or a timedelta"),
            ({"timeout": 0}, ValueError, "timeout is above 0"),
            ({"cache_for": 5}, TypeError, "cache_for is a timedelta"),
            ({"cache_validator": cache_validators.all_inputs}, ValueError, "go with cache_for"),
            (
                {"cache_for": SECOND, "cache_validator": print},
                TypeError,
                "one of millstream.v1.engine.cache_validators",
            ),
            ({"trigger": "all"}, TypeError, "trigger is a function"),
            ({"state_handlers": print}, TypeError, "state_handlers is a list of functions"),
            ({"on_failure": 1}, TypeError, "on_failure is a function"),
            ({"skip_on_upstream_skip": "no"}, TypeError, "skip_on_upstream_skip is True or False"),
            ({"tags": "a"}, TypeError, "tags is a list of texts"),
            ({"name": 1}, TypeError, "name is a text"),
            ({"task_run_name": 1}, TypeError, "task_run_name is a text or a function"),
        ],
    )
    def test_refused(self, options, error, words):
        with pytest.raises(error, match=words):
            task(**options)
        with pytest.raises(error, match=words.replace("@task", "Task 'Task'")):
            Task(**options)

    def test_refused_functions(self):
        def positional(*args):
            return args

        def reserved(flow):
            return flow

        def unnamed(x, /):
            return x

        async def asynchronous():
            return 1

        with pytest.raises(
            ValueError, match=r"Task 'positional' takes \*args: arguments of tasks have names"
        ):
            task(positional)
        with pytest.raises(
            ValueError, match=r"Task 'unnamed' takes \(x, /\): arguments of tasks have names, drop"
        ):
            task(unnamed)
        with pytest.raises(ValueError, match="has the argument 'flow', which means something else"):
            task(reserved)
        with pytest.raises(
            TypeError, match=r"is asynchronous: millstream\.task and @flow are for such functions"
        ):
            task(asynchronous)
        with pytest.raises(TypeError, match="@task goes on a function, and got 'load'"):
            task("load")

    def test_any_keyword_arguments(self):
        @task
        def collect(first, **others):
            return first, others

        with Flow("f") as flow:
            x = collect(1, a=collect(2), b=3)
        assert flow.run().result[x].result == (1, {"a": (2, {}), "b": 3})

    def test_names_of_runs(self):
        @task(task_run_name="load-{day}-{flow_name}")
        def load(day):
            return context.task_run_name

        assert outcome(load, "mon").result == "load-mon-f"
        named = load.copy(task_run_name=lambda day, task_name, **_: f"{task_name}:{day}")
        assert outcome(named, "tue").result == "load:tue"

    def test_names_that_the_engine_does_not_take(self):
        assert outcome(task(lambda: 1, name="50% / all")).result == 1

    def test_log_stdout(self, logs):
        @task(log_stdout=True)
        def talk():
            print("hello")  # noqa: T201 - what it is about

        outcome(talk)
        assert "hello" in [record.getMessage() for record in logs.records]


class TestRetries:
    def test_retries(self, still):
        state = outcome(failing(2, max_retries=2, retry_delay=timedelta(minutes=5)))
        assert state.is_successful()
        assert state.result == [1, 2, 3]
        assert still.slept == [300, 300]

    @pytest.mark.usefixtures("still")
    def test_too_few(self):
        state = outcome(failing(3, max_retries=2, retry_delay=SECOND))
        assert type(state) is Failed
        assert str(state.result) == "attempt 3"

    @pytest.mark.parametrize(
        ("kinds", "waits"), [(ValueError, [1]), ([KeyError, ValueError], [1]), (KeyError, []), ((), [])]
    )
    def test_retry_on(self, still, kinds, waits):
        outcome(failing(1, max_retries=1, retry_delay=SECOND, retry_on=kinds))
        assert still.slept == waits

    def test_endrun_is_the_end(self, still):
        @task(max_retries=3, retry_delay=SECOND)
        def over():
            raise signals.ENDRUN(Failed("over"))

        assert outcome(over).message.startswith("over")
        assert still.slept == []

    def test_timeout(self):
        @task(timeout=timedelta(seconds=0.05))
        def slow():
            while True:
                time.sleep(0.001)

        state = outcome(slow)
        assert type(state) is TimedOut
        assert isinstance(state.result, RunTimeoutError)


class TestCaching:
    def test_for_a_time(self, still):
        counter = iter(range(100))

        @task(cache_for=timedelta(hours=1))
        def count(x):
            return next(counter)

        with Flow("f") as flow:
            x = count(Parameter("p"))
        states = [flow.run(p=p).result[x] for p in (1, 2)]
        still.now += 3601
        states.append(flow.run(p=1).result[x])
        assert [state.result for state in states] == [0, 0, 1]
        assert [type(state) for state in states] == [Success, Cached, Success]

    @pytest.mark.parametrize(
        ("validator", "numbers"),
        [
            (cache_validators.duration_only, [0, 0, 0]),
            (cache_validators.all_inputs, [0, 1, 0]),
            (cache_validators.partial_inputs_only(["y"]), [0, 0, 0]),
            (cache_validators.all_parameters, [0, 1, 2]),
            (cache_validators.partial_parameters_only(["p"]), [0, 1, 0]),
        ],
    )
    def test_validators(self, validator, numbers):
        counter = iter(range(100))

        @task(cache_for=timedelta(hours=1), cache_validator=validator)
        def count(x, y):
            return next(counter)

        with Flow("f") as flow:
            Parameter("q", default=0)()
            x = count(Parameter("p"), 1)
        runs = [{"p": 1}, {"p": 2}, {"p": 1, "q": 1}]
        assert [flow.run(given).result[x].result for given in runs] == numbers

    def test_flows_share_by_a_key_only(self):
        counter = iter(range(100))

        def count():
            return next(counter)

        def result(name, **options):
            with Flow(name) as flow:
                x = task(count, cache_for=timedelta(hours=1), **options)()
            return flow.run().result[x].result

        assert [result("f"), result("g"), result("f")] == [0, 1, 0]
        assert [result("f", cache_key="k"), result("g", cache_key="k")] == [2, 2]

    def test_what_was_skipped_is_not_kept(self):
        answers = iter([True, False])

        @task(cache_for=timedelta(hours=1))
        def maybe():
            if next(answers):
                raise signals.SKIP("not yet")
            return "done"

        with Flow("f") as flow:
            x = maybe()
        assert type(flow.run().result[x]) is Skipped
        assert flow.run().result[x].result == "done"
        assert type(flow.run().result[x]) is Cached

    def test_runs_of_a_map_are_kept_apart(self):
        @task(cache_for=timedelta(hours=1))
        def double(x):
            return 2 * x

        with Flow("f") as flow:
            x = double.map([1, 2, 3])
        assert [flow.run().result[x].result for _ in range(2)] == [[2, 4, 6]] * 2


class TestSignals:
    @pytest.mark.parametrize(
        ("signal", "kind", "message"),
        [
            (signals.SUCCESS("yes", result=9), Success, "yes"),
            (signals.SKIP("no need"), Skipped, "no need"),
            (signals.FAIL("no"), Failed, "no"),
            (signals.VALIDATIONFAIL("odd"), ValidationFailed, "odd"),
            (signals.TRIGGERFAIL("not now"), TriggerFailed, "not now"),
            (signals.ENDRUN(Success("end", 3)), Success, "end"),
        ],
    )
    def test_states(self, signal, kind, message):
        @task
        def end():
            raise signal

        state = outcome(end)
        assert (type(state), state.message) == (kind, message)
        assert state.result == (signal if state.is_failed() else signal.state.result)

    def test_endrun_takes_a_state(self):
        for wrong in (None, Retrying()):
            with pytest.raises(TypeError, match="ENDRUN takes a finished state"):
                signals.ENDRUN(wrong)

    def test_retry(self, still):
        later = datetime.fromtimestamp(still.now, UTC) + timedelta(hours=1)
        seen = []

        @task(state_handlers=[lambda _, __, new: seen.append(type(new).__name__)])
        def again():
            if context.task_run_count == 1:
                raise signals.RETRY("later", start_time=later)
            if context.task_run_count == 2:
                raise signals.RETRY("at once")
            return context.task_run_count

        assert outcome(again).result == 3
        assert still.slept == [3600]
        assert seen == ["Running", "Retrying", "Running", "Retrying", "Running", "Success"]

    @pytest.mark.usefixtures("still")
    def test_loop(self):
        failed = []

        @task(max_retries=1, retry_delay=SECOND)
        def loop():
            count, result = context.get("task_loop_count", 1), context.get("task_loop_result", 0)
            if count == 2 and not failed:
                failed.append(count)
                raise ValueError("in the middle")
            if count < 4:
                raise signals.LOOP(result=result + 10)
            return count, result

        assert outcome(loop).result == (4, 30)
        assert failed == [2]

    def test_a_pass_of_a_loop_has_a_state(self):
        with pytest.raises(signals.PrefectStateSignal) as caught:
            raise signals.LOOP("again", 5)
        state = caught.value.state
        assert (type(state), state.message, state.result, state.loop_count) == (Looped, "again", 5, 1)
        assert (state.is_looped(), state.is_finished(), state.is_successful()) == (True, True, False)
        assert not Success().is_looped()

    def test_that_are_not_here(self):
        with pytest.raises(ImportError, match=r"PAUSE: use spec\.suspend of the FlowRun"):
            signals.PAUSE  # noqa: B018


class TestHandlers:
    @pytest.mark.usefixtures("still")
    def test_all_changes(self):
        seen, failures = [], []
        flaky = failing(
            1,
            max_retries=1,
            retry_delay=SECOND,
            state_handlers=[
                lambda t, old, new: seen.append((t.name, type(old).__name__, type(new).__name__))
            ],
            on_failure=lambda t, state: failures.append((t.name, str(state.result))),
        )
        assert outcome(flaky).is_successful()
        assert seen == [
            ("flaky", "Pending", "Running"),
            ("flaky", "Running", "Failed"),
            ("flaky", "Failed", "Retrying"),
            ("flaky", "Retrying", "Running"),
            ("flaky", "Running", "Success"),
        ]
        assert failures == [("flaky", "attempt 1")]

    def test_a_replaced_failure_is_no_failure(self, still):
        flaky = failing(
            1,
            max_retries=1,
            retry_delay=SECOND,
            state_handlers=[lambda _, __, new: Success("replaced", 5) if new.is_failed() else None],
        )
        state = outcome(flaky)
        assert (state.result, state.message, still.slept) == (5, "replaced", [])

    def test_a_replaced_success_is_a_failure(self):
        handler = [
            lambda _, __, new: Failed("too small", ValueError(new.result)) if new.result == 1 else None
        ]
        state = outcome(task(lambda: 1, state_handlers=handler))
        assert (state.message, str(state.result)) == ("too small", "1")

    def test_a_state_instead_of_a_run(self):
        ran = []
        handler = [lambda _, __, new: Success("known", 7) if new.is_running() else None]
        assert outcome(task(lambda: ran.append(1), state_handlers=handler)).result == 7
        assert ran == []

    def test_those_that_are_not_run_have_handlers_too(self):
        def bad():
            raise ValueError("bad")

        seen = []
        after = task(lambda x: x, state_handlers=[lambda _, __, new: seen.append(type(new))])
        with Flow("f") as flow:
            after(task(bad)())
        flow.run()
        assert seen == [TriggerFailed]

    @pytest.mark.parametrize("replaced", [Success("enough", 5), Failed("given up", ValueError("x"))])
    def test_a_replaced_retry_is_the_end(self, still, replaced):
        flaky = failing(
            3,
            max_retries=2,
            retry_delay=SECOND,
            state_handlers=[lambda _, __, new: replaced if new.is_retrying() else None],
        )
        state = outcome(flaky)
        assert (type(state), state.message, state.result, still.slept) == (
            type(replaced),
            replaced.message,
            replaced.result,
            [],
        )

    @pytest.mark.parametrize(
        ("raised", "kind"),
        [
            (signals.SKIP("no need"), Skipped),
            (signals.FAIL("too small"), Failed),
            (signals.ENDRUN(Success("fine")), Success),
        ],
    )
    @pytest.mark.parametrize("at", [Running, Success])
    def test_signals(self, raised, kind, at):
        seen = []

        def handler(_, __, new):
            if type(new) is at:
                raise raised

        state = outcome(task(lambda: 1, state_handlers=[handler, lambda *_: seen.append(1)]))
        assert (type(state), state.message) == (kind, raised.state.message)
        assert len(seen) == (at is Success)

    def test_endrun_is_for_good(self, still):
        def handler(_, __, new):
            if new.is_failed():
                raise signals.ENDRUN(Failed("no more"))

        state = outcome(failing(1, max_retries=1, retry_delay=SECOND, state_handlers=[handler]))
        assert (type(state), state.message, still.slept) == (Failed, "no more", [])

    def test_signals_of_flows(self):
        def handler(_, __, new):
            if new.is_finished():
                raise signals.FAIL("not good enough")

        state = Flow("f", state_handlers=[handler]).run()
        assert (type(state), state.message) == (Failed, "not good enough")

    def test_what_is_no_state(self):
        state = outcome(task(lambda: 1, state_handlers=[lambda *_: 5]))
        assert "gives a state or None, and gave 5" in str(state.result)


def test_the_log_begins_in_the_users_code(logs):
    logs.set_level(logging.INFO)

    def bad():
        raise ValueError("bad")

    with Flow("f") as flow:
        task(lambda x: x, name="after")(task(bad)())
    flow.run()
    errors = [record for record in logs.records if record.exc_info]
    assert [record.getMessage() for record in errors] == [
        "Finished in state Failed: Task 'bad' raised ValueError: bad (attempt 1 of 1)"
    ]
    assert errors[0].exc_info[2].tb_frame.f_code.co_name == "bad"


def test_a_trigger_that_raises_is_shown(logs):
    def trigger(_):
        raise KeyError("x")

    state = outcome(task(lambda: 1, trigger=trigger, name="t"))
    assert state.message == "The trigger of task 't' raised KeyError: 'x'."
    (error,) = [record for record in logs.records if record.exc_info]
    assert error.exc_info[2].tb_frame.f_code.co_name == "trigger"
