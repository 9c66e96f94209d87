import asyncio
import gc
import threading
import weakref
from functools import partial

import pytest

from millstream import Task, flow, task
from millstream.exceptions import InvalidNameError, ReservedArgumentError


@task
def add(x, y=1):
    """Add two numbers.

    Nothing else.
    """
    return x + y


@task
async def add_later(x, y=1):
    await asyncio.sleep(0)
    return x + y


class TestCalls:
    def test_outside_of_flows(self):
        assert add(1, y=2) == 3

    def test_in_a_flow(self):
        assert flow(lambda: add(1) + add(2))() == 5

    async def test_asynchronous(self):
        assert await add_later(1, y=2) == 3

    async def test_asynchronous_in_a_flow_and_at_the_same_time(self):
        @flow
        async def sums():
            return await asyncio.gather(*(add_later(n) for n in range(5)))

        assert await sums() == [1, 2, 3, 4, 5]

    async def test_synchronous_in_an_asynchronous_flow(self):
        @flow
        async def sums():
            return add(1)

        assert await sums() == 2

    def test_in_a_task(self):
        @task
        def twice(x):
            return add(x, x)

        assert flow(lambda: twice(4))() == 8

    def test_return_state(self):
        state = add(1, return_state=True)
        assert state.is_completed()
        assert state.result() == 2

    async def test_return_state_asynchronous(self):
        state = await add_later(1, return_state=True)
        assert state.result() == 2

    def test_fn_is_the_function(self):
        assert add.fn(1) == 2
        assert not isinstance(add.fn, Task)

    def test_in_a_thread_of_its_own(self):
        results = []
        thread = threading.Thread(target=lambda: results.append(add(1)))
        thread.start()
        thread.join()
        assert results == [2]

    def test_exception_is_the_original_one(self):
        error = ValueError("boom")

        @task
        def bad():
            raise error

        with pytest.raises(ValueError, match="boom") as caught:
            bad()
        assert caught.value is error

    def test_few_frames_of_the_engine_in_a_traceback(self):
        @task
        def bad():
            raise ValueError

        @flow
        def outer():
            bad()

        with pytest.raises(ValueError) as caught:  # noqa: PT011 - it has no text
            outer()
        frames = [str(entry.path) for entry in caught.traceback]
        assert sum("millstream" in frame for frame in frames) == 4

    @pytest.mark.parametrize("kwargs", [{}, {"z": 1}])
    def test_called_wrongly_is_not_retried(self, kwargs, still):
        picky = task(lambda x: x, name="picky").with_options(retries=3, retry_delay_seconds=10)
        state = picky(return_state=True, **kwargs)
        assert state.is_failed()
        assert isinstance(state.data, TypeError)
        assert state.message.startswith("Task 'picky' cannot be called like this: missing 'x'")
        assert still.slept == []

    def test_a_type_error_of_its_own_is_retried(self, still):
        @task(retries=1)
        def bad():
            return 1 + "1"

        state = bad(return_state=True)
        assert state.message.endswith("(attempt 2 of 2)")
        assert still.slept == []


