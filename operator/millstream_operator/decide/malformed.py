"""A status that somebody else has written, and that does not say which attempt is under way."""

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import Plan, WriteRunStatus
from millstream_operator.decide.status import in_state

__all__ = ["give_up"]


def give_up(observed: ObservedRun, run: Run) -> Plan | None:
    """End such a run: were it begun anew, an attempt that nobody knows of might run beside the new one."""
    if not run.malformed:
        return None
    told = f"attempt {run.status.attempt}" if run.status.attempt else "no attempt"
    listed = ", ".join(str(attempt.number) for attempt in run.status.attempts) or "none"
    message = f"The status tells of {told}, and lists {listed} in attempts."
    return Plan(
        (WriteRunStatus(in_state(run, observed.now, RunState.FAILED, Reason.INVALID_STATUS, message)),)
    )
