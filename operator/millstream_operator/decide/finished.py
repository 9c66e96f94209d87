"""A run in a final state: finish what a crash may have left undone, and delete it when its time has come."""

from datetime import datetime, timedelta

from millstream.resources.flow_run import SUCCEEDED
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.gone import delete_jobs, release
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import Action, Plan
from millstream_operator.decide.retention import delete, is_remembered

__all__ = ["tidy_finished"]

_STOPPED = {
    Reason.START_TIMEOUT, Reason.TOTAL_TIMEOUT, Reason.NODE_LOST,
    Reason.JOB_CONFLICT, Reason.JOB_REJECTED, Reason.REVISION_LOST,
    Reason.INVALID_STATUS,
}  # fmt: skip
"""Ends that no pod has reported: a Job that is still there, or whose creation took effect late, would run on."""
_LONGEST = timedelta(days=36_500)
"""Stands for any longer time, which dates cannot count."""


def tidy_finished(observed: ObservedRun, run: Run) -> Plan | None:
    """Let go of pods, delete a Job that nobody waits for, and the run after its time to live."""
    if run.live:
        return None
    actions: list[Action] = []
    if run.status.state is RunState.CANCELLED or run.status.reason in _STOPPED:
        actions += delete_jobs(observed.jobs.values())
    actions += release(observed.pods)
    lifetime, ended = _lifetime(observed, run), _known_to_have_ended(run)
    needed = observed.parent is not None and observed.parent.live  # its end is told, and asks again
    if lifetime is None or ended is None or needed:
        return Plan(tuple(actions))
    if observed.now < ended + lifetime:
        return Plan(tuple(actions), ended + lifetime)
    if actions or not is_remembered(run, observed.deployment):
        return Plan(tuple(actions), observed.now + timedelta(seconds=10))
    return Plan((delete(run),))


def _known_to_have_ended(run: Run) -> datetime | None:
    """Say from when on its end could be read: one that was learned late is to be seen as long as any other."""
    ended = run.status.completion_time
    told = (c.last_transition_time for c in run.status.conditions if c.type == SUCCEEDED)
    return None if ended is None else max([ended, *told])


def _lifetime(observed: ObservedRun, run: Run) -> timedelta | None:
    seconds = run.spec.ttl_seconds_after_finished
    if seconds is None and observed.deployment is not None:
        seconds = observed.deployment.spec.run_history.ttl_seconds_after_finished
    return None if seconds is None else timedelta(seconds=min(seconds, _LONGEST.total_seconds()))
