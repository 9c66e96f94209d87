"""For mypy alone: decorated functions keep their signature, and wrong calls are errors.

Each `type: ignore` is a test as well: mypy reports one that is not needed.
"""

from collections.abc import Coroutine
from typing import Any, assert_type

from millstream import Flow, State, Task, flow, get_run_context, task
from millstream.context import FlowRunContext, TaskRunContext
from millstream.tasks import exponential_backoff


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task(name="later", retries=2, retry_delay_seconds=exponential_backoff(2), tags=["a"])
async def add_later(x: int) -> str:
    return str(x)


@flow
def sums(n: int) -> list[int]:
    return [add(n)]


@flow(name="s", retry_delay_seconds=1.5, log_prints=True, flow_run_name="s-{n}")
async def sums_later(n: int) -> str:
    return assert_type(await add_later(n), str)


class Loader:
    @task
    def load(self, rows: list[str]) -> int:
        return len(rows)

    @flow(retries=1)
    async def load_all(self, rows: list[str]) -> int:
        return assert_type(self.load(rows), int)


def calls(loader: Loader) -> None:
    assert_type(add(1), int)
    assert_type(add(1, y=2), int)
    assert_type(sums(1), list[int])
    later = [add_later(1)]
    assert_type(later, list[Coroutine[Any, Any, str]])
    assert_type(loader.load(["a"]), int)
    all_later = [loader.load_all(["a"])]
    assert_type(all_later, list[Coroutine[Any, Any, int]])
    assert_type(add.fn(1), int)
    assert_type(get_run_context(), FlowRunContext | TaskRunContext)


async def states() -> None:
    assert_type(add(1, return_state=True), State[int])
    assert_type(add(1, return_state=True).result(), int)
    assert_type(await add_later(1, return_state=True), State[str])
    assert_type(sums(1, return_state=True), State[list[int]])
    assert_type(await sums_later(1, return_state=True), State[str])


def options() -> None:
    add.with_options(retries=3)(1)
    assert_type(add.with_options(name="b")(1), int)
    assert_type(task(lambda: 1), Task[[], int])
    assert_type(flow(lambda: 1, name="f"), Flow[[], int])
    add.with_options(retrys=3)  # type: ignore[call-arg]
    task(retries="3")  # type: ignore[call-overload]
    task(retrys=3)  # type: ignore[call-overload]
    flow(retry_delay_seconds=[1])  # type: ignore[call-overload]


def mistakes(loader: Loader) -> None:
    add("1")  # type: ignore[call-overload]
    add()  # type: ignore[call-overload]
    sums(1, m=2)  # type: ignore[call-overload]
    loader.load([1])  # type: ignore[list-item]
