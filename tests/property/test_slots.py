"""The book of slots against one that is made anew for each question."""

from bisect import bisect_left

from builders import NAMESPACE, after, make_run, make_status
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run
from millstream_operator.slots import Limits, SlotBook

NAMES = [f"r{number}" for number in range(8)]
STATES = {
    "new": (None, False, False),
    "waits": (make_status(RunState.QUEUED, Reason.CONCURRENCY_LIMIT, attempt=0), False, True),
    "holds": (make_status(RunState.RUNNING), True, False),
    "final": (make_status(RunState.COMPLETED), False, False),
}


@st.composite
def runs(draw):
    status, _, _ = STATES[draw(st.sampled_from(sorted(STATES)))]
    priority = draw(st.sampled_from([None, None, 1, 2]))
    run = make_run(
        draw(st.sampled_from(NAMES)),
        deployment=draw(st.sampled_from(["one", "two", "free"])),
        status=status,
        created=after(draw(st.integers(0, 3))),
        **({} if priority is None else {"priority": priority}),
    )
    return Run.from_object(run)


class Oracle:
    """Knows each run that is entered with the priority of its deployment then, and whether it holds a slot."""

    def __init__(self):
        self.entries = {}
        self.reserved = set()

    def add(self, run, priority):
        if run.holds_slot or run.waits_for_slot:
            self.entries[run.name] = (run, priority, run.holds_slot)

    def discard(self, name):
        self.entries.pop(name, None)
        self.reserved.discard(name)

    def place(self, name):
        run, priority, _ = self.entries[name]
        own = run.spec.priority if run.spec.priority is not None else priority
        return (-own, run.due, run.creation_time, run.name)

    def of(self, deployment, *, holds):
        return sorted(
            (self.place(name), name)
            for name, (run, _, held) in self.entries.items()
            if held == holds and deployment in {None, run.deployment}
        )

    def eligible(self, limits):
        found = []
        for deployment in ("one", "two", "free"):
            waiting = self.of(deployment, holds=False)
            limit = limits.get(deployment)
            held = len(self.of(deployment, holds=True))
            found += waiting if limit is None else waiting[: max(0, limit - held)]
        return sorted(found)


def compare(book, oracle, limits, within):
    for deployment in ("one", "two", "free"):
        waiting = oracle.of(deployment, holds=False)
        holders = oracle.of(deployment, holds=True)
        assert book.counts(NAMESPACE, deployment) == (len(holders), len(waiting))
        assert list(book.waiting(NAMESPACE, deployment)) == [name for _, name in waiting]
        assert sorted(book.holders(NAMESPACE, deployment)) == sorted(name for _, name in holders)
        eligible = oracle.eligible(limits) if within is not None else []
        following = [name for _, name in (*waiting[:1], *eligible[:1])]
        assert list(book.next_in_line(NAMESPACE, deployment)) == following
        ages = sorted(place[1:] for place, _ in (*waiting, *holders))
        for number in (1, 2):
            expected = [ages[-number - 1][-1]] if len(ages) > number else []
            assert list(book.newest_but(NAMESPACE, deployment, number)) == expected
    for name, (run, _, holds) in oracle.entries.items():
        found = book.observe(run, 0, replaces=True)
        place, waiting = oracle.place(name), oracle.of(run.deployment, holds=False)
        held = oracle.of(run.deployment, holds=True)
        assert found.held == len(held) - holds
        assert found.ahead == bisect_left(waiting, (place, name))
        assert found.newer == sum(other[1:] > place[1:] for other, _ in (*waiting, *held))
        assert found.held_in_namespace == len(oracle.of(None, holds=True)) - holds
        if within is not None:
            assert found.ahead_in_namespace == bisect_left(oracle.eligible(limits), (place, name))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["put", "put", "discard", "reserve", "unreserve", "move"]), runs())),
    st.fixed_dictionaries({"one": st.sampled_from([1, 2]), "two": st.sampled_from([None, 1])}),
    st.sampled_from([None, 1, 3]),
    st.lists(st.integers(-1, 1), min_size=3, max_size=3),
)
def test_the_book_says_what_counting_gives(steps, limits, within, priorities):
    book = SlotBook(Limits(lambda _, deployment: limits.get(deployment), lambda _: within))
    oracle = Oracle()
    known = {}
    for number, (what, run) in enumerate(steps):
        priority = priorities[number % 3]
        if what == "put":
            book.discard(NAMESPACE, run.name)
            oracle.discard(run.name)
            book.add(run, priority)
            oracle.add(run, priority)
            known[run.name] = run
        elif what == "discard":
            assert book.discard(NAMESPACE, run.name) == (run.name in oracle.reserved)
            oracle.discard(run.name)
            known.pop(run.name, None)
        elif (own := known.get(run.name)) is None:
            continue
        elif what == "reserve" and own.live:
            book.reserve(own, priority)
            oracle.entries[own.name] = (own, priority, True)
            oracle.reserved.add(own.name)
        elif what == "unreserve":
            assert book.unreserve(own, priority) == (own.name in oracle.reserved)
            if own.name in oracle.reserved:
                oracle.discard(own.name)
                oracle.add(own, priority)
        elif what == "move" and own.waits_for_slot and own.name not in oracle.reserved:
            book.move(own, priority)
            oracle.add(own, priority)
        compare(book, oracle, limits, within)
