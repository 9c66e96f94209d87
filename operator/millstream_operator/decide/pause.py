"""A run that is to rest: nothing of it runs while `spec.suspend` is true."""

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.gone import release
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import DeleteJob, Plan, WriteRunStatus
from millstream_operator.decide.status import in_state, with_end
from millstream_operator.decide.stop import Stop, stop_attempt

__all__ = ["pause"]


def pause(observed: ObservedRun, run: Run) -> Plan | None:
    """Stop the attempt of a run that is to rest, or keep it at rest; what it has spent stays as it is."""
    paused = run.status.state is RunState.PAUSED
    unfinished = not run.between_attempts and run.status.current.completion_time is None
    if not run.spec.suspend and not (paused and unfinished):
        return None
    if unfinished:
        plan = stop_attempt(observed, run, Stop(RunState.PAUSED, Reason.SUSPENDED))
        return plan if plan is not None else _ended(observed, run)
    if paused:
        # A Job that was asked for before the pause may have come after it.
        late = (job for job in observed.jobs.values() if not (job.ended or job.deleting))
        return Plan((*(DeleteJob(job.name, job.uid) for job in late), *release(observed.pods)))
    status = in_state(run, observed.now, RunState.PAUSED, Reason.SUSPENDED, "", next_attempt_time=None)
    return Plan((WriteRunStatus(status), *release(observed.pods)))


def _ended(observed: ObservedRun, run: Run) -> Plan:
    attempts = with_end(run.status, observed.now, reason=Reason.SUSPENDED, message="")
    status = in_state(run, observed.now, RunState.PAUSED, Reason.SUSPENDED, "", attempts=attempts)
    return Plan((WriteRunStatus(status),))
