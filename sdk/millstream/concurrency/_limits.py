"""The limits that somebody names: what the settings say of them, and what can be wrong with that."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from millstream.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencyLimitNotFoundError,
    ConcurrencySlotAcquisitionError,
)
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

_logger = logging.getLogger("millstream.concurrency")
_missed: set[str] = set()
"""Names that were warned of: once per process is enough."""


class Limit(NamedTuple):
    """A limit.

    Attributes:
        name: What it is called.
        slots: How many it has.
        decay: How many become free again each second, in `rate_limit`; 0 if the settings do not say.
    """

    name: str
    slots: int
    decay: float

    def key(self, part: str) -> str:
        """The key in the storage of something that belongs to it."""
        return f"concurrency/limit={quote(self.name, safe='')}/{part}"


def limits_of(names: str | Iterable[str], occupy: int, *, strict: bool) -> list[Limit]:
    """Give the limits in the one order in which everybody takes them; those that are not set are left out.

    Raises:
        ConcurrencyLimitNotFoundError: One is not set, and `strict` is true.
        ConcurrencySlotAcquisitionError: More is wanted of one than there is.
    """
    if occupy < 1:
        raise ValueError(f"occupy is how many slots to take, from 1, and got {occupy!r}.")
    settings = get_current_settings()
    slots, decays = settings.concurrency_limits, settings.concurrency_slot_decay_per_second
    found = []
    for name in sorted({names} if isinstance(names, str) else set(names)):
        if name in slots:
            found.append(Limit(name, slots[name], decays.get(name, 0.0)))
        else:
            _miss(name, strict=strict)
    for limit in found:
        if occupy > limit.slots:
            raise ConcurrencySlotAcquisitionError(
                f"The limit {limit.name!r} has {limit.slots} slots and can never give {occupy}: occupy fewer, or raise "
                "it in MILLSTREAM_CONCURRENCY_LIMITS."
            )
    return found


def too_late(limits: Iterable[Limit], timeout: float | None) -> AcquireConcurrencySlotTimeoutError:
    """The exception for a wait that is over."""
    return AcquireConcurrencySlotTimeoutError(
        f"The slots of {told(limits)} were not free within {timeout:g} s: allow a longer timeout_seconds, or raise the "
        "limit in MILLSTREAM_CONCURRENCY_LIMITS."
    )


def told(limits: Iterable[Limit]) -> str:
    """The names of limits in a sentence."""
    return ", ".join(repr(limit.name) for limit in limits)


def _miss(name: str, *, strict: bool) -> None:
    todo = f'set MILLSTREAM_CONCURRENCY_LIMITS={{"{name}": <slots>}}'
    if strict:
        raise ConcurrencyLimitNotFoundError(f"There is no limit {name!r}: {todo}.")
    if name not in _missed:
        _missed.add(name)
        _logger.warning("There is no limit %r, so nothing is held back by it: %s.", name, todo)
