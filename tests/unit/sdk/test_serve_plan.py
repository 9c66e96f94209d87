"""What `serve` starts at each look at the clock, with no clock."""

from datetime import UTC, datetime, timedelta

import pytest

from millstream.schedules import Cron, Interval, RRule
from millstream.serving._plan import MOST_MISSED, Due, begin, look

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
MINUTELY, QUARTERLY = Interval(60), Interval(900)


def after(**given):
    return NOON + timedelta(**given)


def looks(schedules, moments, free=5):
    """The decisions at these moments, from noon on."""
    plan = begin(schedules, NOON)
    decisions = []
    for moment in moments:
        decisions.append(look(schedules, plan, moment, free))
        plan = decisions[-1].plan
    return decisions


def started(decisions):
    return [due.tick for decision in decisions for due in decision.start]


class TestDue:
    def test_nothing_of_the_past(self):
        (decision,) = looks([MINUTELY], [NOON])
        assert (decision.start, decision.missed, decision.plan.next_tick) == ((), (), after(minutes=1))

    def test_at_the_second(self):
        early, late = looks([MINUTELY], [after(seconds=59, microseconds=999_999), after(minutes=1)])
        assert (early.start, late.start) == ((), (Due(after(minutes=1), 0),))

    def test_once(self):
        assert started(looks([MINUTELY], [after(minutes=1), after(minutes=1), after(seconds=61)])) == [
            after(minutes=1)
        ]

    def test_two_schedules_at_the_same_second_make_two_runs(self):
        decision = looks([QUARTERLY, MINUTELY], [after(minutes=15)])[-1]
        assert decision.start == (Due(after(minutes=15), 0), Due(after(minutes=15), 1))

    def test_a_day(self):
        """Each tick of a day fires once, however the looks lie."""
        moments = [NOON + timedelta(seconds=1.7 * step) for step in range(int(86_400 / 1.7) + 2)]
        decisions = looks([MINUTELY, Cron("30 6 * * *", timezone="Europe/Berlin")], moments)
        assert len(started(decisions)) == 1440 + 1
        assert len(set(started(decisions))) == 1440
        assert not any(decision.missed or decision.skipped for decision in decisions)

    @pytest.mark.parametrize("never", [Cron("0 0 30 2 *"), RRule("FREQ=DAILY;UNTIL=20200101")])
    def test_never(self, never):
        plan = looks([never], [after(days=400)])[-1].plan
        assert plan.next_tick is None

    def test_the_last_one(self):
        last = RRule("DTSTART:20260328T120000\nRRULE:FREQ=MINUTELY;COUNT=2")
        (decision,) = looks([last], [after(minutes=1)])
        assert (len(decision.start), decision.plan.next_tick) == (1, None)


class TestClockChanges:
    """In Berlin, clocks are put forward at 1:00 UTC of 29 March 2026."""

    def test_a_time_that_does_not_exist_fires_after_the_gap(self):
        half_past_two = Cron("30 2 * * *", timezone="Europe/Berlin")
        moments = [after(minutes=minutes) for minutes in range(0, 36 * 60, 10)]
        assert started(looks([half_past_two], moments)) == [datetime(2026, 3, 29, 1, tzinfo=UTC)]

    def test_a_time_that_comes_twice_fires_once(self):
        half_past_two = Cron("30 2 * * *", timezone="Europe/Berlin")
        start = datetime(2026, 10, 24, 12, tzinfo=UTC)
        plan, ticks = begin([half_past_two], start), []
        for minutes in range(0, 20 * 60, 10):
            decision = look([half_past_two], plan, start + timedelta(minutes=minutes), 5)
            plan = decision.plan
            ticks += [due.tick for due in decision.start]
        assert ticks == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


class TestMissed:
    def test_the_newest_runs_and_the_others_are_told(self):
        (decision,) = looks([MINUTELY], [after(minutes=4, seconds=30)])
        assert decision.start == (Due(after(minutes=4), 0),)
        assert decision.missed == (tuple(Due(after(minutes=minute), 0) for minute in (1, 2, 3)),)

    def test_they_do_not_come_again(self):
        decisions = looks([MINUTELY], [after(minutes=4), after(minutes=4, seconds=2), after(minutes=5)])
        assert started(decisions) == [after(minutes=4), after(minutes=5)]

    def test_a_late_one_alone_is_none_that_is_missed(self):
        (decision,) = looks([QUARTERLY], [after(minutes=29)])
        assert (decision.start, decision.missed) == ((Due(after(minutes=15), 0),), ())

    def test_there_is_a_bound(self):
        (decision,) = looks([Interval(1)], [after(days=3000)])
        assert len(decision.missed[0]) == MOST_MISSED
        assert decision.start == (Due(after(days=3000), 0),)


