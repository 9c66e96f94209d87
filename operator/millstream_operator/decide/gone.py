"""A run that is deleted, or about to be: nothing of it may be held back."""

from collections.abc import Iterable

from millstream_operator.decide.observed import Job, ObservedRun, Pod
from millstream_operator.decide.plan import ConfirmRun, DeleteJob, Plan, ReleasePod

__all__ = ["delete_jobs", "release", "release_gone"]


def release_gone(observed: ObservedRun) -> Plan:
    """Let go of the run's pods; Kubernetes collects what the run owned, once the run is gone."""
    held = [pod for pod in observed.pods if pod.held]
    if observed.run is None and any(not pod.deleting for pod in held) and observed.confirmed != held[0].run:
        return Plan((ConfirmRun(held[0].run),))
    # Somebody's finalizer may keep the run for long, and its Job must not run on for so long.
    doomed = observed.jobs.values() if observed.run is not None and observed.run.live else ()
    return Plan((*release(held), *delete_jobs(doomed)))


def delete_jobs(jobs: Iterable[Job]) -> tuple[DeleteJob, ...]:
    """Make the actions that delete Jobs, but for those that have ended or are being deleted."""
    return tuple(DeleteJob(job.name, job.uid) for job in jobs if not (job.ended or job.deleting))


def release(pods: Iterable[Pod]) -> tuple[ReleasePod, ...]:
    """Make the actions that let go of pods."""
    return tuple(ReleasePod(pod.name, pod.uid, pod.finalizers) for pod in pods if pod.held)
