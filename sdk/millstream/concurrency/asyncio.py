"""`concurrency` and `rate_limit` for asynchronous code: they never hold up the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from millstream import _stopping, _surroundings
from millstream.concurrency._buckets import reserve
from millstream.concurrency._limits import limits_of, told
from millstream.concurrency._slots import slots_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["concurrency", "rate_limit"]

T = TypeVar("T")


@asynccontextmanager
async def concurrency(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool = False,  # noqa: FBT001, FBT002 - Prefect's surface
) -> AsyncIterator[None]:
    """Hold slots of limits while the block runs, by `async with`; see `millstream.concurrency.sync.concurrency`."""
    slots = slots_of(limits_of(names, occupy, strict=strict), occupy, timeout_seconds)
    stepping = threading.Lock()

    def step() -> float | None:
        with stepping:
            return next(slots, None)

    def end() -> None:
        with stepping:  # a step may go on in its thread after this coroutine was cancelled
            slots.close()

    try:
        while (pause := await _beside(step)) is not None:
            await _surroundings.current.sleep_async(pause)
        yield
    finally:
        await asyncio.shield(_beside(end))


async def rate_limit(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Wait until it is this call's turn, by `await`; see `millstream.concurrency.sync.rate_limit`."""
    limits = limits_of(names, occupy, strict=strict)
    if wait := await _beside(lambda: reserve(limits, occupy, timeout_seconds)):
        await _surroundings.current.sleep_async(wait)
        if _stopping.stopped:
            raise _stopping.interruption(f"What waits for its turn with {told(limits)}")


def _beside(fn: Callable[[], T]) -> asyncio.Future[T]:
    return asyncio.wrap_future(_threads().submit(fn))


@cache
def _threads() -> ThreadPoolExecutor:
    # Not the event loop's own: user code that waits for slots in all of its threads would keep others from giving
    # theirs back.
    return ThreadPoolExecutor(thread_name_prefix="millstream-concurrency")


os.register_at_fork(after_in_child=_threads.cache_clear)
