"""What a status says to people: what happened, and what to do."""

from datetime import datetime

from millstream.resources.model import Condition, timestamp
from millstream.resources.reasons import Reason

__all__ = ["MESSAGE_CHARACTERS", "condition", "sentence", "with_hint"]

MESSAGE_CHARACTERS = 2000
"""Of what others said. With a hint it stays below the 4,096 that the CRDs allow."""


def with_hint(message: str, reason: Reason | None, run: str = "", namespace: str = "") -> str:
    """Join a bounded message and the hint of its reason into whole sentences."""
    hint = reason.advice(run, namespace) if reason else ""
    return f"{sentence(message[:MESSAGE_CHARACTERS])} {hint}".strip()


def sentence(message: str) -> str:
    """Give a message an end, so that another sentence can follow it."""
    message = message.rstrip()
    return f"{message}." if message and message[-1] not in ".!?:…" else message


def condition(
    kind: str, status: str, reason: str, message: str, *, now: datetime, generation: int
) -> Condition:
    """Make a condition."""
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=timestamp(now),
        observed_generation=generation,
    )
