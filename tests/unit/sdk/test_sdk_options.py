"""Options are checked where they are written down; each error names the option, what it takes and what it got."""

from datetime import timedelta
from functools import partial

import pytest

from millstream import flow, task
from millstream.cache_policies import DEFAULT, INPUTS, NO_CACHE, TASK_SOURCE
from millstream.tasks import exponential_backoff


async def asynchronous(task, run, state):
    return task, run, state


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"log_prints": "yes"}, TypeError, "log_prints of a flow is True or False, and got 'yes'."),
        ({"validate_parameters": 0}, TypeError, "validate_parameters of a flow is True or False, and got 0."),
        ({"version": 3}, TypeError, "version of a flow is a text, and got 3."),
        ({"description": 3}, TypeError, "description of a flow is a text, and got 3."),
        ({"retries": "2"}, TypeError, "retries is a whole number, and got '2'."),
        (
            {"retry_delay_seconds": True},
            TypeError,
            "A flow's retry_delay_seconds is a number, and got True.",
        ),
        (
            {"flow_run_name": "load-{dya}-{limit.real:>{width}}"},
            ValueError,
            (
                "flow_run_name is a text with the flow's parameters in braces, and got 'load-{dya}-{limit.real:>{width}}' "
                "with {dya}, {width}: Flow 'load' has day, limit."
            ),
        ),
        (
            {"flow_run_name": "load-{}"},
            ValueError,
            (
                "flow_run_name is a text with the flow's parameters in braces, and got 'load-{}' with {}: "
                "Flow 'load' has day, limit."
            ),
        ),
        (
            {"flow_run_name": "load-{day"},
            ValueError,
            (
                "flow_run_name is a text with the flow's parameters in braces, and got 'load-{day': "
                "expected '}' before end of string."
            ),
        ),
        (
            {"flow_run_name": 3},
            TypeError,
            "flow_run_name is a text, or a function that is called as fn(), and got 3.",
        ),
        (
            {"flow_run_name": exponential_backoff},
            TypeError,
            (
                "flow_run_name is a text, or a function that is called as fn(), and got one that takes "
                "(backoff_factor: 'float')"
            ),
        ),
    ],
)
def test_of_flows(options, error, message):
    def load(day, limit=10):
        return day, limit

    with pytest.raises(error) as caught:
        flow(**options)(load)
    assert str(caught.value).startswith(message)
    with pytest.raises(error):
        flow(load).with_options(**options)


CONDITION = "retry_condition_fn is a function that is called as fn(task, task_run, state), and got "
DELAYS = "retry_delay_seconds is a number, a list of numbers, or a function that is called as fn(retries)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log_prints": 1}, "log_prints of a task is True or False, and got 1."),
        ({"retry_condition_fn": True}, f"{CONDITION}True."),
        ({"retry_condition_fn": lambda state: state}, f"{CONDITION}one that takes (state): <function"),
        ({"retry_condition_fn": asynchronous}, f"{CONDITION}one that is asynchronous: <function"),
        ({"retry_delay_seconds": "2"}, f"{DELAYS} and gives such a list, and got '2'."),
        ({"retry_delay_seconds": lambda: [1]}, f"{DELAYS}, and got one that takes (): <function"),
        (
            {"retry_delay_seconds": exponential_backoff},
            f"{DELAYS} and gives such a list, and got <function",
        ),
        ({"tags": "abc"}, "tags is a list of texts, and got 'abc'."),
        ({"tags": [1]}, "tags is a list of texts, and got [1]."),
        ({"tags": 1}, "tags is a list of texts, and got 1."),
    ],
)
def test_of_tasks(options, message):
    with pytest.raises(TypeError) as caught:
        task(retries=1, **options)(lambda: None)
    assert str(caught.value).startswith(message)


