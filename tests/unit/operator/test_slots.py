import pytest
from builders import NAMESPACE, after, make_run, make_status, text

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run
from millstream_operator.slots import Limits, SlotBook


def book(limits=None, within=None):
    limits = limits or {}
    return SlotBook(Limits(lambda _, deployment: limits.get(deployment), lambda _: within))


def waiting(name, *, priority=None, due=0, created=0, deployment="etl"):
    spec = {"scheduledTime": text(after(due))} if due is not None else {}
    spec |= {} if priority is None else {"priority": priority}
    status = make_status(RunState.QUEUED, Reason.CONCURRENCY_LIMIT, attempt=0)
    run = make_run(name, deployment=deployment, status=status, created=after(created), **spec)
    return Run.from_object(run)


def holding(name, **more):
    run = make_run(name, status=make_status(RunState.RUNNING, run=name), **more)
    return Run.from_object(run)


def test_the_order_of_those_that_wait():
    runs = [
        waiting("urgent", priority=9, due=99, created=99),
        waiting("of its own priority", priority=1, due=50),
        waiting("a", due=0, created=0),
        waiting("b", due=0, created=0),
        waiting("made later", due=0, created=1),
        waiting("due later", due=1, created=0),
        waiting("last", priority=-1),
    ]
    slots = book()
    for run in reversed(runs):
        slots.add(run, 0)
    assert slots.waiting(NAMESPACE, "etl") == tuple(run.name for run in runs)
    assert [slots.observe(run, 0, replaces=False).ahead for run in runs] == list(range(7))


def test_without_a_time_it_is_due_when_it_is_made():
    slots = book()
    slots.add(waiting("later", due=None, created=5), 0)
    slots.add(waiting("sooner", due=4, created=9), 0)
    assert slots.waiting(NAMESPACE, "etl") == ("sooner", "later")


def test_a_late_urgent_run_overtakes_fifty_that_wait():
    slots = book({"etl": 1})
    slots.add(holding("running"), 0)
    queued = [waiting(f"queued-{number:02}") for number in range(50)]
    for run in queued:
        slots.add(run, 0)
    urgent = waiting("urgent", priority=1, due=999, created=999)
    slots.add(urgent, 0)
    assert slots.observe(urgent, 0, replaces=False).ahead == 0
    assert [slots.observe(run, 0, replaces=False).ahead for run in queued] == list(range(1, 51))
    assert next(slots.next_in_line(NAMESPACE, "etl")) == "urgent"


def test_a_run_does_not_count_itself():
    slots = book({"etl": 1}, within=1)
    run = holding("etl-1")
    slots.add(run, 0)
    found = slots.observe(run, 0, replaces=True)
    assert (found.held, found.held_in_namespace, found.newer, found.ahead) == (0, 0, 0, 0)


def test_a_run_does_not_stand_before_itself_when_its_deployment_is_gone():
    slots = book(within=1)
    run = waiting("etl-1")
    slots.add(run, 5)
    found = slots.observe(run, 0, replaces=False)  # of a deployment that is not there there is no priority
    assert (found.ahead, found.ahead_in_namespace) == (0, 0)


def test_a_reserved_slot_counts_until_it_is_given_back():
    slots = book({"etl": 1})
    first, second = waiting("first"), waiting("second")
    for run in (first, second):
        slots.add(run, 0)
    slots.reserve(first, 0)
    assert slots.counts(NAMESPACE, "etl") == (1, 1)
    assert slots.observe(second, 0, replaces=False).held == 1
    assert slots.unreserve(first, 0)
    assert not slots.unreserve(first, 0)
    assert slots.counts(NAMESPACE, "etl") == (0, 2)
    slots.reserve(first, 0)
    assert slots.discard(NAMESPACE, "first")
    assert not slots.discard(NAMESPACE, "first")
    assert slots.counts(NAMESPACE, "etl") == (0, 1)


def test_a_new_run_that_had_a_slot_reserved_leaves_nothing_behind():
    slots = book()
    run = Run.from_object(make_run())
    slots.reserve(run, 0)
    assert slots.unreserve(run, 0)
    assert slots.counts(NAMESPACE, "etl") == (0, 0)


@pytest.mark.parametrize(
    ("limits", "within", "eligible"),
    [({"one": 0}, 9, "two-0"), ({"one": 9}, 9, "one-0"), ({"one": 0, "two": 0}, 9, None), ({}, None, None)],
)
def test_who_is_next_in_the_namespace(limits, within, eligible):
    slots = book(limits, within)
    for name in ("one", "two"):
        for number in range(3):
            slots.add(waiting(f"{name}-{number}", deployment=name), 0)
    assert list(slots.next_in_line(NAMESPACE, None)) == ([eligible] if eligible else [])
    assert next(slots.next_in_line(NAMESPACE, "two")) == "two-0"


def test_those_that_their_deployment_keeps_hold_up_no_other():
    slots = book({"one": 2}, within=3)
    slots.add(holding("live", deployment="one"), 0)
    for number in range(5):
        slots.add(waiting(f"one-{number}", deployment="one"), 0)
    other = waiting("two-0", due=9, deployment="two")
    slots.add(other, 0)
    found = slots.observe(other, 0, replaces=False)
    assert (found.held_in_namespace, found.ahead_in_namespace) == (1, 1)


def test_whom_the_newest_replace():
    slots = book({"etl": 2})
    runs = [holding("a", created=after(1)), waiting("b", due=2), holding("c", created=after(3))]
    assert slots.newest_but(NAMESPACE, "etl", 2) == ()
    for run in runs:
        slots.add(run, 0)
    assert [slots.observe(run, 0, replaces=True).newer for run in runs] == [2, 1, 0]
    assert slots.observe(runs[0], 0, replaces=False).newer == 0
    assert slots.newest_but(NAMESPACE, "etl", 2) == ("a",)
    assert slots.newest_but(NAMESPACE, "etl", 1) == ("b",)
    assert slots.newest_but(NAMESPACE, "etl", 3) == ()


def test_names_that_are_gone_leave_nothing_behind():
    slots = book(within=9)
    before = sizes(slots)
    for number in range(3):
        for run in (holding("a", deployment=f"d{number}"), waiting("b", deployment=f"d{number}")):
            slots.add(run, 0)
            slots.observe(run, 0, replaces=True)
            slots.discard(NAMESPACE, run.name)
    slots.observe(waiting("c", deployment="unseen"), 0, replaces=True)
    assert sizes(slots) == before


def sizes(slots):
    tables = (value for value in vars(slots).values() if isinstance(value, dict))
    return [len(table) for table in tables]
