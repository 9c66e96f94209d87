"""The states of a FlowRun."""

from enum import StrEnum

__all__ = ["RunState"]


class RunState(StrEnum):
    """Where a FlowRun stands. A final state never changes."""

    SCHEDULED = "Scheduled"
    """Not due yet."""
    QUEUED = "Queued"
    """Due, and waiting for a slot."""
    PENDING = "Pending"
    """A Job exists or is about to; the flow's container does not run yet."""
    RUNNING = "Running"
    """The flow's container runs."""
    AWAITING_RETRY = "AwaitingRetry"
    """An attempt ended; the next one starts after the back-off."""
    PAUSED = "Paused"
    CANCELLING = "Cancelling"

    COMPLETED = "Completed"
    FAILED = "Failed"
    """The code failed."""
    TIMED_OUT = "TimedOut"
    CRASHED = "Crashed"
    """The infrastructure failed."""
    CANCELLED = "Cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the run."""
        return self in _FINAL


_FINAL = frozenset(
    {RunState.COMPLETED, RunState.FAILED, RunState.TIMED_OUT, RunState.CRASHED, RunState.CANCELLED}
)