KEY = "result_storage_key is a text with {parameters[name]}, {flow_run.name}, {task_run.name} and the like, and got "


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"persist_result": False, "cache_policy": INPUTS},
            "persist_result=False keeps nothing, so cache_policy is ignored.",
        ),
        (
            {"persist_result": False, "cache_key_fn": lambda *_: "k", "cache_expiration": timedelta()},
            "persist_result=False keeps nothing, so cache_key_fn, cache_expiration is ignored.",
        ),
        (
            {"persist_result": False, "refresh_cache": True},
            "persist_result=False keeps nothing, so refresh_cache is ignored.",
        ),
        (
            {"cache_policy": INPUTS, "cache_key_fn": lambda *_: "k"},
            "cache_policy is ignored: cache_key_fn says what the key is.",
        ),
        (
            {"cache_policy": INPUTS, "result_storage_key": "k"},
            "cache_policy is ignored: result_storage_key says what the key is.",
        ),
    ],
)
def test_what_goes_against_another_option_is_told(options, message, logs):
    task(name="load", **options)(lambda: None)
    assert logs.messages == [f"Task 'load': {message}"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"cache_policy": INPUTS - "dya" - "limit"},
            "cache_policy leaves out 'dya': Task 'load' has day, limit.",
        ),
        (
            {"cache_policy": DEFAULT - "x" - "y"},
            "cache_policy leaves out 'x', 'y': Task 'load' has day, limit.",
        ),
        ({"result_storage_key": "{day}"}, f"{KEY}'{{day}}' with {{day}}."),
        ({"result_storage_key": "{}"}, f"{KEY}'{{}}' with {{}}."),
        ({"result_storage_key": "{x"}, f"{KEY}'{{x': expected '}}' before end of string."),
        (
            {"result_storage_key": "a/{parameters[dya]}"},
            f"{KEY}'a/{{parameters[dya]}}' with {{parameters[dya]}}: Task 'load' has day, limit.",
        ),
        (
            {"result_serializer": "yaml"},
            "result_serializer: There is no serializer 'yaml': use one of pickle, json,",
        ),
        (
            {"result_storage": "ftp://x"},
            "result_storage: There is no storage for URLs that begin with ftp://: use",
        ),
        (
            {"result_storage": "s3-bucket/mine"},
            "result_storage: Block names such as 's3-bucket/mine' are not supp",
        ),
        ({"result_storage": ""}, "result_storage: A storage cannot be made of an empty text"),
    ],
)
def test_of_how_results_are_kept(options, message):
    def load(day, limit=10):
        return day, limit

    with pytest.raises(ValueError, match=r"cache_policy|result_") as caught:
        task(**options)(load)
    assert str(caught.value).startswith(message)
    with pytest.raises(ValueError, match=r"cache_policy|result_"):
        task(load).with_options(**options)


@pytest.mark.parametrize("define", [flow, task])
@pytest.mark.parametrize("option", ["result_storage", "result_serializer"])
def test_of_wrong_kinds(define, option):
    with pytest.raises(TypeError, match=f"{option}: A (storage|serializer) cannot be made of int"):
        define(**{option: 3})(lambda: None)


def test_of_a_storage_of_a_policy():
    with pytest.raises(ValueError, match="key_storage: There is no storage for URLs that begin with ftp://"):
        INPUTS.configure(key_storage="ftp://x")


def test_those_that_go_together():
    class Shop:
        @task(cache_policy=INPUTS + TASK_SOURCE - "self")
        def count(self, who):
            return who

    assert Shop().count.with_options(retries=1).persist_result
    for options in (
        {"cache_policy": NO_CACHE, "result_storage_key": "k"},
        {"cache_policy": NO_CACHE, "persist_result": False},
        {"refresh_cache": False, "persist_result": False},
        {"result_storage_key": "{flow_run.flow.name}-{parameters[x].y[0]!r:>9}-{task_run.id}-{{x}}"},
        {"result_storage_key": "{parameters}"},
    ):
        task(**options)(lambda x: x)
    assert task(cache_expiration=timedelta(1))(lambda: 1).persist_result
    assert task(lambda: 1).persist_result is None


def test_those_that_can_be():
    class Condition:
        def __call__(self, task, task_run, state):
            return task, task_run, state

    for condition in (
        Condition(),
        partial(lambda n, *_: n, 1),
        lambda task, run, state=None, **_: (task, run, state),
    ):
        assert task(retry_condition_fn=condition)(lambda: 1)() == 1
    for name in ("{{x}}-{x[0]!r:>9}", "{rest}", "plain", str):
        assert flow(flow_run_name=name)(lambda x, **rest: (x, rest))("1")

    class Owner:
        @flow(flow_run_name="{x}")
        def load(self, x):
            return x

    assert Owner().load(1) == 1
