"""What blocks, beside an event loop; and what awaits, beside code that blocks."""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

from millstream import _surroundings
from millstream.exceptions import LockHeldError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.5


async def beside(
    fn: Callable[..., T], *arguments: Any, to_its_end: bool = False, thread: Executor | None = None
) -> T:
    """Call what may block in a thread, so that the event loop goes on.

    Args:
        fn: What to call.
        arguments: What it is called with.
        to_its_end: Wait for it even if this is cancelled meanwhile: it does something that has to be undone then.
        thread: Where, if it takes so long that it may not have one of the event loop's few threads.
    """
    import asyncio  # noqa: PLC0415 - slow to import, and loaded where this runs
    from contextvars import copy_context  # noqa: PLC0415 - as the others

    loop = asyncio.get_running_loop()
    call = asyncio.ensure_future(loop.run_in_executor(thread, copy_context().run, fn, *arguments))
    try:
        return await (asyncio.shield(call) if to_its_end else call)
    finally:
        if not call.done():
            await asyncio.wait([call])


async def beside_once_free(fn: Callable[..., T], *arguments: Any) -> T:
    """Call something in a thread, again and again as long as it raises `LockHeldError`: another run has what it needs.

    It may not wait in the thread itself: there are few of them, and the other run may need one to go on.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return await beside(fn, *arguments, to_its_end=True)
        except LockHeldError:
            await _surroundings.current.sleep_async(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)


def awaited(value: Any) -> Any:
    """What a function gave; the result of a coroutine, which gets an event loop of its own."""
    if type(value) is not CoroutineType:
        return value
    import asyncio  # noqa: PLC0415 - slow to import

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop_runs = False
    else:
        loop_runs = True
    if not loop_runs:
        return asyncio.run(value)
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - beside the loop that runs in this thread
    from contextvars import copy_context  # noqa: PLC0415

    with ThreadPoolExecutor(1, "millstream-hook") as thread:
        return thread.submit(copy_context().run, asyncio.run, value).result()
