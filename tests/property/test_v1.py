"""Graphs of any shape: all tasks end, in the same states wherever they run, and the flow as its last tasks do."""

import logging
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.v1 import Flow, Task, flatten, triggers, unmapped
from millstream.v1.engine.signals import SKIP
from millstream.v1.engine.state import Mapped
from millstream.v1.executors import LocalDaskExecutor, LocalExecutor

TRIGGERS = [
    triggers.all_successful,
    triggers.all_failed,
    triggers.any_successful,
    triggers.any_failed,
    triggers.all_finished,
    triggers.not_all_skipped,
]
WORDS = [lambda value: value, unmapped, flatten]


@dataclass
class Step:
    """A task to be: where its numbers are taken modulo the number of tasks before it."""

    kind: str
    trigger: object
    skips: bool
    arguments: list[tuple[int, object]]
    before: list[int]
    maps: bool


STEPS = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(["value", "value", "list", "nested", "fail", "skip", "odd"]),
        trigger=st.sampled_from(TRIGGERS),
        skips=st.booleans(),
        arguments=st.lists(st.tuples(st.integers(0, 20), st.sampled_from(WORDS)), max_size=2),
        before=st.lists(st.integers(0, 20), max_size=2),
        maps=st.booleans(),
    ),
    min_size=1,
    max_size=9,
)


class Work(Task):
    def __init__(self, kind, **options):
        self.kind = kind
        super().__init__(**options)

    def run(self, a=None, b=None):
        if self.kind == "fail" or (self.kind == "odd" and isinstance(a, int) and a % 2):
            raise ValueError(a, b)
        if self.kind == "skip":
            raise SKIP
        return {"list": [1, 2, 3], "nested": [[1], [2, 3]]}.get(self.kind, 1)


def built(steps):
    tasks = []
    with Flow("f") as flow:
        for number, step in enumerate(steps):
            work = Work(step.kind, name=f"w{number}", trigger=step.trigger, skip_on_upstream_skip=step.skips)
            sources = [[1, 2], *tasks]
            given = {
                key: word(sources[at % len(sources)])
                for key, (at, word) in zip("ab", step.arguments, strict=False)
            }
            before = [unmapped(tasks[at % len(tasks)]) for at in step.before] if tasks else []
            call = work.map if step.maps else work
            tasks.append(call(upstream_tasks=before, **given))
    return flow, tasks


def shown(state):
    if isinstance(state, Mapped):
        return [shown(one) for one in state.map_states]
    return type(state).__name__, str(state.result)


@pytest.fixture(autouse=True, scope="module")
def quiet():
    logging.getLogger("millstream").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("millstream").setLevel(logging.NOTSET)


@settings(deadline=None, max_examples=150)
@given(steps=STEPS)
def test_any_graph(steps):
    flow, tasks = built(steps)
    in_order = flow.run(executor=LocalExecutor())
    in_threads = flow.run(executor=LocalDaskExecutor(num_workers=3))
    assert list(in_order.result) == list(flow.slugs)
    assert all(state.is_finished() for state in in_order.result.values())
    assert [shown(in_order.result[task]) for task in tasks] == [
        shown(in_threads.result[task]) for task in tasks
    ]
    last = [in_order.result[task] for task in flow.terminal_tasks()]
    each = [one for state in last for one in (state.map_states if isinstance(state, Mapped) else [state])]
    assert in_order.is_failed() == any(state.is_failed() for state in each)
    assert in_order.is_failed() == in_threads.is_failed()
