"""The process-wide switch after which nothing new starts.

`stop` is meant for signal handlers. A handler runs between two bytecodes of whatever the main thread does, so nothing
here waits for a lock that the interrupted code may hold.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from millstream.exceptions import RunInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

stopped = False  # read as `_stopping.stopped` at every start of a task: a function call would cost more
_wakers: set[Callable[[], object]] = set()


def stop() -> None:
    """Let no task, subflow or further attempt start from now on, and wake the ones that wait for a retry.

    What runs goes on until it ends. May be called from any thread and from a signal handler, and more than once.
    """
    global stopped  # noqa: PLW0603 - it is the process's
    stopped = True
    for wake in tuple(_wakers):
        with suppress(RuntimeError):  # woken already, or its event loop is closed by now
            wake()


def stop_requested() -> bool:
    """Whether `stop` was called."""
    return stopped


def interruption(what: str) -> RunInterrupted:
    """The exception for a run that may not start."""
    return RunInterrupted(f"{what} did not start: the process was asked to stop.")


def sleep(seconds: float) -> None:
    """Block this thread for so long, or until the process is to stop."""
    gate = threading.Lock()  # a bare lock: an Event has one inside, which the interrupted code may hold
    gate.acquire()
    with woken_by(gate.release):
        if not stopped:
            gate.acquire(timeout=seconds)


async def sleep_async(seconds: float) -> None:
    """Suspend this coroutine for so long, or until the process is to stop."""
    import asyncio  # noqa: PLC0415 - slow to import, and only asynchronous code gets here

    loop = asyncio.get_running_loop()
    gate = asyncio.Event()
    with woken_by(lambda: loop.call_soon_threadsafe(gate.set)):
        if not stopped:
            try:
                await asyncio.wait_for(gate.wait(), seconds)
            except TimeoutError:
                return


@contextmanager
def woken_by(wake: Callable[[], object]) -> Iterator[None]:
    """Have `stop` call this, from the signal handler that it is called from, as long as the block lasts."""
    _wakers.add(wake)
    try:
        yield
    finally:
        _wakers.discard(wake)
