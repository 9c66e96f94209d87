"""A run that is deleted, or about to be: nothing of it may be held back."""

from millstream_operator.decide.observed import ObservedRun
from millstream_operator.decide.plan import Plan, ReleasePod

__all__ = ["release_gone"]


def release_gone(observed: ObservedRun) -> Plan:
    """Let go of the run's pods; Kubernetes collects what the run owned."""
    return Plan(tuple(ReleasePod(pod.name, pod.uid) for pod in observed.pods if pod.held))
