"""Threads that run what is submitted, some at a time; one that waits for another does not count."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from millstream._interruptions import may_be_interrupted
from millstream.exceptions import RunInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOMENT = 0.001
_LONGEST_INTERRUPTION = 10.0
_local = threading.local()


class Pool:
    """At most `max_workers` threads at work.

    A thread that waits for something else of the pool (`blocked`) is not at work: another one takes its place, so that
    runs that wait for runs that wait cannot use up all threads. Threads are daemons, as what blocks for ever must not
    keep a process that is to end; who needs what was submitted waits for it.
    """

    def __init__(self, max_workers: int, name: str) -> None:
        self._max_workers = max_workers
        self._name = name
        self._queue: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()
        self._idle: list[threading.Lock] = []
        self._threads = 0
        self._working = 0
        self._coming = False
        self._closed = False
        self._busy: set[int] = set()

    def submit(self, work: Callable[[], object]) -> None:
        """Have something called by one of the threads; it must not raise.

        Raises:
            RuntimeError: The pool is closed, or not even one thread can be started.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("This task runner is closed.")
            self._queue.append(work)
            self._provide()

    def close(self) -> None:
        """End the threads when they have nothing left to do."""
        with self._lock:
            self._closed = True
            self._working += len(self._idle)
            idle, self._idle = self._idle, []
        for gate in idle:
            gate.release()

    def interrupt(self, exception: type[BaseException]) -> None:
        """Raise an exception in all threads at work, soon, where nothing is left half done by it."""
        with self._lock:
            threads = set(self._busy)
        if threads:
            arguments = (threads, exception)
            threading.Thread(
                target=self._interrupt, args=arguments, name=f"{self._name}-end", daemon=True
            ).start()

    def _interrupt(self, threads: set[int], exception: type[BaseException]) -> None:
        deadline = time.monotonic() + _LONGEST_INTERRUPTION
        while threads and time.monotonic() < deadline:
            with self._lock:
                threads &= self._busy
                for thread in tuple(threads):
                    # The frame is looked at right before, as the thread may go on any moment.
                    if may_be_interrupted(sys._current_frames().get(thread)):  # noqa: SLF001
                        raised = ctypes.py_object(exception)
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
                        threads.discard(thread)
            time.sleep(_MOMENT)

    def _provide(self) -> None:
        """Have a thread for what waits, if there may be one more at work.

        They come one after the other: each that has arrived sees whether one more is of use. So what is done in no
        time is done by a few, and does not wake them all.
        """
        if self._coming or not self._queue or self._working >= self._max_workers:
            return
        self._coming = True
        self._working += 1  # on behalf of the thread, so that nobody else takes its place before it is there
        if self._idle:
            self._idle.pop().release()
            return
        thread = threading.Thread(target=self._work, name=f"{self._name}_{self._threads}", daemon=True)
        self._threads += 1
        try:
            thread.start()
        except RuntimeError:  # the system has no more of them: those that there are have to do
            self._coming = False
            self._threads -= 1
            self._working -= 1
            if not self._threads:
                self._queue.pop()
                raise

    def _work(self) -> None:
        _local.pool, _local.waits = self, 0
        me = threading.get_ident()
        gate = threading.Lock()
        gate.acquire()
        try:
            arriving = True
            while (work := self._next(me, gate, arriving=arriving)) is not None:
                work()
                del work
                arriving = False
        except RunInterrupted:
            return  # it came when there was nothing to interrupt any more

    def _next(self, me: int, gate: threading.Lock, *, arriving: bool) -> Callable[[], object] | None:
        """Give what is to be done next; None when there will be nothing more."""
        while True:
            with self._lock:
                self._busy.discard(me)
                if arriving:
                    self._coming = False
                if self._queue and self._working <= self._max_workers:
                    self._busy.add(me)
                    work = self._queue.popleft()
                    if arriving:
                        self._provide()
                    return work
                self._working -= 1
                if self._closed and not self._queue:
                    self._threads -= 1
                    return None
                self._idle.append(gate)
            gate.acquire()
            arriving = True

    def pause(self) -> None:
        """Have another thread in the place of this one, which waits."""
        with self._lock:
            self._working -= 1
            self._provide()

    def resume(self) -> None:
        """Count this thread again."""
        with self._lock:
            self._working += 1


@contextmanager
def blocked() -> Iterator[None]:
    """Say that this thread waits meanwhile, or some of its coroutines; does nothing for one that is of no pool."""
    pool: Pool | None = getattr(_local, "pool", None)
    if pool is None:
        yield
        return
    if not _local.waits:
        pool.pause()
    _local.waits += 1
    try:
        yield
    finally:
        _local.waits -= 1
        if not _local.waits:
            pool.resume()
