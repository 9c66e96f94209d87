"""`concurrency` and `rate_limit` for synchronous code."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from millstream import _stopping, _surroundings
from millstream._pool import blocked
from millstream.concurrency._buckets import reserve
from millstream.concurrency._limits import limits_of, told
from millstream.concurrency._slots import slots_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["concurrency", "rate_limit"]


@contextmanager
def concurrency(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool = False,  # noqa: FBT001, FBT002 - Prefect's surface
) -> Iterator[None]:
    """Hold slots of limits while the block runs.

    Args:
        names: The limits, as in `MILLSTREAM_CONCURRENCY_LIMITS`.
        occupy: How many slots of each; all of them, or none, are held.
        timeout_seconds: The longest wait for them; 0 tries once, None waits for ever.
        strict: Whether a limit that is not set is an error. If not, it is logged once, and limits nothing.

    Raises:
        AcquireConcurrencySlotTimeoutError: They were not free in time.
        ConcurrencyLimitNotFoundError: A limit is not set, and `strict` is true.
        ConcurrencySlotAcquisitionError: A limit has fewer slots than `occupy`.
    """
    with closing(slots_of(limits_of(names, occupy, strict=strict), occupy, timeout_seconds)) as slots:
        with blocked():
            while (pause := next(slots)) is not None:
                _surroundings.current.sleep(pause)
        yield


def rate_limit(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Wait until it is this call's turn.

    A limit's slots can all be taken at once; then as many become free each second as
    `MILLSTREAM_CONCURRENCY_SLOT_DECAY_PER_SECOND` says. Turns are in the order of the calls.

    Args:
        names: The limits.
        occupy: How many slots of each to take.
        timeout_seconds: The longest wait; a call whose turn would come later fails at once, and takes none.
        strict: As in `concurrency`.

    Raises:
        AcquireConcurrencySlotTimeoutError: The turn would come too late.
        ConcurrencyLimitNotFoundError: A limit is not set, and `strict` is true.
        ConcurrencySlotAcquisitionError: A limit has fewer slots than `occupy`, or no rate.
    """
    limits = limits_of(names, occupy, strict=strict)
    with blocked():
        if wait := reserve(limits, occupy, timeout_seconds):
            _surroundings.current.sleep(wait)
            if _stopping.stopped:
                raise _stopping.interruption(f"What waits for its turn with {told(limits)}")