class TestDefinition:
    def test_names_and_descriptions(self):
        assert add.name == "add"
        assert add.__name__ == "add"
        assert add.description == "Add two numbers.\n\nNothing else."
        named = task(name="sum", description="Sums.", version="1", tags=["b", "a"])(add.fn)
        assert (named.name, named.description, named.version) == ("sum", "Sums.", "1")
        assert named.tags == {"a", "b"}
        assert repr(named) == "<task 'sum'>"

    def test_no_docstring(self):
        assert task(lambda: None).description is None

    def test_with_options_keeps_the_rest(self):
        base = task(add.fn, name="sum", retries=2)
        changed = base.with_options(retries=5)
        assert (changed.name, changed.retries, base.retries) == ("sum", 5, 2)
        assert changed.with_options(retries=None, name=None).retries == 0
        assert changed.with_options(name=None).name == "add"

    def test_unknown_options_are_named_with_a_guess(self):
        with pytest.raises(
            TypeError, match=r"@task has no option 'retrys' \(did you mean 'retries'\?\)\. It has: "
        ):
            task(retrys=3)
        with pytest.raises(TypeError, match="@task has no option 'xyzzy'"):
            add.with_options(xyzzy=3)
        with pytest.raises(TypeError, match="no option"):
            Task(add.fn, flow_run_name="x")

    @pytest.mark.parametrize("name", ["", "a/b", "50%", "<b>"])
    def test_names_that_cannot_be(self, name):
        with pytest.raises(InvalidNameError, match="cannot be the name of a task"):
            task(name=name)(lambda: None)

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"name": 3}, TypeError),
            ({"tags": "abc"}, TypeError),
            ({"retries": -1}, ValueError),
            ({"retries": "2"}, TypeError),
            ({"retries": True}, TypeError),
            ({"retry_delay_seconds": "2"}, TypeError),
            ({"retry_delay_seconds": [1, None]}, TypeError),
            ({"retry_delay_seconds": -1}, ValueError),
            ({"retry_delay_seconds": float("nan")}, ValueError),
            ({"retry_delay_seconds": [1] * 51}, ValueError),
        ],
    )
    def test_option_values_that_cannot_be(self, options, error):
        with pytest.raises(error):
            task(**options)(lambda: None)

    @pytest.mark.parametrize("thing", ["name", 3, None, int])
    def test_only_functions(self, thing):
        with pytest.raises(TypeError, match="@task goes on a function"):
            task()(thing)

    def test_reserved_parameters(self):
        with pytest.raises(ReservedArgumentError, match="return_state"):
            task(lambda return_state: return_state)

    def test_a_local_variable_may_have_a_reserved_name(self):
        def fn():
            return_state = [1]
            return_state.append(2)
            return return_state

        assert task(fn)() == [1, 2]


class TestOtherCallables:
    def test_partial(self):
        assert task(partial(add.fn, 5))() == 6
        assert task(partial(add.fn, 5)).name == "add"

    async def test_partial_of_an_asynchronous_function(self):
        assert await task(partial(add_later.fn, 5))() == 6

    def test_callable_object(self):
        class Doubler:
            def __call__(self, x):
                return 2 * x

        double = task(Doubler())
        assert (double(4), double.name) == (8, "Doubler")

    async def test_callable_object_with_an_asynchronous_call(self):
        class Doubler:
            async def __call__(self, x):
                return 2 * x

        assert await task(Doubler())(4) == 8

    def test_builtin(self):
        assert task(len)([1, 2]) == 2


class Counter:
    def __init__(self, start):
        self.value = start

    @task
    def add(self, n: int):
        self.value += n
        return self.value

    @flow
    def add_all(self, *numbers: int, final: int = 0):
        for number in numbers:
            self.add(number)
        return self.add(final)

    @task
    async def add_later(self, n):
        return self.value + n

    @classmethod
    @task
    def inside_classmethod(cls, n):
        return cls.__name__, n

    @task
    @classmethod
    def outside_classmethod(cls, n):
        return cls.__name__, n

    @staticmethod
    @task
    def inside_staticmethod(n):
        return n

    @task
    @staticmethod
    def outside_staticmethod(n):
        return n

    quick = outside_staticmethod.with_options(name="quick")


class TestMethods:
    def test_methods(self):
        one, two = Counter(1), Counter(10)
        assert one.add(1) == 2
        assert two.add(1) == 11
        assert Counter.add(one, 3) == 5
        assert one.add.name == "add"

    def test_flow_methods_validate_all_but_self(self):
        assert Counter(0).add_all("1", "2", final="3") == 6
        assert Counter(0).add_all.parameter_schema()["properties"].keys() == {"numbers", "final"}

    def test_flow_methods_do_not_hold_on_to_an_instance(self):
        counter = Counter(0)
        counter.add_all(1)
        gone = weakref.ref(counter)
        del counter
        gc.collect()
        assert gone() is None

    async def test_asynchronous_methods(self):
        assert await Counter(1).add_later(2) == 3

    @pytest.mark.parametrize("owner", [Counter, Counter(0)])
    def test_class_and_static_methods(self, owner):
        assert owner.inside_classmethod(1) == ("Counter", 1)
        assert owner.outside_classmethod(1) == ("Counter", 1)
        assert owner.inside_staticmethod(1) == 1
        assert owner.outside_staticmethod(1) == 1
        assert owner.quick(1) == 1
