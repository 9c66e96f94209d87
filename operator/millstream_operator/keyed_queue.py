"""A queue of keys: each at most once in it, and never worked on by two workers at a time."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["FRESH", "LATER", "KeyedQueue"]

K = TypeVar("K")

_CLOSED = -1
FRESH = 0
"""Priority of what has just happened."""
LATER = 1
"""Priority of what is looked at again to be sure."""

_BASE_SECONDS = 0.05
_LONGEST_SECONDS = 60.0
_MOST_DOUBLINGS = 20


class KeyedQueue(Generic[K]):
    """Keys to be worked on, now or later.

    Adding a key that waits changes nothing but its place; adding one that is being worked on makes it come again
    once that is done. Of several delays of a key the earliest counts.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        """Make an empty queue, in a running event loop.

        Args:
            jitter: gives a number between 0 and 1.
        """
        self._loop = asyncio.get_running_loop()
        self._jitter = jitter
        self._ready: asyncio.PriorityQueue[tuple[int, int, K | None]] = asyncio.PriorityQueue()
        self._waiting: dict[K, tuple[int, float]] = {}
        self._active: set[K] = set()
        self._again: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def oldest_seconds(self) -> float:
        """Give the age of the key that has waited longest."""
        now = self._loop.time()
        return max((now - since for _, since in self._waiting.values()), default=0.0)

    def add(self, key: K, priority: int = FRESH) -> None:
        """Have a key worked on as soon as possible."""
        if key in self._active:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        waiting = self._waiting.get(key)
        if waiting is not None and waiting[0] <= priority:
            return
        self._waiting[key] = (priority, waiting[1] if waiting else self._loop.time())
        self._put(priority, key)

    def add_after(self, key: K, seconds: float) -> None:
        """Have a key worked on after some time, or earlier if it is added."""
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= self._loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = self._loop.call_later(seconds, self._due, key)

    def add_failed(self, key: K, at_least: float = 0.0) -> float:
        """Have a key worked on again after a failure, later each time; give the seconds until then."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = min(_BASE_SECONDS * 2.0 ** min(failures, _MOST_DOUBLINGS), _LONGEST_SECONDS)
        wait = max(wait * (0.5 + self._jitter()), at_least)
        self.add_after(key, wait)
        return wait

    def succeeded(self, key: K) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    async def get(self) -> K | None:
        """Take the next key; `done` must follow. None when the queue is closed."""
        while True:
            priority, _, key = await self._ready.get()
            if key is None:
                self.close()  # for the next worker
                return None
            if self._waiting.get(key, (None,))[0] == priority:
                del self._waiting[key]
                self._active.add(key)
                return key

    def done(self, key: K) -> None:
        """Say that the work on a key is over."""
        self._active.discard(key)
        priority = self._again.pop(key, None)
        if priority is not None:
            self.add(key, priority)

    def close(self) -> None:
        """Give out no more keys."""
        for timer in self._timers.values():
            timer.cancel()
        self._put(_CLOSED, None)

    def _due(self, key: K) -> None:
        del self._timers[key]
        self.add(key)

    def _put(self, priority: int, key: K | None) -> None:
        self._sequence += 1
        self._ready.put_nowait((priority, self._sequence, key))
