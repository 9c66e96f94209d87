"""SIGTERM, outside of pods: the flow that runs ends as crashed, with its hooks, before the process does.

Where something goes on after the run, it gets its time as well.
In a pod the runner deals with it, and so does a program that has a handler of its own. A second SIGTERM ends the
process at once.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from millstream import _stopping
from millstream.exceptions import RunInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

before_the_end: list[Callable[[], object]] = []
"""What is still to be done before SIGTERM ends the process, which Python's own `atexit` does not see."""
goes_on = False
"""Whether that may come up between runs too, as with notifications that are still to be sent."""
_terminated = False


def catch(*, is_async: bool) -> bool:
    """Have SIGTERM interrupt what the main thread does, if nobody else deals with it; true if that is so now."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, _end):
        return False
    handler = _canceller() if is_async else _raise
    if handler is None:
        return False
    signal.signal(signal.SIGTERM, handler)
    return True


def release() -> None:
    """Let SIGTERM end the process again, at once if there was one."""
    signal.signal(signal.SIGTERM, _end if goes_on and not _terminated else signal.SIG_DFL)
    if _terminated:
        _end()


def _end(number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
    del frame
    signal.signal(number, signal.SIG_DFL)
    for finish in before_the_end:
        finish()
    os.kill(os.getpid(), number)


def _raise(number: int, frame: FrameType | None) -> None:
    del number, frame
    _terminate()
    raise RunInterrupted("The process was asked to stop (SIGTERM).")


def _canceller() -> Callable[[int, FrameType | None], None] | None:
    """What cancels the coroutine that runs now: an exception in the middle of its event loop would get lost there.

    None where something else than asyncio runs it.
    """
    import asyncio  # noqa: PLC0415 - loaded where this runs

    try:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
    except RuntimeError:
        return None

    def cancel(number: int, frame: FrameType | None) -> None:
        del number, frame
        _terminate()
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)  # which also wakes the loop

    return cancel


def _terminate() -> None:
    global _terminated  # noqa: PLW0603 - it is the process's
    _terminated = True
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _stopping.stop()
