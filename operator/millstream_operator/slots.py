"""Which runs hold a slot and which wait for one, kept in order as they come and go.

Nothing of it is stored: it follows from the runs that exist. A run that is being admitted counts as live from the
decision on, so that two decisions never give the same slot away.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import NamedTuple

from millstream_operator.decide.observed import Run, Slots

__all__ = ["Limits", "SlotBook"]

_MOST_COUNTED = 10_000
"""Beyond this it makes no difference how many come before: no limit is higher."""


class Limits(NamedTuple):
    """How many runs may be live at once; None for any number."""

    of_deployment: Callable[[str, str], int | None]
    of_namespace: Callable[[str], int | None]


class _Place(NamedTuple):
    """Where a run stands in the queue: the order is that of the fields."""

    urgency: int
    due: datetime
    creation_time: datetime
    name: str
    deployment: str | None


class _Entry(NamedTuple):
    place: _Place
    holds: bool

    @property
    def deployment(self) -> str | None:
        return self.place.deployment


class SlotBook:
    """The live runs of each namespace that count for limits, and those that wait."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries: defaultdict[str, dict[str, _Entry]] = defaultdict(dict)
        self._holders: defaultdict[tuple[str, str | None], dict[str, _Entry]] = defaultdict(dict)
        self._held: defaultdict[str, int] = defaultdict(int)
        self._queues: defaultdict[tuple[str, str | None], list[_Place]] = defaultdict(list)
        self._namespace_queues: defaultdict[str, list[_Place]] = defaultdict(list)
        self._reserved: dict[tuple[str, str], _Entry] = {}

    def add(self, run: Run, priority: int) -> None:
        """Enter a run that is live; `priority` is its deployment's."""
        if not (run.live and (run.holds_slot or run.waits_for_slot)):
            return
        self._enter(run.namespace, run.name, _entry(run, priority, holds=run.holds_slot))

    def discard(self, namespace: str, name: str) -> None:
        """Take a run out, with a slot that was reserved for it."""
        self._reserved.pop((namespace, name), None)
        self._leave(namespace, name)

    def reserve(self, run: Run, priority: int) -> None:
        """Count a run as live whose admission is being written."""
        self._leave(run.namespace, run.name)
        entry = _entry(run, priority, holds=True)
        self._reserved[run.namespace, run.name] = entry
        self._enter(run.namespace, run.name, entry)

    def unreserve(self, run: Run, priority: int) -> bool:
        """Take a reserved slot back from a run that is not admitted after all; False if it had none."""
        if (run.namespace, run.name) not in self._reserved:
            return False
        self.discard(run.namespace, run.name)
        self.add(run, priority)
        return True

    def observe(self, run: Run, priority: int, *, replaces: bool) -> Slots:
        """Say how a run stands to the others; how many are newer only where the newest replace the others."""
        namespace, deployment = run.namespace, run.deployment
        mine = _place(run, priority)
        own = self._entries[namespace].get(run.name)
        holds = own is not None and own.holds
        held = self._holders.get((namespace, deployment), {})
        queue = self._queues.get((namespace, deployment), [])
        limited = self._limits.of_namespace(namespace) is not None
        return Slots(
            held=(len(held) - holds) if deployment else 0,
            ahead=bisect_left(queue, mine) if deployment else 0,
            newer=self._newer(run) if replaces else 0,
            held_in_namespace=self._held[namespace] - holds,
            ahead_in_namespace=self._eligible_before(namespace, mine) if limited else 0,
        )

    def counts(self, namespace: str, deployment: str) -> tuple[int, int]:
        """Give how many runs of a deployment hold a slot, and how many wait."""
        key = namespace, deployment
        return len(self._holders.get(key, ())), len(self._queues.get(key, ()))

    def next_in_line(self, namespace: str, deployment: str | None) -> Iterator[str]:
        """Name the runs that may come to their turn when a slot of the deployment, or of the namespace, is free."""
        yield from (place.name for place in self._queues.get((namespace, deployment), ())[:1])
        if self._limits.of_namespace(namespace) is not None:
            yield from (place.name for place in islice(self._eligible(namespace), 1))

    def holders(self, namespace: str, deployment: str) -> tuple[str, ...]:
        """Name the runs of a deployment that hold a slot."""
        return tuple(self._holders.get((namespace, deployment), ()))

    def waiting(self, namespace: str, deployment: str) -> tuple[str, ...]:
        """Name the runs of a deployment that wait for a slot, in their order."""
        return tuple(place.name for place in self._queues.get((namespace, deployment), ()))

    def _enter(self, namespace: str, name: str, entry: _Entry) -> None:
        self._entries[namespace][name] = entry
        if entry.holds:
            self._holders[namespace, entry.deployment][name] = entry
            self._held[namespace] += 1
        else:
            insort(self._queues[namespace, entry.deployment], entry.place)
            insort(self._namespace_queues[namespace], entry.place)

    def _leave(self, namespace: str, name: str) -> None:
        entry = self._entries[namespace].pop(name, None)
        if entry is None:
            return
        if entry.holds:
            del self._holders[namespace, entry.deployment][name]
            self._held[namespace] -= 1
        else:
            for queue in (self._queues[namespace, entry.deployment], self._namespace_queues[namespace]):
                del queue[bisect_left(queue, entry.place)]

    def _newer(self, run: Run) -> int:
        key = run.due, run.creation_time, run.name
        live = (entry.place for entry in self._holders.get((run.namespace, run.deployment), {}).values())
        waiting = self._queues.get((run.namespace, run.deployment), ())
        return sum((p.due, p.creation_time, p.name) > key for p in chain(live, waiting))

    def _eligible_before(self, namespace: str, mine: _Place) -> int:
        count = 0
        for place in self._eligible(namespace):
            if place >= mine or count >= _MOST_COUNTED:
                break
            count += 1
        return count

    def _eligible(self, namespace: str) -> Iterator[_Place]:
        """Go through those that wait, in order, but for those that their deployment's limit keeps."""
        free: dict[str | None, int | None] = {}
        for place in self._namespace_queues.get(namespace, ()):
            deployment = place.deployment
            if deployment not in free:
                limit = self._limits.of_deployment(namespace, deployment) if deployment else None
                held = len(self._holders.get((namespace, deployment), ()))
                free[deployment] = None if limit is None else limit - held
            left = free[deployment]
            if left is None:
                yield place
            elif left > 0:
                free[deployment] = left - 1
                yield place


def _entry(run: Run, priority: int, *, holds: bool) -> _Entry:
    return _Entry(_place(run, priority), holds)


def _place(run: Run, priority: int) -> _Place:
    own = run.spec.priority if run.spec.priority is not None else priority
    return _Place(-own, run.due, run.creation_time, run.name, run.deployment)
