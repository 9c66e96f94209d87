"""Writes by the number: as many a second as wanted, or as fast as the API server takes them."""

import asyncio
import time
from collections.abc import Awaitable, Callable

__all__ = ["at_full_speed", "paced"]

_AT_A_TIME = 32

Write = Callable[[int], Awaitable[object]]


async def at_full_speed(count: int, write: Write) -> None:
    """Make `count` writes, always some at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await write(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_A_TIME):
            tasks.create_task(work())


async def paced(count: int, rate: float, write: Write) -> None:
    """Start `count` writes, `rate` a second."""

    async def one(number: int) -> None:
        await write(number)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            tasks.create_task(one(number))
