"""Runs by UID, and those that each of them has made as its subflows."""

from collections import defaultdict
from collections.abc import Container, Iterator

from millstream_operator.decide.observed import Run

__all__ = ["Subflows"]


class Subflows:
    """Which run is a subflow of which, in one namespace: a label says so, by the parent's UID."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Run] = {}
        self._of: defaultdict[tuple[str, str], dict[str, Run]] = defaultdict(dict)

    def add(self, run: Run) -> None:
        """Enter a run."""
        self._runs[run.namespace, run.uid] = run
        if run.parent_uid:
            self._of[run.namespace, run.parent_uid][run.name] = run

    def discard(self, run: Run) -> None:
        """Take a run, as it was when it was entered, out again."""
        del self._runs[run.namespace, run.uid]
        if run.parent_uid:
            siblings = self._of[run.namespace, run.parent_uid]
            del siblings[run.name]
            if not siblings:
                del self._of[run.namespace, run.parent_uid]

    def parent(self, run: Run) -> Run | None:
        """Give the run that made another one; None if there is none, or it is gone."""
        return self._runs.get((run.namespace, run.parent_uid)) if run.parent_uid else None

    def live(self, namespace: str) -> Container[str]:
        """Give the UIDs of a namespace's runs that are not final, to ask whether one is among them."""
        return _Live(self._runs, namespace)

    def concerned(self, old: Run | None, new: Run | None) -> Iterator[Run]:
        """Go through the subflows of a run that has changed: it was cancelled, has ended, has come or is gone."""
        if old is not None and new is not None and old.uid == new.uid and _says(old) == _says(new):
            return
        for uid, namespace in {(run.uid, run.namespace) for run in (old, new) if run is not None}:
            yield from self._of.get((namespace, uid), {}).values()


class _Live:
    def __init__(self, runs: dict[tuple[str, str], Run], namespace: str) -> None:
        self._runs = runs
        self._namespace = namespace

    def __contains__(self, uid: object) -> bool:
        run = self._runs.get((self._namespace, str(uid)))
        return run is not None and run.live


def _says(run: Run) -> tuple[bool, bool]:
    return run.live, run.spec.cancel
