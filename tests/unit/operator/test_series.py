from itertools import pairwise

import pytest

from millstream_operator.series import Series, SeriesBook

FAILED = Series.of("millstream_flow_runs_finished_total", ("team", "etl", "Failed"))
DURATION = Series.of("millstream_flow_run_duration_seconds", ("team", "etl"))


class Counted:
    """A counter, and the operators that show it, each with a book of its own."""

    def __init__(self, seconds=120):
        self.time, self.seconds = 0, seconds
        self.start()

    def start(self):
        self.book, self.value = SeriesBook(10, self.seconds, lambda: self.time), 0

    def add(self, number):
        assert self.book.enter(FAILED)
        self.value += number

    def shown(self):
        """Give what is shown; None if there is no such series."""
        zero, gone = self.book.show()
        if gone or FAILED not in self.book.of(("team", "etl")):
            return None
        return 0 if FAILED in zero else self.value


def increase(samples):
    """Say what Prometheus knows was added: nothing before the first sample, all of the value after a fall."""
    known = [sample for sample in samples if sample is not None]
    return sum(new - old if new >= old else new for old, new in pairwise(known))


@pytest.mark.parametrize("interval", [15, 30, 60])
@pytest.mark.parametrize("offset", [0, 14, 29, 59])
@pytest.mark.parametrize("other", [15, 60])
def test_each_of_two_who_scrape_sees_every_increase_also_after_a_restart(interval, offset, other):
    counted, seen = Counted(), ([], [])
    for counted.time in range(1000):
        if counted.time == 3:
            counted.add(2)  # the first sight of it
        if counted.time == 300:
            counted.add(1)
        if counted.time == 420:
            counted.start()  # another process, with the same labels
            counted.add(3)  # what had happened meanwhile; the same figure as before
        if counted.time == 700:
            counted.book.leave([FAILED])
        for samples, every, begin in ((seen[0], interval, offset), (seen[1], other, 7)):
            if counted.time % every == begin % every:
                samples.append(counted.shown())
    assert [increase(samples) for samples in seen] == [6, 6]
    assert [samples[-1] for samples in seen] == [None, None]


def test_what_dies_before_it_was_shown_as_it_is_was_not_counted_twice():
    counted, seen = Counted(), []
    for counted.time in range(0, 600, 15):
        if counted.time in {0, 105}:
            counted.start()
            counted.add(1)
        seen.append(counted.shown())
    assert increase(seen) == 1


def test_it_stays_while_those_who_look_may_come_late():
    counted = Counted()
    counted.add(1)
    counted.book.leave([FAILED])
    counted.time = 10_000
    assert [counted.shown(), counted.shown()] == [0, 0]
    counted.time += 120
    assert counted.shown() == 1
    counted.time += 120
    assert counted.shown() is None


def test_where_nobody_looks_everything_goes_with_its_owner():
    counted, other = Counted(), DURATION
    counted.add(1)
    counted.book.enter(other)
    assert counted.book.leave([FAILED]) == []
    counted.time = 720
    assert counted.book.leave([]) == []
    counted.time = 721
    assert counted.book.leave([other]) == [FAILED, other]
    assert counted.book.show() == (frozenset(), [])
    counted.add(1)
    assert counted.book.leave([FAILED]) == []  # somebody has just looked


@pytest.mark.parametrize("looks", [0, 1])
def test_what_has_counted_nothing_goes_at_once(looks):
    book = SeriesBook(1, 120, lambda: 0.0)
    assert book.begin(FAILED)
    assert not book.begin(FAILED._replace(labels=()))
    for _ in range(looks):
        book.show()
    assert book.leave([FAILED]) == [FAILED]
    assert book.show() == (frozenset(), [])


def test_what_begins_again_has_still_counted():
    counted = Counted()
    counted.book.begin(FAILED)
    counted.add(1)
    counted.book.begin(FAILED)
    assert counted.book.leave([FAILED]) == []


def test_a_metric_has_no_more_series_than_it_may_whoever_they_are_of():
    book = SeriesBook(2 * len(range(17)), 0, lambda: 0.0)
    names = [Series.of(DURATION.metric, ("team", f"d{number}")) for number in range(3)]
    assert [book.enter(series) for series in names] == [True, True, False]
    assert [book.enter(series) for series in names] == [True, True, False]
    assert not list(book.of(("team", "d2")))
    book.leave(names[:1])
    for _ in range(2):
        book.show()
    assert book.enter(names[2])


def test_what_is_entered_again_does_not_leave():
    counted = Counted(seconds=0)
    counted.add(1)
    counted.book.leave([FAILED])
    counted.add(1)
    assert [counted.shown() for _ in range(3)] == [2, 2, 2]


def test_a_kind_is_there_as_long_as_one_of_its_series():
    series = Series.of("millstream_user_counter_total", ("team", "etl", "rows"), {"table": "a"})
    book = SeriesBook(10, 0, lambda: 0.0)
    book.enter(series)
    assert book.has(series.kind)
    book.leave([series])
    book.show()
    assert book.show() == (frozenset(), [series])
    assert not book.has(series.kind)
