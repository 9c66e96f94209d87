"""What keeps a run that could start from starting: a switch, or limits on how many are live at once."""

from millstream.resources.reasons import Reason
from millstream_operator.decide.defaults import live_limit, stopped
from millstream_operator.decide.observed import ObservedRun, Run

__all__ = ["obstacle"]


def obstacle(observed: ObservedRun, run: Run) -> tuple[Reason, str] | None:
    """Say what a run has to wait for; None when it may start.

    Slots are counted from the runs that are live. Of those that wait, as many may start as slots are free, in the
    order of priority, time due, creation and name.
    """
    if why := stopped(observed.defaults):
        return why
    slots = observed.slots
    concurrency = observed.deployment.spec.concurrency if observed.deployment else None
    if concurrency is not None and slots.held + slots.ahead >= concurrency.limit:
        return (
            Reason.CONCURRENCY_LIMIT,
            f"{_slots(concurrency.limit)} of {run.deployment} {_are(concurrency.limit)} taken",
        )
    limit = live_limit(observed.defaults)
    if limit is not None and slots.held_in_namespace + slots.ahead_in_namespace >= limit:
        return Reason.NAMESPACE_LIMIT, f"{_slots(limit)} of namespace {run.namespace} {_are(limit)} taken"
    return None


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _slots(count: int) -> str:
    return "The one slot" if count == 1 else f"All {count} slots"
