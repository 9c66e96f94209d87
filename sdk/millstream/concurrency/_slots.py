"""Slots: each is a lock in the storage, and is free again when its holder gives it back or dies."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING

from millstream import _stopping, _surroundings
from millstream.concurrency._limits import told, too_late
from millstream.filesystems import storage_of
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from millstream.concurrency._limits import Limit
    from millstream.filesystems import Lock, Storage

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.5


def slots_of(limits: list[Limit], occupy: int, timeout: float | None) -> Generator[float | None]:
    """Take slots. Who asks for the next item tries once, and gets the seconds to wait before the next try.

    None says that all slots are held. They are given back when the generator is closed.

    Nobody waits in a circle: everybody takes limits in the same order, and of several who want slots of one limit only
    the one who holds its gate takes some, until it has enough.

    Raises:
        AcquireConcurrencySlotTimeoutError: The time is over.
        RunInterrupted: The process is to stop.
    """
    storage = storage_of(get_current_settings().results_storage)
    pauses = _pauses(limits, timeout)
    with ExitStack() as held:
        for limit in limits:
            _, gate = yield from _first_free(storage, [limit.key("gate")], pauses)
            with gate:
                keys = _shuffled(limit)
                for _ in range(occupy):
                    key, slot = yield from _first_free(storage, keys, pauses)
                    held.enter_context(slot)
                    keys.remove(key)
        yield None


def _shuffled(limit: Limit) -> list[str]:
    """The keys of the slots, begun somewhere: the first ones would always be tried in vain."""
    first = _surroundings.current.pick(limit.slots)
    return [limit.key(f"slot-{(first + number) % limit.slots}") for number in range(limit.slots)]


def _first_free(
    storage: Storage, keys: list[str], pauses: Iterator[float]
) -> Generator[float, None, tuple[str, Lock]]:
    while True:
        for key in keys:
            try:
                return key, storage.acquire(key, timeout=0)
            except TimeoutError:
                continue
        yield next(pauses)


def _pauses(limits: list[Limit], timeout: float | None) -> Iterator[float]:
    deadline = math.inf if timeout is None else _surroundings.current.time() + timeout
    pause = _FIRST_PAUSE
    while True:
        if _stopping.stopped:
            raise _stopping.interruption(f"What waits for a slot of {told(limits)}")
        left = deadline - _surroundings.current.time()
        if left <= 0:
            raise too_late(limits, timeout)
        yield min(pause, left)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
