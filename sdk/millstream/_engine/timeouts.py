"""Functions that may take some time only: when it is over, what they do is interrupted.

Asynchronous functions are cancelled by asyncio. In the main thread a signal interrupts even what sleeps or waits for
the network; in other threads an exception is raised at the next step of Python's own code, as there is nothing better.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from millstream._callables import is_async, is_async_generator, is_generator
from millstream._engine.limits import Limit, TimeIsUp
from millstream.exceptions import RunTimeoutError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator


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
                try:
                    limit.begin()
                    return fn(*args, **kwargs)
                finally:
                    limit.end()
            finally:
                limit.end()  # what was raised may have come at the very moment when that was about to be done
        except TimeIsUp as up:
            if up.limit.active:
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
