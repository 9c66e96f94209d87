"""From which time on ticks are to come, where the clock may be set."""

from __future__ import annotations

from datetime import datetime, timedelta

FURTHEST = timedelta(hours=1)
"""How far the last tick may lie ahead of a clock that was set back, and still be right."""


def since(now: datetime, last: datetime | None) -> datetime:
    """After when the next tick is, so that none fires twice.

    A last tick that lies further ahead fired by a clock that was wrong: it silences nothing.

    Args:
        now: What the clock shows.
        last: The last tick that was dealt with.
    """
    return now if last is None or last - now > FURTHEST else max(now, last)
