"""A run in a final state: finish what a crash may have left undone."""

from millstream.resources.reasons import Reason
from millstream_operator.decide.gone import release
from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import DeleteJob, Plan

__all__ = ["tidy_finished"]


def tidy_finished(observed: ObservedRun, run: Run) -> Plan | None:
    """Let go of pods, and delete a Job that never started; the rest stays until the run is deleted."""
    if run.status.state is None or not run.status.state.is_final:
        return None
    actions: list[DeleteJob] = []
    if run.status.reason is Reason.START_TIMEOUT:
        live = (job for job in observed.jobs.values() if not (job.ended or job.deleting))
        actions += (DeleteJob(job.name, job.uid) for job in live)
    return Plan((*actions, *release(observed.pods)))
