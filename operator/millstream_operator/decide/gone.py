"""A run that is deleted, or about to be: nothing of it may be held back."""

from collections.abc import Iterable

from millstream_operator.decide.observed import ObservedRun, Pod
from millstream_operator.decide.plan import ConfirmRun, Plan, ReleasePod

__all__ = ["release", "release_gone"]


def release_gone(observed: ObservedRun) -> Plan:
    """Let go of the run's pods; Kubernetes collects what the run owned."""
    held = [pod for pod in observed.pods if pod.held]
    if observed.run is None and any(not pod.deleting for pod in held) and observed.confirmed != held[0].run:
        return Plan((ConfirmRun(held[0].run),))
    return Plan(release(held))


def release(pods: Iterable[Pod]) -> tuple[ReleasePod, ...]:
    """Make the actions that let go of pods."""
    return tuple(ReleasePod(pod.name, pod.uid, pod.finalizers) for pod in pods if pod.held)
