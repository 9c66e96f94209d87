"""Options are checked where they are written down; each error names the option, what it takes and what it got."""

from functools import partial

import pytest

from millstream import flow, task
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
