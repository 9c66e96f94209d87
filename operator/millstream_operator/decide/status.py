"""The next status of a run."""

from datetime import datetime
from typing import Any

from millstream.resources.flow_run import MAX_ATTEMPTS_KEPT, SUCCEEDED, Attempt, FlowRunStatus
from millstream.resources.model import Condition, timestamp, with_condition
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run

__all__ = ["MESSAGE_CHARACTERS", "in_state", "with_attempt", "with_current"]

MESSAGE_CHARACTERS = 2000
"""Of what others said. With a hint it stays below the 4,096 that the CRD allows."""


def in_state(
    run: Run, now: datetime, state: RunState, reason: Reason | None, message: str, **changes: Any
) -> FlowRunStatus:
    """Give the run's status in a state, with its condition; `changes` are other fields of it."""
    text = " ".join(part for part in (_sentence(message), _hint(run, reason)) if part)
    succeeded = {RunState.COMPLETED: "True"}.get(state, "False" if state.is_final else "Unknown")
    condition = Condition(
        type=SUCCEEDED,
        status=succeeded,
        reason=reason or state,
        message=text,
        last_transition_time=timestamp(now),
        observed_generation=run.generation,
    )
    if state.is_final:
        changes = {"completion_time": timestamp(now), "next_attempt_time": None} | changes
    return run.status.replace(
        state=state,
        reason=reason,
        message=text,
        conditions=with_condition(run.status.conditions, condition),
        observed_generation=run.generation,
        **changes,
    )


def _sentence(message: str) -> str:
    message = message[:MESSAGE_CHARACTERS].rstrip()
    return f"{message}." if message and message[-1] not in ".!?:…" else message


def _hint(run: Run, reason: Reason | None) -> str:
    return reason.hint.replace("{run}", run.name) if reason else ""


def with_attempt(status: FlowRunStatus, attempt: Attempt) -> list[Attempt]:
    """Give the attempts with a new one."""
    return [*status.attempts, attempt][-MAX_ATTEMPTS_KEPT:]


def with_current(status: FlowRunStatus, **changes: Any) -> list[Attempt]:
    """Give the attempts with the newest one changed."""
    if "message" in changes:
        changes["message"] = changes["message"][:MESSAGE_CHARACTERS]
    return [*status.attempts[:-1], status.current.replace(**changes)]
