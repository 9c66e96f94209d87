"""The finished runs of deployments, in the order in which they ended."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run

__all__ = ["FinishedRuns"]


class FinishedRuns:
    """Runs that are final, of each deployment: those that completed, and the others."""

    def __init__(self) -> None:
        self._runs: defaultdict[tuple[str, str, bool], list[Run]] = defaultdict(list)

    def add(self, run: Run) -> None:
        """Enter a run if it is final, and is not being deleted already."""
        if run.deployment is not None and _counts(run):
            insort(self._runs[_key(run, run.deployment)], run, key=_order)

    def discard(self, run: Run) -> None:
        """Take a run, as it was when it was entered, out again."""
        if run.deployment is not None and _counts(run):
            key = _key(run, run.deployment)
            runs = self._runs[key]
            del runs[bisect_left(runs, _order(run), key=_order)]
            if not runs:
                del self._runs[key]

    def of(self, namespace: str, deployment: str, *, completed: bool) -> Sequence[Run]:
        """Give those of a deployment, the one that ended first at first."""
        return self._runs.get((namespace, deployment, completed), ())


def _counts(run: Run) -> bool:
    return not (run.live or run.deleting)


def _key(run: Run, deployment: str) -> tuple[str, str, bool]:
    return run.namespace, deployment, run.status.state is RunState.COMPLETED


def _order(run: Run) -> tuple[datetime, str]:
    return run.ended, run.name
