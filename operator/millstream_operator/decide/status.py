"""The next status of a run."""

from datetime import datetime
from typing import Any

from millstream.resources.flow_run import MAX_ATTEMPTS_KEPT, SUCCEEDED, Attempt, FlowRunStatus
from millstream.resources.model import timestamp
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide import kstatus
from millstream_operator.decide.message import MESSAGE_CHARACTERS, condition, with_hint
from millstream_operator.decide.observed import Run

__all__ = ["ended_without_outcome", "in_state", "with_attempt", "with_current", "with_end"]


def in_state(
    run: Run, now: datetime, state: RunState, reason: Reason | None, message: str, **changes: Any
) -> FlowRunStatus:
    """Give the run's status in a state, with its condition; `changes` are other fields of it."""
    text = with_hint(message, reason, run.name, run.namespace)
    succeeded = {RunState.COMPLETED: "True"}.get(state, "False" if state.is_final else "Unknown")
    told = condition(SUCCEEDED, succeeded, reason or state, text, now=now, generation=run.generation)
    if state.is_final:
        changes = {"completion_time": timestamp(now), "next_attempt_time": None} | changes
    changes |= _pause(run.status, now, state)
    return run.status.replace(
        state=state,
        reason=reason,
        message=text,
        conditions=kstatus.of_run(run.status.conditions, told, state),
        observed_generation=run.generation,
        **changes,
    )


def _pause(status: FlowRunStatus, now: datetime, state: RunState) -> dict[str, Any]:
    """Keep count of the time that a run is paused after its admission."""
    if state is RunState.PAUSED:
        return {"paused_time": status.paused_time or timestamp(now)}
    if status.paused_time is None:
        return {}
    if status.admission_time is None:
        return {"paused_time": None}
    paused = int((timestamp(now) - status.paused_time).total_seconds())
    return {"paused_time": None, "paused_seconds": status.paused_seconds + max(0, paused)}


def ended_without_outcome(
    run: Run, now: datetime, state: RunState, reason: Reason, message: str
) -> FlowRunStatus:
    """Give the final status of a run whose attempt ends for a reason that no pod has told."""
    attempts = with_end(run.status, now, reason=reason, message=message)
    return in_state(run, now, state, reason, message, attempts=attempts)


def with_attempt(status: FlowRunStatus, attempt: Attempt) -> list[Attempt]:
    """Give the attempts with a new one."""
    return [*status.attempts, attempt][-MAX_ATTEMPTS_KEPT:]


def with_current(status: FlowRunStatus, **changes: Any) -> list[Attempt]:
    """Give the attempts with the newest one changed."""
    if "message" in changes:
        changes["message"] = changes["message"][:MESSAGE_CHARACTERS]
    return [*status.attempts[:-1], status.current.replace(**changes)]


def with_end(status: FlowRunStatus, now: datetime, **changes: Any) -> list[Attempt]:
    """Give the attempts with the newest one ended: when its container has, or now if nobody has told."""
    [*others, current] = with_current(status, **changes)
    return [*others, current.replace(completion_time=_end(current, now))]


def _end(attempt: Attempt, now: datetime) -> datetime:
    """Choose the end of an attempt; the clock of its node may be ahead of ours, or have been set back."""
    if attempt.end_time is None:
        return timestamp(now)
    return min(max(attempt.end_time, attempt.start_time or attempt.creation_time), timestamp(now))
