"""`task.map`: what it is mapped over, what is the same for all, and what is wrong."""

import io

import pytest

from millstream import allow_failure, flow, task, unmapped
from millstream.annotations import opaque, quote
from millstream.exceptions import MappingLengthMismatch, MappingMissingIterable, UpstreamTaskError
from millstream.futures import FutureList


@task
def add(x, y=1):
    return x + y


@task
def same(x):
    return x


@task
def numbers(n):
    return list(range(n))


@task
def fail(_x=None):
    raise ValueError("no")


def in_flow(fn):
    return flow(name="f")(fn)()


class TestOver:
    @pytest.mark.parametrize(
        "items", [[1, 2], (1, 2), range(1, 3), {1: "a", 2: "b"}, {1: None, 2: None}.keys()]
    )
    def test_collections(self, items):
        assert in_flow(lambda: same.map(items).result()) == [1, 2]

    def test_generators(self):
        assert in_flow(lambda: add.map((x for x in range(3)), y=iter([1, 2, 3])).result()) == [1, 3, 5]

    def test_sequences_without_iter(self):
        class Squares:
            def __getitem__(self, index):
                if index == 3:
                    raise IndexError
                return index**2

        assert in_flow(lambda: same.map(Squares()).result()) == [0, 1, 4]

    def test_classes_are_no_collections(self):
        assert in_flow(lambda: add.map([[]], y=unmapped([1])).result()) == [[1]]
        assert in_flow(lambda: [kind for _, kind in pair.map([1, 2], list).result()]) == [list, list]

    def test_keywords(self):
        assert in_flow(lambda: add.map(x=[1, 2], y=[10, 20]).result()) == [11, 22]

    def test_values_are_the_same_for_all(self):
        assert in_flow(lambda: add.map([1, 2], 10).result()) == [11, 12]
        assert in_flow(lambda: add.map(["a", "b"], "xyz").result()) == ["axyz", "bxyz"]

    def test_nothing_in_it(self):
        futures = []

        def fn():
            futures.append(same.map([]))

        in_flow(fn)
        assert futures == [[]]
        assert isinstance(futures[0], FutureList)

    def test_futures(self):
        assert in_flow(lambda: add.map(add.map([1, 2]), add.submit(10)).result()) == [13, 14]

    def test_a_future_of_a_list(self):
        assert in_flow(lambda: add.map(numbers.submit(3)).result()) == [1, 2, 3]

    def test_a_state_of_a_list(self):
        assert in_flow(lambda: add.map(numbers(3, return_state=True)).result()) == [1, 2, 3]

    def test_variable_arguments(self):
        @task
        def collect(*args, **kwargs):
            return args, kwargs

        assert in_flow(lambda: collect.map([1, 2], [3, 4], k=[5, 6]).result()) == [
            ((1, 3), {"k": 5}),
            ((2, 4), {"k": 6}),
        ]

    def test_wait_for_a_generator(self):
        def fn():
            failed = fail.submit()
            futures = same.map([1, 2], wait_for=(f for f in [failed]))
            futures.wait()
            return [future.state.name for future in futures]

        assert in_flow(fn) == ["NotReady", "NotReady"]

    def test_what_was_not_mapped_over_stays_as_it_is(self):
        given = []
        assert in_flow(lambda: all(y is given for _, y in pair.map([1, 2], unmapped(given)).result()))


@task
def pair(x, y):
    return x, y


class TestAnnotations:
    def test_unmapped_future(self):
        assert in_flow(lambda: pair.map([1, 2], unmapped(numbers.submit(2))).result()) == [
            (1, [0, 1]),
            (2, [0, 1]),
        ]

    def test_allow_failure(self):
        @task
        def kind(x):
            return type(x)

        def fn():
            return kind.map(allow_failure([fail.submit(), same.submit(1), 2])).result()

        assert in_flow(fn) == [ValueError, int, int]

    def test_unmapped_and_allowed(self):
        @task
        def kind(_x, y):
            return type(y)

        assert in_flow(lambda: kind.map([1], unmapped(allow_failure(fail.submit()))).result()) == [ValueError]
        assert in_flow(lambda: kind.map([1], allow_failure(unmapped(fail.submit()))).result()) == [ValueError]

    @pytest.mark.parametrize("annotation", [quote, opaque])
    def test_opaque(self, annotation):
        assert in_flow(lambda: pair.map([1, 2], annotation([3])).result()) == [(1, [3]), (2, [3])]


class TestMistakes:
    def test_lengths(self):
        def fn():
            add.map([1, 2], y=[1, 2, 3])

        with pytest.raises(MappingLengthMismatch) as raised:
            in_flow(fn)
        assert str(raised.value) == (
            "Task 'add' is mapped over different lengths: argument 1 has 2, 'y' has 3. "
            "Wrap what is the same for all in unmapped()."
        )

    @pytest.mark.parametrize("value", [1, None, "text", b"bytes", io.StringIO("file"), unmapped([1]), int])
    def test_nothing_to_map_over(self, value):
        with pytest.raises(MappingMissingIterable, match=r"mapped over nothing.*call same.submit\(\)"):
            in_flow(lambda: same.map(value))

    def test_without_arguments(self):
        with pytest.raises(MappingMissingIterable):
            in_flow(lambda: fail.map())  # noqa: PLW0108 - a flow is no method of a task

    def test_generators_that_raise(self):
        begun = []

        @task
        def begin(x):
            begun.append(x)

        def items():
            yield 1
            raise ZeroDivisionError

        def fn():
            with pytest.raises(ZeroDivisionError):
                begin.map(items())
            return "goes on"

        assert in_flow(fn) == "goes on"
        assert begun == []

    def test_over_a_future_that_failed(self):
        with pytest.raises(UpstreamTaskError, match="'fail-0' did not reach a 'COMPLETED' state"):
            in_flow(lambda: same.map(fail.submit()))

    def test_one_of_them_fails(self):
        @task
        def picky(x):
            if x == 1:
                raise ValueError("not this one")
            return x

        def fn():
            futures = add.map(picky.map(range(3)))
            futures.wait()
            return [future.state.name for future in futures]

        assert in_flow(fn) == ["Completed", "NotReady", "Completed"]