class TestSetBack:
    def test_nothing_fires_twice(self):
        moments = [after(minutes=minute) for minute in (1, 2, 3, 0, 1, 2, 3, 4)]
        assert started(looks([MINUTELY], moments)) == [after(minutes=minute) for minute in (1, 2, 3, 4)]

    def test_what_has_not_fired_fires_by_the_new_clock(self):
        """A clock that was years ahead when it began silences nothing."""
        moments = [after(days=-3000), after(days=-3000, minutes=15)]
        assert started(looks([QUARTERLY], moments)) == [after(days=-3000, minutes=15)]

    @pytest.mark.parametrize("schedule", [MINUTELY, Cron("* * * * *")])
    def test_a_jump_ahead_that_is_put_right_silences_nothing(self, schedule):
        moments = [after(days=365), after(minutes=1), after(minutes=1, seconds=-5), after(minutes=2)]
        decisions = looks([schedule], moments)
        assert started(decisions) == [after(days=365), after(minutes=2)]
        assert decisions[1].plan.next_tick == after(minutes=2)

    @pytest.mark.parametrize(("back", "ticks"), [(60, [60, 120]), (61, [60, 0, 60, 120])])
    def test_up_to_an_hour_nothing_fires_twice(self, back, ticks):
        moments = [after(minutes=60), after(minutes=60 - back), *(after(minutes=m) for m in (0, 60, 120))]
        assert started(looks([Interval(3600)], moments)) == [after(minutes=minute) for minute in ticks]

    def test_each_schedule_goes_by_its_own_last_tick(self):
        moments = [after(minutes=14), after(minutes=-16), after(minutes=-15), after(minutes=15)]
        decisions = looks([MINUTELY, QUARTERLY], moments)
        assert [decision.start for decision in decisions] == [
            (Due(after(minutes=14), 0),),
            (),
            (Due(after(minutes=-15), 1),),
            (Due(after(minutes=15), 0), Due(after(minutes=15), 1)),
        ]

    @pytest.mark.parametrize(
        ("seconds", "told"), [(1, None), (2, timedelta(seconds=2)), (3600, timedelta(hours=1))]
    )
    def test_it_is_told(self, seconds, told):
        _, decision = looks([MINUTELY], [after(seconds=30), after(seconds=30 - seconds)])
        assert decision.set_back == told


class TestLimit:
    def test_what_is_over_it_waits_in_the_order_of_the_ticks(self):
        schedules = [MINUTELY, MINUTELY, Interval(30)]
        plan = begin(schedules, NOON)
        first = look(schedules, plan, after(seconds=30), 0)
        second = look(schedules, first.plan, after(minutes=1), 2)
        assert second.start == (Due(after(seconds=30), 2), Due(after(minutes=1), 0))
        assert second.plan.waiting == (Due(after(minutes=1), 1),)
        third = look(schedules, second.plan, after(seconds=61), 1)
        assert (third.start, third.plan.waiting) == ((Due(after(minutes=1), 1),), ())

    def test_one_of_a_schedule_waits_and_the_next_is_skipped(self):
        one, two = looks([MINUTELY], [after(minutes=1), after(minutes=2)], free=0)
        assert (one.plan.waiting, one.skipped) == ((Due(after(minutes=1), 0),), ())
        assert (two.plan.waiting, two.skipped) == ((Due(after(minutes=1), 0),), (Due(after(minutes=2), 0),))

    def test_what_is_skipped_does_not_come_again(self):
        decisions = looks([MINUTELY], [after(minutes=1), after(minutes=2)], free=0)
        last = look([MINUTELY], decisions[-1].plan, after(minutes=2, seconds=1), 1)
        assert (last.start, last.plan.waiting) == ((Due(after(minutes=1), 0),), ())

    def test_what_waits_stays_when_the_clock_is_set_back(self):
        _, back = looks([MINUTELY], [after(minutes=1), after(minutes=-5)], free=0)
        assert back.plan.waiting == (Due(after(minutes=1), 0),)
