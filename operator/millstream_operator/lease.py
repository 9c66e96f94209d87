"""The Lease that says which operator may write: what is in it, and what a candidate does about it.

Nothing here reads a clock. Whether a lease has expired is judged by how long it has been seen unchanged, never by
the times in it, since clocks of different machines differ; those are for people.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

from millstream_operator.kinds import Kind

__all__ = ["LEASES", "LEASE_SECONDS", "NOBODY_YET", "RENEW_SECONDS", "Record", "Step", "decide"]

LEASES = Kind("coordination.k8s.io", "v1", "leases")
LEASE_SECONDS = 15
"""A candidate waits this long for a holder that does not renew."""
RENEW_SECONDS = 10.0
"""A holder that has not renewed for this long writes no more. The rest is for clocks that run at different rates."""
NOBODY_YET = "nobody-yet"
"""Holder of a Lease that was made because there was none.

Somebody may have deleted it under a holder that has not noticed yet, so it is waited for as after any other holder.
Nobody just waits while there is none: it could be made and deleted again unseen.
"""
_COUNTS = range(2**31 - 1)
"""What one more still fits into the field for."""


class Step(Enum):
    """What a candidate does next."""

    ANNOUNCE = auto()
    ACQUIRE = auto()
    RENEW = auto()
    WAIT = auto()
    LOSE = auto()


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as it was read.

    Attributes:
        version: its resourceVersion, "" if there is no Lease.
        holder: identity of who holds it, "" if it is free.
        transitions: how often it went from one holder to another.
        acquired: when the holder took it, RFC 3339.
    """

    version: str = ""
    holder: str = ""
    transitions: int = 0
    acquired: str = ""

    @classmethod
    def from_object(cls, o: dict[str, Any]) -> "Record":
        """Read a Lease; the fields of its spec may hold anything.

        Its duration is not read: all candidates have the same, and one that is wrong could let two of them write.

        Raises:
            ValueError: it is no stored object; by "no Lease" something else would be done.
        """
        meta = o.get("metadata")
        if not (isinstance(meta, dict) and meta.get("resourceVersion")):
            raise ValueError("the answer is no Lease")
        spec = o.get("spec")
        spec = spec if isinstance(spec, dict) else {}
        transitions = spec.get("leaseTransitions")
        return cls(
            version=str(meta["resourceVersion"]),
            holder=str(spec.get("holderIdentity") or ""),
            transitions=transitions if isinstance(transitions, int) and transitions in _COUNTS else 0,
            acquired=str(spec.get("acquireTime") or ""),
        )

    def held_by(self, holder: str, now: datetime) -> dict[str, Any]:
        """Give the `spec` that makes somebody the holder, or goes on with it; "" gives the lease back."""
        time = now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        goes_on = holder == self.holder and self.acquired
        changes_hands = bool(self.version and holder and holder != self.holder)
        return {
            "holderIdentity": holder,
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": self.acquired if goes_on else time,
            "renewTime": time,
            "leaseTransitions": self.transitions + changes_hands,
        }


def decide(record: Record, identity: str, unchanged_seconds: float, *, leading: bool) -> Step:
    """Decide what a candidate does.

    Args:
        record: what was read last.
        identity: the candidate's.
        unchanged_seconds: how long ago this candidate first read just this.
        leading: it has the right to write at this moment.
    """
    if record.holder == identity:
        return Step.RENEW  # perhaps after an answer that was lost
    if leading:
        return Step.ACQUIRE if record.holder in {"", NOBODY_YET} else Step.LOSE
    if not record.version:
        return Step.ANNOUNCE
    free = not record.holder or unchanged_seconds >= LEASE_SECONDS
    return Step.ACQUIRE if free else Step.WAIT
