"""Which changes of a run people are told about by an Event: what they did not expect, and what they asked for."""

from dataclasses import dataclass
from typing import Literal

from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

__all__ = ["Announcement", "announcement", "of_refusal"]

_CHARACTERS = 1000
_BAD = {RunState.FAILED, RunState.TIMED_OUT, RunState.CRASHED, RunState.AWAITING_RETRY}
_TOLD = {RunState.PAUSED, RunState.CANCELLING, RunState.CANCELLED, RunState.PENDING, RunState.RUNNING}
_ORDINARY = {None, Reason.WAITING_FOR_POD, Reason.JOB_SUSPENDED}


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is said in an Event.

    Attributes:
        kind: Normal or Warning.
        reason: one CamelCase word.
        message: at most 1,000 characters.
    """

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


def announcement(old: FlowRunStatus, new: FlowRunStatus) -> Announcement | None:
    """Say what there is to tell about a change; a run to which nothing happens but success says nothing."""
    if new.state is None or (old.state, old.reason) == (new.state, new.reason):
        return None
    text = new.message[:_CHARACTERS]
    if new.state in _BAD:
        return Announcement("Warning", new.reason or new.state, text)
    if new.state in _TOLD and new.reason not in _ORDINARY:
        asked = new.reason in {Reason.CANCEL_REQUESTED, Reason.SUSPENDED}
        # The end of a cancellation has its reason already told; what is new is that it is over.
        word = new.state if new.reason is old.reason else new.reason
        return Announcement("Normal" if asked else "Warning", word or new.state, text)
    return None


def of_refusal(said: str) -> Announcement:
    """Say that a status was refused, since the status itself cannot."""
    text = f"The run stands still, as the operator may not write its status: {said}"
    return Announcement("Warning", "StatusRefused", text[:_CHARACTERS])
