"""What interrupts a thread when its time is over."""

from __future__ import annotations

import ctypes
import heapq
import os
import signal
import sys
import threading
import time
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from millstream._interruptions import may_be_interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_MOST_ENDED = 100
_LONGEST_WAIT = 3600.0  # a limit may be longer than what a queue can wait
_MOMENT = 0.001
_local = threading.local()
"""Holds the innermost limit of each thread."""


class TimeIsUp(BaseException):
    """Raised in what takes too long. No `Exception`, so that the user's `except Exception` does not catch it."""

    limit: Limit

    def __str__(self) -> str:
        return self.limit.message


class Limit:
    """A stretch of code in this thread, and when its time is over."""

    def __init__(self, seconds: float, message: str) -> None:
        self.message = message
        self.deadline = time.monotonic() + seconds
        self._thread = threading.get_ident()
        self._main = threading.current_thread() is threading.main_thread()
        self._active = False
        self._over = False
        self._before: Any = None
        self._outer: Limit | None = getattr(_local, "innermost", None)
        # One for all limits of a thread: nothing may be raised in it while one of them ends.
        self._lock = self._outer._lock if self._outer else threading.RLock()  # noqa: SLF001

    def begin(self) -> None:
        """Interrupt this thread from now on when the time is over."""
        if self._main:
            self._before = signal.getsignal(signal.SIGALRM)
        _local.innermost, self._active = self, True
        if self._main:
            signal.signal(signal.SIGALRM, self._on_signal)
        _watch.add(self)

    def end(self) -> None:
        """Interrupt it no more, nor what has begun in it; a second time does nothing.

        What is raised in a thread may arrive at its next step, so also in here: whoever calls this calls it twice.
        What keeps even the second one from its work is raised for a limit around this one, which ends both.

        Raises:
            TimeIsUp: The time of a limit around this one is over. Where both were over, one of them only is raised.
        """
        if not self._active:
            return
        with self._lock:
            if self._main:
                signal.signal(signal.SIGALRM, self._before or signal.SIG_DFL)
            elif any(limit._over for limit in _innermost_first(until=self._outer)):  # noqa: SLF001 - one of our own
                self._raise_in_thread(None)  # which takes back one that is still on its way
            limit = None
            while limit is not self:
                limit = _local.innermost
                # Nothing arrives between plain assignments.
                limit._active, _local.innermost = False, limit._outer  # noqa: SLF001
        _watch.forget()
        for limit in _innermost_first():
            if limit._over:  # noqa: SLF001
                raise limit._exception()  # noqa: SLF001

    @property
    def active(self) -> bool:
        """Whether the code has begun and not ended yet."""
        return self._active

    def interrupt(self) -> None:
        """Interrupt the code, called by another thread; does nothing if it has ended."""
        with self._lock:
            if not self._active:
                return
            if self._main:
                self._over = True
                signal.pthread_kill(self._thread, signal.SIGALRM)
            elif not may_be_interrupted(sys._current_frames().get(self._thread)):  # noqa: SLF001 - the only way
                self._postpone()
            else:
                self._over = True
                self._raise_in_thread(ctypes.py_object(self._exception()))

    def _postpone(self) -> None:
        """Interrupt a moment later, when nothing is left half done by it."""
        self.deadline = time.monotonic() + _MOMENT
        _watch.add(self)

    def _raise_in_thread(self, exception: ctypes.py_object[type[TimeIsUp]] | None) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), exception)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._over and self._active:
            if may_be_interrupted(frame):
                raise self._exception()
            self._postpone()
            return
        if callable(self._before):
            self._before(number, frame)

    def _exception(self) -> type[TimeIsUp]:
        """A class of its own: what is raised in another thread cannot be an object."""
        return type("TimeIsUp", (TimeIsUp,), {"limit": self})


def _innermost_first(until: Limit | None = None) -> Iterator[Limit]:
    """Give the limits of this thread."""
    limit: Limit | None = getattr(_local, "innermost", None)
    while limit is not until and limit is not None:
        yield limit
        limit = limit._outer  # noqa: SLF001 - one of our own


class _Watch:
    """A thread that interrupts what takes too long; there is none as long as nothing has a limit.

    What other threads call must leave nothing locked when they are interrupted in the middle of it: there is nothing
    here but a plain lock and a queue that are written in C. A `Condition` would not do.
    """

    def __init__(self) -> None:
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Begin anew, as in a process that was forked: its threads are gone, and locks may be held for ever."""
        self._added: SimpleQueue[Limit] = SimpleQueue()
        self._starting = threading.Lock()
        self._runs = False
        self._ended = 0

    def add(self, limit: Limit) -> None:
        self._added.put(limit)
        if not self._runs:
            with self._starting:
                if not self._runs:
                    threading.Thread(target=self._watch, name="millstream-timeouts", daemon=True).start()
                    self._runs = True

    def forget(self) -> None:
        """Take note that the code of a limit has ended; it is thrown away with others, or when its time is over."""
        self._ended += 1

    def _watch(self) -> None:
        limits: list[tuple[float, int, Limit]] = []
        numbers = count()
        while True:
            left = limits[0][0] - time.monotonic() if limits else _LONGEST_WAIT
            if left <= 0:
                heapq.heappop(limits)[2].interrupt()
                continue
            try:
                limit = self._added.get(timeout=min(left, _LONGEST_WAIT))
            except Empty:
                continue
            if self._ended > max(_MOST_ENDED, len(limits) // 2):
                limits = [entry for entry in limits if entry[2].active]
                heapq.heapify(limits)
                self._ended = 0
            heapq.heappush(limits, (limit.deadline, next(numbers), limit))


_watch = _Watch()
