"""What the API server said when it was asked, until a decision has used it. None of it outlives the process."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from millstream_operator.decide.observed import NodeSeen, PodWarning, Refusal, TickRefusal

__all__ = ["Answers"]


class Answers:
    """Answers by the UID of the run or deployment that they are for."""

    def __init__(self) -> None:
        self._refusals: dict[str, Refusal] = {}
        self._warnings: dict[str, PodWarning] = {}
        self._confirmed: dict[tuple[str, str], str] = {}
        self._trials: dict[str, tuple[int, str]] = {}
        self._nodes: dict[str, dict[str, NodeSeen]] = {}
        self._counted: dict[str, datetime] = {}
        self._ticks: dict[str, dict[str, TickRefusal]] = {}

    def refuse(self, uid: str, refusal: Refusal) -> None:
        """Keep why a run's Job was not made; the first refusal of the same Job is remembered with it."""
        earlier = self._refusals.get(uid)
        if earlier and earlier.job == refusal.job:
            refusal = replace(refusal, since=earlier.since)
        self._refusals[uid] = refusal

    def accept(self, uid: str) -> None:
        """Forget refusals: the run's Job was made."""
        self._refusals.pop(uid, None)

    def refusal(self, uid: str) -> Refusal | None:
        """Give why a run's Job was not made."""
        return self._refusals.get(uid)

    def warn(self, uid: str, warning: PodWarning) -> None:
        """Keep what Events say about a run's Job or pod."""
        self._warnings[uid] = warning

    def warning(self, uid: str) -> PodWarning | None:
        """Give what Events say about a run's Job or pod."""
        return self._warnings.get(uid)

    def confirm(self, namespace: str, run: str, name: str) -> None:
        """Keep, for one decision about a run, which object the API server was just asked for."""
        self._confirmed[namespace, run] = name

    def take_confirmed(self, namespace: str, run: str) -> str | None:
        """Give which object the API server was just asked for, once."""
        return self._confirmed.pop((namespace, run), None)

    def try_out(self, uid: str, generation: int, refusal: str) -> None:
        """Keep whether the Jobs of a deployment would be accepted: "", or why not."""
        self._trials[uid] = (generation, refusal)

    def trial(self, uid: str) -> tuple[int | None, str]:
        """Give the generation of a deployment that was tried, and what came of it."""
        return self._trials.get(uid, (None, ""))

    def see_node(self, uid: str, node: NodeSeen) -> None:
        """Keep what was found of a node that a run's pod is on."""
        self._nodes.setdefault(uid, {})[node.name] = node

    def nodes(self, uid: str) -> Mapping[str, NodeSeen]:
        """Give what was found of the nodes that a run's pods are on, by name."""
        return dict(self._nodes.get(uid, {}))

    def count(self, uid: str, time: datetime) -> None:
        """Keep when a deployment's numbers were written."""
        self._counted[uid] = time

    def counted(self, uid: str) -> datetime | None:
        """Give when a deployment's numbers were written."""
        return self._counted.get(uid)

    def refuse_tick(self, uid: str, run: str, refusal: TickRefusal) -> None:
        """Keep why the run of a deployment's tick was not created."""
        self._ticks.setdefault(uid, {})[run] = refusal

    def accept_tick(self, uid: str, run: str) -> None:
        """Forget refusals: the run of the tick is there."""
        refused = self._ticks.get(uid, {})
        refused.pop(run, None)
        if not refused:
            self._ticks.pop(uid, None)

    def ticks(self, uid: str) -> Mapping[str, TickRefusal]:
        """Give why runs of a deployment's ticks were not created, by their names."""
        return self._ticks.get(uid, {})

    def forget(self, uid: str) -> None:
        """Drop all about a run or deployment that is gone."""
        self._refusals.pop(uid, None)
        self._warnings.pop(uid, None)
        self._trials.pop(uid, None)
        self._nodes.pop(uid, None)
        self._counted.pop(uid, None)
        self._ticks.pop(uid, None)
