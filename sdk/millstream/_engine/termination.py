"""SIGTERM, outside of pods: the flow that runs ends as crashed, with its hooks, before the process does.

In a pod the runner deals with it, and so does a program that has a handler of its own.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from millstream import _stopping
from millstream.exceptions import RunInterrupted

if TYPE_CHECKING:
    from types import FrameType

_terminated = False


def catch() -> bool:
    """Have SIGTERM raise `RunInterrupted` in the main thread, if nobody else deals with it; true if that is so now."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    signal.signal(signal.SIGTERM, _raise)
    return True


def release() -> None:
    """Let SIGTERM end the process again, at once if there was one."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _terminated:
        os.kill(os.getpid(), signal.SIGTERM)


def _raise(number: int, frame: FrameType | None) -> None:
    global _terminated  # noqa: PLW0603 - it is the process's
    del number, frame
    if not _terminated:  # a second one must not disturb the end
        _terminated = True
        _stopping.stop()
        raise RunInterrupted("The process was asked to stop (SIGTERM).")
