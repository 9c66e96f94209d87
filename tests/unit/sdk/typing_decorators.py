"""For mypy and Pyright alone: decorated functions keep their signature, and wrong calls are errors.

Each `type: ignore` is a test as well: one that is not needed is reported.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_type

import millstream
from millstream import Flow, State, Task, flow, get_run_context, tags, task, transaction, unmapped
from millstream.cache_policies import INPUTS, TASK_SOURCE
from millstream.context import FlowRunContext, TaskRunContext
from millstream.futures import Future, FutureList
from millstream.task_runners import ThreadPoolTaskRunner
from millstream.tasks import exponential_backoff

if TYPE_CHECKING:
    from collections.abc import Coroutine


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
    later: Coroutine[Any, Any, str] = add_later(1)
    later.close()
    assert_type(loader.load(["a"]), int)
    all_later: Coroutine[Any, Any, int] = loader.load_all(["a"])
    all_later.close()
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


@flow(
    task_runner=ThreadPoolTaskRunner(max_workers=2),
    timeout_seconds=5,
    on_failure=[lambda _flow, _run, _state: None],
)
def submits() -> None:
    assert_type(add.submit(1), Future[int])
    assert_type(add.submit(1).result(), int)
    assert_type(add.submit(1, return_state=True), State[int])
    assert_type(add.submit(add.submit(1), wait_for=[add.submit(2)]), Future[int])
    assert_type(add_later.submit(1), Future[str])
    assert_type(add.map([1, 2]), FutureList[int])
    assert_type(add.map([1, 2], y=unmapped(3)).result(), list[int])
    assert_type(add_later.map([1]).result(), list[str])
    assert_type(add.map([1], return_state=True), list[State[int]])
    assert_type(add(1, wait_for=[add.submit(1)]), int)
    with tags("a"), transaction():
        add(1)


async def awaits() -> None:
    assert_type(await add.submit(1), int)
    assert_type(await add_later.submit(1), str)
    add.submit(1) + 1  # type: ignore[operator]
    add.submit(1).state.result(fetch=True)  # type: ignore[arg-type]
    assert millstream.deploy  # type: ignore[attr-defined]


@add.on_completion
def tell(done: Task[..., Any], run: object, state: State[Any]) -> str:
    return f"{done} {run} {state}"


assert_type(tell(add, None, add(1, return_state=True)), str)
cached = add.with_options(cache_policy=INPUTS + TASK_SOURCE - "y", cache_expiration=timedelta(days=1))
assert_type(cached(1), int)
