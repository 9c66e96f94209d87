"""Functions that may take some time only: when it is over, what they do is interrupted.

Asynchronous functions are cancelled by asyncio. In the main thread a signal interrupts even what sleeps or waits for
the network; in other threads an exception is raised at the next step of Python's own code, as there is nothing better.
"""

from __future__ import annotations

import ctypes
import functools
import heapq
import os
import signal
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Any

from millstream._callables import is_async, is_async_generator, is_generator
from millstream.exceptions import RunTimeoutError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from types import FrameType


_MOST_ENDED = 100
_local = threading.local()
"""Holds the innermost limit of each thread."""


class TimeIsUp(BaseException):
    """Raised in what takes too long. No `Exception`, so that the user's `except Exception` does not catch it."""

    limit: Limit

    def __str__(self) -> str:
        return self.limit.message


def limited(fn: Callable[..., Any], seconds: float, kind: str) -> Callable[..., Any]:
    """Give the function with a limit; beyond it, it raises `RunTimeoutError`.

    For generators only the time counts in which they work, and not that of who takes their items.
    """
    message = f"{kind.capitalize()} run exceeded timeout of {seconds:g} second(s)"
    if is_async_generator(fn):
        wrapped: Callable[..., Any] = _limited_async_generator(fn, seconds, message)
    elif is_generator(fn):
        wrapped = _limited_generator(fn, seconds, message)
    else:
        wrapped = (_limited_async if is_async(fn) else _limited)(fn, seconds, message)
    return functools.update_wrapper(wrapped, fn)


def _limited(fn: Callable[..., Any], seconds: float, message: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        limit = Limit(seconds, message)
        try:
            try:
                limit.begin()
                return fn(*args, **kwargs)
            finally:
                limit.end()
        except TimeIsUp as up:
            limit.end()  # it may have come at the very moment when that was about to be done
            if up.limit is not limit:
                raise  # that of a run around this one
        raise RunTimeoutError(message)

    return call


def _limited_async(fn: Callable[..., Any], seconds: float, message: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        import asyncio  # noqa: PLC0415 - loaded where this runs

        try:
            async with asyncio.timeout(seconds) as scope:
                return await fn(*args, **kwargs)
        except TimeoutError:
            if not scope.expired():
                raise  # one of the user's own
        raise RunTimeoutError(message)

    return call


def _limited_generator(fn: Callable[..., Any], seconds: float, message: str) -> Callable[..., Any]:
    def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = fn(*args, **kwargs)
        left = seconds
        step: Callable[..., Any] = generator.send
        given: Any = None
        while True:
            began = time.monotonic()
            try:
                item = _limited(step, left, message)(given)
            except StopIteration as end:
                return end.value
            left = max(left - (time.monotonic() - began), 0)
            try:
                step, given = generator.send, (yield item)
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:  # noqa: BLE001 - thrown in, and the generator's to deal with
                step, given = generator.throw, error

    return generate


def _limited_async_generator(fn: Callable[..., Any], seconds: float, message: str) -> Callable[..., Any]:
    async def generate(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        generator = fn(*args, **kwargs)
        left = seconds
        step: Callable[..., Any] = generator.asend
        given: Any = None
        while True:
            began = time.monotonic()
            try:
                item = await _limited_async(step, left, message)(given)
            except StopAsyncIteration:
                return
            left = max(left - (time.monotonic() - began), 0)
            try:
                step, given = generator.asend, (yield item)
            except GeneratorExit:
                await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - as above
                step, given = generator.athrow, error

    return generate


class Limit:
    """A stretch of code in this thread, and when its time is over."""

    def __init__(self, seconds: float, message: str) -> None:
        self.message = message
        self.deadline = time.monotonic() + seconds
        self._thread = threading.get_ident()
        self._main = threading.current_thread() is threading.main_thread()
        self._lock = threading.Lock()
        self._active = True
        self._over = False
        self._before: Any = None
        self._outer: Limit | None = getattr(_local, "innermost", None)

    def begin(self) -> None:
        """Interrupt this thread from now on when the time is over."""
        _local.innermost = self
        if self._main:
            self._before = signal.signal(signal.SIGALRM, self._on_signal)
        _watch.add(self)

    def end(self) -> None:
        """Interrupt it no more; a second time does nothing.

        Raises:
            TimeIsUp: The time of a limit around this one is over. Where both were over, one of them only is raised.
        """
        if not self._active:
            return
        with self._lock:
            self._active = False
        if self._main:
            signal.signal(signal.SIGALRM, self._before or signal.SIG_DFL)
        elif self._over:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread), None
            )  # one still on its way
        _local.innermost = self._outer
        _watch.forget()
        if self._outer is not None and self._outer._over:
            raise self._outer._exception()

    @property
    def active(self) -> bool:
        """Whether the code has not ended yet."""
        return self._active

    def interrupt(self) -> None:
        """Interrupt the code, called by another thread; does nothing if it has ended."""
        with self._lock:
            if not self._active:
                return
            self._over = True
            if self._main:
                signal.pthread_kill(self._thread, signal.SIGALRM)
            else:
                raised = ctypes.py_object(self._exception())
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), raised)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._over and self._active:
            raise self._exception()
        if callable(self._before):
            self._before(number, frame)

    def _exception(self) -> type[TimeIsUp]:
        """A class of its own: what is raised in another thread cannot be an object."""
        return type("TimeIsUp", (TimeIsUp,), {"limit": self})


class _Watch:
    """A thread that interrupts what takes too long; there is none as long as nothing has a limit."""

    def __init__(self) -> None:
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Begin anew, as in a process that was forked: its threads are gone, and locks may be held for ever."""
        self._changed = threading.Condition()
        self._limits: list[tuple[float, int, Limit]] = []
        self._numbers = count()
        self._ended = 0
        self._runs = False

    def add(self, limit: Limit) -> None:
        with self._changed:
            if self._ended > max(_MOST_ENDED, len(self._limits) // 2):
                self._limits = [entry for entry in self._limits if entry[2].active]
                heapq.heapify(self._limits)
                self._ended = 0
            heapq.heappush(self._limits, (limit.deadline, next(self._numbers), limit))
            self._changed.notify()
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._watch, name="millstream-timeouts", daemon=True).start()

    def forget(self) -> None:
        """Take note that the code of a limit has ended; it is thrown away with others, or when its time is over."""
        self._ended += 1

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._limits or self._limits[0][0] > time.monotonic():
                    wait = self._limits[0][0] - time.monotonic() if self._limits else None
                    self._changed.wait(wait)
                _, _, limit = heapq.heappop(self._limits)
            limit.interrupt()


_watch = _Watch()
