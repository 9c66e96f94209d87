"""Which live runs a deployment has, counted as they come and go rather than searched for."""

from collections import Counter, defaultdict

from millstream_operator.decide.observed import Run

__all__ = ["LiveRuns"]


class LiveRuns:
    """The live runs of deployments, by revision, and those that have none yet."""

    def __init__(self) -> None:
        self._revisions: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._admitting: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def add(self, run: Run) -> None:
        """Count a run."""
        if run.deployment is None or not run.live:
            return
        deployment = (run.namespace, run.deployment)
        if run.status.revision:
            self._revisions[deployment][run.status.revision] += 1
        else:
            self._admitting[deployment].add(run.name)

    def discard(self, run: Run) -> None:
        """Take a run, as it was when it was counted, out again."""
        if run.deployment is None or not run.live:
            return
        deployment = (run.namespace, run.deployment)
        if run.status.revision:
            self._revisions[deployment][run.status.revision] -= 1
            self._revisions[deployment] = +self._revisions[deployment]
            if not self._revisions[deployment]:
                del self._revisions[deployment]
        else:
            self._admitting[deployment].discard(run.name)
            if not self._admitting[deployment]:
                del self._admitting[deployment]

    def revisions(self, namespace: str, deployment: str) -> frozenset[str]:
        """Give the names of the revisions in use."""
        return frozenset(self._revisions.get((namespace, deployment), ()))

    def admitting(self, namespace: str, deployment: str) -> frozenset[str]:
        """Give the names of the runs that have chosen no revision yet."""
        return frozenset(self._admitting.get((namespace, deployment), ()))
