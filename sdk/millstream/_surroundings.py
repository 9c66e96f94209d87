"""What the engine takes from outside: time, sleep and chance. Tests put their own in its place."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from millstream import _stopping

if TYPE_CHECKING:
    from collections.abc import Iterator


class Surroundings:
    """The real clock, the real sleep (which ends early when the process is to stop) and real chance."""

    def __init__(self) -> None:
        self.time = time.time  # an attribute and no method: read once or twice for every task

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        _stopping.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Suspend this coroutine."""
        await _stopping.sleep_async(seconds)

    def chance(self) -> float:
        """A random number from 0 to below 1."""
        return self.pick(2**32) / 2**32

    def pick(self, count: int) -> int:
        """A random number from 0 to below `count`."""
        return int.from_bytes(os.urandom(4)) % count


current = Surroundings()


@contextmanager
def replaced(other: Surroundings) -> Iterator[Surroundings]:
    """Run a block in other surroundings."""
    global current  # noqa: PLW0603 - one per process on purpose
    before, current = current, other
    try:
        yield other
    finally:
        current = before
