"""Futures, states and annotations in what runs are given: where they are found, and what takes their place."""

import sys
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pydantic
import pytest

from millstream import allow_failure, flow, task, unmapped
from millstream._engine import inputs
from millstream.annotations import opaque, quote
from millstream.exceptions import UnfinishedRun
from millstream.futures import Future, FutureList
from millstream.states import Cancelled, Completed, Failed, Running


@task
def same(x):
    return x


@task
def one():
    return 1


@task
def fail():
    raise ValueError("no")


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass
class Thing:
    value: Any
    other: Any = 0


@dataclass(frozen=True)
class Frozen:
    value: Any
    hidden: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Slotted:
    value: Any


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, frozen=True)
    value: Any
    other: int = 0


class Extra(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")


class Items(list):
    pass


def given(make):
    """What a task gets in place of what is made of futures; called and submitted it is the same."""

    @flow
    def fn():
        called, submitted = same(make(one.submit)), same.submit(make(one.submit)).result()
        return opaque((called, submitted))

    called, submitted = fn().value
    assert called == submitted
    assert type(called) is type(submitted)
    return submitted


class TestFound:
    @pytest.mark.parametrize(
        ("make", "expected"),
        [
            (lambda f: f(), 1),
            (lambda f: [f(), [f()], 2], [1, [1], 2]),
            (lambda f: (f(), (0, f())), (1, (0, 1))),
            (lambda f: {f()}, {1}),
            (lambda f: frozenset({f()}), frozenset({1})),
            (lambda f: {"a": f(), "b": {"c": [f()]}}, {"a": 1, "b": {"c": [1]}}),
            (lambda f: {f(): "key"}, {1: "key"}),
            (lambda f: OrderedDict(a=f()), OrderedDict(a=1)),
            (lambda f: Point(f(), 2), Point(1, 2)),
            (lambda f: Thing([f()]), Thing([1])),
            (lambda f: Frozen(f(), hidden=f()), Frozen(1, hidden=1)),
            (lambda f: Slotted({"a": f()}), Slotted({"a": 1})),
            (lambda f: Model(value=[f()], other=2), Model(value=[1], other=2)),
            (lambda f: Extra(more=f()), Extra(more=1)),
            (lambda f: Items([f()]), Items([1])),
            (
                lambda f: [Thing(Point({"deep": Model(value=f())}, 0))],
                [Thing(Point({"deep": Model(value=1)}, 0))],
            ),
        ],
    )
    def test_everywhere(self, make, expected):
        found = given(make)
        assert found == expected
        assert type(found) is type(expected)

    def test_default_dictionaries_stay_such(self):
        made = given(lambda f: defaultdict(list, a=f()))
        assert made["a"] == 1
        assert made["new"] == []

    def test_the_result_of_map_becomes_a_list(self):
        assert type(given(lambda f: FutureList([f()]))) is list

    def test_the_original_stays_as_it_was(self):
        def fn():
            future = one.submit()
            thing = Thing(future, [future])
            same(thing)
            return thing.value is future and thing.other == [future]

        assert flow(fn)()

    def test_what_has_none_is_passed_as_it_is(self):
        values = [[1], {"a": [1]}, Thing(1), Model(value=1), object(), (1, [2])]
        assert all(same(value) is value for value in values)

    def test_parts_without_any_are_passed_as_they_are(self):
        part = [object()]

        @flow
        def fn():
            return same.submit([part, one.submit()]).result()[0] is part

        assert fn()

    def test_parameters_of_subflows(self):
        @flow
        def inner(x):
            return x

        @flow
        def outer():
            return inner([one.submit()])

        assert outer() == [1]

    def test_futures_in_results(self):
        @task
        def submits():
            return [one.submit(), {"a": one.submit()}]

        assert flow(lambda: same.submit(submits.submit()).result())() == [1, {"a": 1}]


class TestCircles:
    def test_self_containing(self):
        def make(f):
            items = [f()]
            items.append(items)
            return items

        @flow
        def fn():
            return opaque(same.submit(make(one.submit)).result())

        result = fn().value
        assert result[0] == 1
        assert result[1] is result

    def test_over_corners(self):
        def fn():
            thing = Thing(one.submit())
            thing.other = {"back": [thing]}
            found = same.submit(thing).result()
            return found.value, found.other["back"][0] is found

        assert flow(fn)() == (1, True)

    def test_without_futures(self):
        items = []
        items.append(items)
        assert flow(lambda: opaque(same.submit(items).result()))().value is items

    def test_shared_parts_are_looked_at_once(self):
        items = [object()]
        for _ in range(100):  # 2**100 ways through it
            items = [items, items]
        assert list(inputs.found_in(items)) == []

    def test_shared_parts_stay_shared(self):
        def fn():
            shared = [one.submit()]
            left, right = same.submit([shared, shared]).result()
            return left is right

        assert flow(fn)()

    def test_deep(self):
        items = [object()]
        for _ in range(sys.getrecursionlimit() * 2):
            items = [items]
        assert flow(lambda: same.submit(items).result() is items)()


class TestStates:
    def test_completed(self):
        assert same([Completed(data=1)]) == [1]

    @pytest.mark.parametrize("state", [Failed(message="broken"), Cancelled(), Running()])
    def test_others(self, state):
        result = same([state], return_state=True)
        assert result.name == "NotReady"
        assert result.message.startswith("Upstream state")

    def test_of_a_failed_run(self):
        def fn():
            return same.submit(fail(return_state=True), return_state=True).name

        assert flow(fn)() == "NotReady"


class TestAnnotations:
    def test_allow_failure(self):
        @task
        def kinds(x):
            return [type(item) for item in x]

        def fn():
            return kinds.submit(allow_failure([fail.submit(), one.submit(), 3])).result()

        assert flow(fn)() == [ValueError, int, int]

    def test_allow_failure_of_what_did_not_begin(self):
        @task
        def kind(x):
            return type(x)

        assert (
            flow(lambda: kind.submit(allow_failure(same.submit(fail.submit()))).result())() is UnfinishedRun
        )

    def test_inside_of_collections(self):
        @task
        def kind(x):
            return type(x["a"])

        assert flow(lambda: kind.submit({"a": allow_failure(fail.submit())}).result())() is ValueError

    def test_unmapped_in_a_call(self):
        assert given(lambda f: unmapped([f()])) == [1]

    @pytest.mark.parametrize("annotation", [quote, opaque])
    def test_opaque(self, annotation):
        @task
        def kind(x):
            return isinstance(x[0], Future)

        assert flow(lambda: kind.submit(annotation([one.submit()])).result())()

    def test_unwrap_and_show(self):
        assert unmapped(1).unwrap() == 1
        assert repr(allow_failure([1])) == "allow_failure([1])"


class TestWaitFor:
    def test_waits(self):
        seen = []

        @task
        def first():
            seen.append("first")

        @task
        def second():
            seen.append("second")

        flow(lambda: second.submit(wait_for=[[first.submit()]]))()
        assert seen == ["first", "second"]

    @pytest.mark.parametrize("call", ["submit", "call"])
    def test_chains(self, call):
        def fn():
            before = fail.submit()
            names = []
            for _ in range(3):
                if call == "submit":
                    before = one.submit(wait_for=[before])
                    before.wait()
                    names.append(before.state.name)
                else:
                    before = one(wait_for=[before], return_state=True)
                    names.append(before.name)
            return names

        assert flow(fn)() == ["NotReady"] * 3

    @pytest.mark.parametrize("annotation", [allow_failure, quote])
    def test_failures_that_do_not_matter(self, annotation):
        def fn():
            failed = fail.submit()
            return one.submit(wait_for=[annotation(failed)]).result(), one(wait_for=[annotation(failed)])

        assert flow(fn)() == (1, 1)

    def test_generators(self):
        @task
        async def later():
            return 1

        def fn():
            failed = fail.submit()
            return [t.submit(wait_for=(f for f in [failed]), return_state=True).name for t in (one, later)]

        assert flow(fn)() == ["NotReady", "NotReady"]

    def test_one_future_stands_for_a_list_of_it(self):
        def fn():
            return [one.submit(wait_for=one.submit()).result(), one(wait_for=one.submit())]

        assert flow(fn)() == [1, 1]

    def test_what_cannot_be_waited_for_does_not_hold_up_the_flow(self):
        with pytest.raises(TypeError):
            flow(lambda: one.submit(wait_for=5))()

    def test_subflows(self):
        inner = flow(lambda: 1, name="inner")
        assert flow(lambda: inner(wait_for=[fail.submit()], return_state=True).name)() == "NotReady"
