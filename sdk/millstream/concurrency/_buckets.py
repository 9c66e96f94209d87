"""Token buckets: a limit's slots fill up again as fast as its decay says, and each call takes some."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

from millstream import _surroundings
from millstream.concurrency._limits import too_late
from millstream.exceptions import ConcurrencySlotAcquisitionError
from millstream.filesystems import storage_of
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from millstream.concurrency._limits import Limit
    from millstream.filesystems import Storage


def reserve(limits: list[Limit], occupy: int, timeout: float | None) -> float:
    """Take slots, also ones that are not free yet, and give the seconds after which they will be.

    So everybody's turn is settled at once, in the order of the calls. Who dies in the wait has used its turn.

    Raises:
        AcquireConcurrencySlotTimeoutError: They will not be free in time; nothing was taken.
        ConcurrencySlotAcquisitionError: The settings do not say how fast a limit fills up.
    """
    for limit in limits:
        if not limit.decay:
            raise ConcurrencySlotAcquisitionError(
                f"The limit {limit.name!r} has no rate: set MILLSTREAM_CONCURRENCY_SLOT_DECAY_PER_SECOND="
                f'{{"{limit.name}": <slots per second>}}.'
            )
    storage = storage_of(get_current_settings().results_storage)
    with ExitStack() as locks:
        for limit in limits:
            locks.enter_context(storage.acquire(limit.key("bucket")))
        buckets = [(limit, *_filled(storage, limit)) for limit in limits]
        wait = max((max(0.0, occupy - free) / limit.decay for limit, free, _ in buckets), default=0.0)
        if timeout is not None and wait > timeout:
            raise too_late(limits, timeout)
        for limit, free, time in buckets:
            storage.write(limit.key("bucket"), json.dumps([free - occupy, time]).encode())
    return wait


def _filled(storage: Storage, limit: Limit) -> tuple[float, float]:
    """How many slots are free by now, which is less than none if some wait for theirs; and when that is."""
    now = _surroundings.current.time()
    try:
        free, before = json.loads(storage.read(limit.key("bucket")))
    except KeyError:
        return limit.slots, now
    now = max(now, before)  # clocks differ; time that counted already would fill the bucket twice
    return min(limit.slots, free + (now - before) * limit.decay), now
