"""Which runs hold a slot and which wait for one, kept in order as they come and go.

Nothing of it is stored: it follows from the runs that exist. A run that is being admitted counts as live from the
decision on, so that two decisions never give the same slot away.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple, TypeVar

from millstream_operator.decide.observed import Run, Slots

__all__ = ["Limits", "SlotBook"]


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

    @property
    def age(self) -> "_Age":
        return _Age(self.due, self.creation_time, self.name)


class _Age(NamedTuple):
    """By which the newest runs replace the others: the order is that of the fields."""

    due: datetime
    creation_time: datetime
    name: str


class _Entry(NamedTuple):
    place: _Place
    holds: bool

    @property
    def deployment(self) -> str | None:
        return self.place.deployment


K = TypeVar("K")
V = TypeVar("V")
P = TypeVar("P", _Place, _Age)


class SlotBook:
    """The live runs of each namespace that count for limits, and those that wait."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries: defaultdict[str, dict[str, _Entry]] = defaultdict(dict)
        self._holders: defaultdict[tuple[str, str | None], dict[str, _Entry]] = defaultdict(dict)
        self._held: defaultdict[str, int] = defaultdict(int)
        self._queues: defaultdict[str, dict[str | None, list[_Place]]] = defaultdict(dict)
        self._ages: defaultdict[tuple[str, str | None], list[_Age]] = defaultdict(list)
        self._reserved: set[tuple[str, str]] = set()

    def add(self, run: Run, priority: int) -> None:
        """Enter a run that is live; `priority` is its deployment's."""
        if run.holds_slot or run.waits_for_slot:
            self._enter(run.namespace, run.name, _Entry(_place(run, priority), run.holds_slot))

    def discard(self, namespace: str, name: str) -> bool:
        """Take a run out, and tell whether a slot was reserved for it."""
        self._leave(namespace, name)
        reserved = (namespace, name) in self._reserved
        self._reserved.discard((namespace, name))
        return reserved

    def move(self, run: Run, priority: int) -> None:
        """Give a run that waits the place that the priority of its deployment now gives it."""
        self._leave(run.namespace, run.name)
        self.add(run, priority)

    def reserve(self, run: Run, priority: int) -> None:
        """Count a run as live whose admission is being written."""
        self._leave(run.namespace, run.name)
        self._reserved.add((run.namespace, run.name))
        self._enter(run.namespace, run.name, _Entry(_place(run, priority), holds=True))

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
        own = self._entries.get(namespace, {}).get(run.name)
        mine = own.place if own else _place(run, priority)
        holds = own is not None and own.holds
        limited = self._limits.of_namespace(namespace) is not None
        ages = self._ages.get((namespace, deployment), ())
        return Slots(
            held=(len(self._holders.get((namespace, deployment), ())) - holds) if deployment else 0,
            ahead=bisect_left(self._queue(namespace, deployment), mine) if deployment else 0,
            newer=len(ages) - bisect_right(ages, mine.age) if replaces else 0,
            held_in_namespace=self._held.get(namespace, 0) - holds,
            ahead_in_namespace=self._eligible_before(namespace, mine) if limited else 0,
        )

    def counts(self, namespace: str, deployment: str) -> tuple[int, int]:
        """Give how many runs of a deployment hold a slot, and how many wait."""
        return len(self._holders.get((namespace, deployment), ())), len(self._queue(namespace, deployment))

    def next_in_line(self, namespace: str, deployment: str | None) -> Iterator[str]:
        """Name the runs that may come to their turn when a slot of the deployment, or of the namespace, is free."""
        yield from (place.name for place in self._queue(namespace, deployment)[:1])
        if self._limits.of_namespace(namespace) is not None:
            first = min((queue[0] for queue, count in self._eligible(namespace) if count), default=None)
            if first is not None:
                yield first.name

    def holders(self, namespace: str, deployment: str) -> tuple[str, ...]:
        """Name the runs of a deployment that hold a slot."""
        return tuple(self._holders.get((namespace, deployment), ()))

    def waiting(self, namespace: str, deployment: str) -> tuple[str, ...]:
        """Name the runs of a deployment that wait for a slot, in their order."""
        return tuple(place.name for place in self._queue(namespace, deployment))

    def newest_but(self, namespace: str, deployment: str, number: int) -> tuple[str, ...]:
        """Name the newest run but for `number` newer ones, of those of a deployment; none if there are no more."""
        return tuple(age.name for age in self._ages.get((namespace, deployment), ())[-number - 1 :][:-number])

    def _queue(self, namespace: str, deployment: str | None) -> list[_Place]:
        return self._queues.get(namespace, {}).get(deployment, [])

    def _enter(self, namespace: str, name: str, entry: _Entry) -> None:
        deployment = entry.deployment
        self._entries[namespace][name] = entry
        insort(self._ages[namespace, deployment], entry.place.age)
        if entry.holds:
            self._holders[namespace, deployment][name] = entry
            self._held[namespace] += 1
        else:
            insort(self._queues[namespace].setdefault(deployment, []), entry.place)

    def _leave(self, namespace: str, name: str) -> None:
        entry = self._entries.get(namespace, {}).pop(name, None)
        if entry is None:
            return
        both = namespace, entry.deployment
        _take(self._ages[both], entry.place.age)
        if entry.holds:
            del self._holders[both][name]
            self._held[namespace] -= 1
        else:
            _take(self._queues[namespace][entry.deployment], entry.place)
            _forget_empty(self._queues[namespace], entry.deployment)
        self._forget_names(namespace, both)

    def _forget_names(self, namespace: str, both: tuple[str, str | None]) -> None:
        """Drop what is empty: anybody may make up names of deployments, and none of them may stay."""
        _forget_empty(self._entries, namespace)
        _forget_empty(self._held, namespace)
        _forget_empty(self._queues, namespace)
        _forget_empty(self._ages, both)
        _forget_empty(self._holders, both)

    def _eligible_before(self, namespace: str, mine: _Place) -> int:
        return sum(min(count, bisect_left(queue, mine)) for queue, count in self._eligible(namespace))

    def _eligible(self, namespace: str) -> Iterator[tuple[list[_Place], int]]:
        """Give the queues, and of each how many are kept by no limit of their deployment."""
        for deployment, queue in self._queues.get(namespace, {}).items():
            limit = self._limits.of_deployment(namespace, deployment) if deployment else None
            held = len(self._holders.get((namespace, deployment), ()))
            yield queue, len(queue) if limit is None else max(0, min(len(queue), limit - held))


def _take(places: list[P], place: P) -> None:
    del places[bisect_left(places, place)]


def _forget_empty(table: dict[K, V], key: K) -> None:
    if key in table and not table[key]:
        del table[key]


def _place(run: Run, priority: int) -> _Place:
    own = run.spec.priority if run.spec.priority is not None else priority
    return _Place(-own, run.due, run.creation_time, run.name, run.deployment)
