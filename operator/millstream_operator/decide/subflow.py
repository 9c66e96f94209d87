"""A run that another one has made as its subflow: it is cancelled with that one, and kept until that one has ended."""

from collections.abc import Container

from millstream_operator.decide.observed import ObservedRun, Run
from millstream_operator.decide.plan import CancelRun, Plan

__all__ = ["cancel_with_parent", "is_needed"]


def cancel_with_parent(observed: ObservedRun, run: Run) -> Plan | None:
    """Ask a run to end whose parent is asked to; one whose parent is gone, or only ended, goes on."""
    parent = observed.parent
    if run.spec.cancel or parent is None or not parent.spec.cancel:
        return None
    return Plan((CancelRun(),))


def is_needed(run: Run, live: Container[str]) -> bool:
    """Whether the next attempt of its parent would make it anew if it were gone; `live` are UIDs of runs."""
    return run.parent_uid is not None and run.parent_uid in live
