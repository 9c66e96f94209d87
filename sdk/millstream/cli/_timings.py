"""How long a run waited, started and ran."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from millstream._cluster.runs import Run
    from millstream.resources.flow_run import Attempt


class Timings(NamedTuple):
    """The seconds of each phase so far; None for one that has not begun.

    Attributes:
        queued: From when it might start to its first attempt.
        starting: Of all attempts, from their creation until the flow's container ran.
        running: Of all attempts, while it ran.
        between: After an attempt, until the next one; without pauses.
        paused: While it was suspended.
    """

    queued: float | None
    starting: float | None
    running: float | None
    between: float | None
    paused: float | None


def timings(run: Run, now: datetime) -> Timings:
    """The phases of a run; the attempts are those that its status has kept."""
    status = run.status
    end = status.completion_time or now
    attempts = status.attempts
    paused = status.paused_seconds + (
        0 if status.paused_time is None else (end - status.paused_time).total_seconds()
    )
    gaps = [
        (later.creation_time - earlier.completion_time).total_seconds()
        for earlier, later in itertools.pairwise(attempts)
        if earlier.completion_time is not None
    ]
    if attempts and not run.is_final and (last := attempts[-1].completion_time) is not None:
        gaps.append((now - last).total_seconds())
    begun = status.admission_time or end
    return Timings(
        queued=max((begun - run.due).total_seconds(), 0) if begun >= run.due else None,
        starting=_sum(starting(attempt, end) for attempt in attempts),
        running=_sum(running(attempt, end) for attempt in attempts),
        between=max(sum(gaps) - paused, 0) if gaps else None,
        paused=paused or None,
    )


def starting(attempt: Attempt, now: datetime) -> float:
    """How long an attempt took until the flow's container ran."""
    until = attempt.start_time or attempt.completion_time or now
    return max((until - attempt.creation_time).total_seconds(), 0)


def running(attempt: Attempt, now: datetime) -> float | None:
    """How long the flow's container ran in an attempt."""
    if attempt.start_time is None:
        return None
    return max(((attempt.completion_time or now) - attempt.start_time).total_seconds(), 0)


def _sum(seconds: Iterable[float | None]) -> float | None:
    known = [one for one in seconds if one is not None]
    return sum(known) if known else None
