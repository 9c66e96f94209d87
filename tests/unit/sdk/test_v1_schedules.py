"""Schedules of the declarative style: their times, runs on them, and what a FlowDeployment makes of them."""

import logging
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from millstream.resources.schedule_spec import ScheduleSpec
from millstream.v1 import Flow, Parameter, context, task
from millstream.v1.schedules import CronSchedule, IntervalSchedule, Schedule, clocks, filters
from millstream.v1.schedules.clocks import CronClock, DatesClock, IntervalClock

HOUR = timedelta(hours=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOON = at("2026-03-02T12:00:00")  # a Monday
BERLIN = datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
NAIVE = datetime(2026, 3, 2, 12, 20)  # noqa: DTZ001 - Prefect takes it for UTC


def times(schedule, n=3, after=NOON):
    return [f"{moment:%dT%H:%M:%S}" for moment in schedule.next(n, after)]


class TestTimes:
    @pytest.mark.parametrize(
        ("schedule", "expected"),
        [
            (IntervalSchedule(interval=HOUR), ["02T13:00:00", "02T14:00:00", "02T15:00:00"]),
            (IntervalSchedule(interval=timedelta(seconds=10)), ["02T12:00:10", "02T12:00:20", "02T12:00:30"]),
            (
                IntervalSchedule(NAIVE, HOUR),
                ["02T12:20:00", "02T13:20:00", "02T14:20:00"],
            ),
            (
                IntervalSchedule(at("2026-03-04T00:00:00.5"), HOUR),
                ["04T00:00:00", "04T01:00:00", "04T02:00:00"],
            ),
            (IntervalSchedule(interval=HOUR, end_date=at("2026-03-02T13:30")), ["02T13:00:00"]),
            (CronSchedule("30 6 * * *"), ["03T06:30:00", "04T06:30:00", "05T06:30:00"]),
            (
                CronSchedule("0 6 * * *", start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))),
                ["03T05:00:00", "04T05:00:00", "05T05:00:00"],
            ),
            (CronSchedule("0 6 * * *", at("2026-03-05"), at("2026-03-06")), ["05T06:00:00"]),
            (
                Schedule([DatesClock([at("2026-03-09"), at("2026-03-01"), at("2026-03-08")])]),
                ["08T00:00:00", "09T00:00:00"],
            ),
            (
                Schedule([IntervalClock(2 * HOUR), CronClock("0 * * * *")]),
                ["02T13:00:00", "02T14:00:00", "02T15:00:00"],
            ),
            (
                Schedule([CronClock("0 * * * *", parameter_defaults={"x": x}) for x in (1, 2, 1)]),
                ["02T13:00:00", "02T13:00:00", "02T14:00:00"],
            ),
            (
                Schedule([IntervalClock(HOUR)], [filters.at_time(time(3))]),
                ["03T03:00:00", "04T03:00:00", "05T03:00:00"],
            ),
            (
                Schedule([IntervalClock(24 * HOUR)], not_filters=[filters.is_weekday]),
                ["07T00:00:00", "08T00:00:00", "14T00:00:00"],
            ),
            (
                Schedule(
                    [IntervalClock(24 * HOUR)], or_filters=[filters.is_month_start, filters.is_month_end]
                ),
                ["31T00:00:00", "01T00:00:00", "30T00:00:00"],
            ),
            (Schedule([IntervalClock(24 * HOUR)], [lambda _: False]), []),
            (
                Schedule([IntervalClock(24 * HOUR)], [filters.on_date(2, 29)]),
                ["29T00:00:00", "29T00:00:00", "29T00:00:00"],
            ),
            (
                Schedule([IntervalClock(timedelta(seconds=4))], [filters.is_month_start]),
                ["01T00:00:00", "01T00:00:04", "01T00:00:08"],
            ),
            (Schedule([DatesClock([at("2051-01-01")])]), ["01T00:00:00"]),
            (
                Schedule([CronClock("30 0 * * *", BERLIN)], [filters.is_day_of_week(1)]),
                ["08T23:30:00", "15T23:30:00", "22T23:30:00"],
            ),
            (
                Schedule([IntervalClock(HOUR, BERLIN), IntervalClock(HOUR)], [filters.at_time(time(0))]),
                ["02T23:00:00", "03T00:00:00", "03T23:00:00"],
            ),
            (Schedule([DatesClock([BERLIN + 99 * 24 * HOUR])], [filters.at_time(time(0))]), ["09T22:00:00"]),
        ],
    )
    def test_next(self, schedule, expected):
        assert times(schedule) == expected

    @pytest.mark.usefixtures("still")
    def test_now(self):
        schedule = IntervalSchedule(interval=HOUR)
        assert [moment.timestamp() % 3600 for moment in schedule.next(2)] == [0, 0]
        assert schedule.next(1, NAIVE) == schedule.next(1, at("2026-03-02T12:20:00"))

    def test_events(self):
        schedule = Schedule([IntervalClock(HOUR, parameter_defaults={"x": 1}), CronClock("30 * * * *")])
        events = schedule.next(2, NOON, return_events=True)
        assert [(event.start_time.minute, event.parameter_defaults) for event in events] == [
            (30, {}),
            (0, {"x": 1}),
        ]

    @pytest.mark.parametrize(
        ("one", "moments"),
        [
            (filters.on_datetime(NOON), {"2026-03-02T12:00"}),
            (filters.on_date(3, 7), {"2026-03-07T01:00"}),
            (filters.between_datetimes(NOON, at("2026-03-05")), {"2026-03-02T12:00"}),
            (filters.between_dates(3, 5, 3, 8), {"2026-03-07T01:00"}),
            (filters.between_dates(12, 1, 3, 5), {"2026-03-02T12:00", "2026-12-31T23:00"}),
            (filters.between_times(time(11), time(13)), {"2026-03-02T12:00"}),
            (filters.between_times(time(22), time(2)), {"2026-03-07T01:00", "2026-12-31T23:00"}),
            (filters.is_day_of_week(6), {"2026-03-07T01:00"}),
            (filters.is_weekday, {"2026-03-02T12:00", "2026-12-31T23:00"}),
            (filters.is_weekend, {"2026-03-07T01:00"}),
            (filters.is_month_end, {"2026-12-31T23:00"}),
            (filters.is_year_end, {"2026-12-31T23:00"}),
            (filters.is_month_start, set()),
        ],
    )
    def test_filters(self, one, moments):
        given = {"2026-03-02T12:00", "2026-03-07T01:00", "2026-12-31T23:00"}
        assert {moment for moment in given if one(at(moment))} == moments

    @pytest.mark.parametrize(
        ("make", "error", "words"),
        [
            (IntervalSchedule, TypeError, "IntervalSchedule takes an interval"),
            (lambda: IntervalSchedule(interval=5), TypeError, "interval is a timedelta"),
            (lambda: IntervalSchedule(interval=timedelta()), ValueError, "whole seconds, from 1 second"),
            (lambda: CronSchedule("nope"), ValueError, "cron expression 'nope' has 1 fields"),
            (lambda: CronSchedule("* * * * *", start_date="now"), TypeError, "start_date is a datetime"),
            (
                lambda: CronSchedule("* * * * *", datetime.fromisoformat("2026-01-01T00:00+02:00")),
                ValueError,
                "has the zone UTC.02:00, which has no name",
            ),
            (lambda: CronClock("* * * * *", day_or=True), TypeError, "CronClock has no day_or"),
            (lambda: CronClock("* * * * *", labels=["a"]), TypeError, "no labels here: leave them out"),
            (lambda: DatesClock([]), ValueError, "at least one date"),
            (lambda: Schedule([]), ValueError, "at least one clock"),
            (lambda: Schedule(["* * * * *"]), TypeError, "A Schedule has clocks"),
            (
                lambda: Schedule([CronClock("* * * * *")], [1]),
                TypeError,
                "filters is a list of functions of a time",
            ),
            (lambda: clocks.RRuleClock, ImportError, "RRuleClock: use CronClock, or rrule"),
        ],
    )
    def test_refused(self, make, error, words):
        with pytest.raises(error, match=words):
            make()


class Night:
    """A flow on a schedule, and Ctrl-C after so many seconds."""

    def __init__(self, still, schedule, until=1_000_000):
        self.still = still
        self.end = still.now + until
        self.runs = []
        self.answer = None
        still.while_asleep = self.asleep
        with Flow("f", schedule=schedule) as self.flow:
            note = task(self.note, name="note")
            note(Parameter("x", default=0))

    def note(self, x):
        self.runs.append((self.still.now, context.scheduled_start_time.timestamp(), x))

    def asleep(self):
        if self.still.now > self.end:
            raise KeyboardInterrupt


def set_clock(night, seconds):
    """Set the clock by so many seconds after the first nap, the second one, and so on."""
    steps = iter(seconds)

    def asleep():
        night.still.now += next(steps, 0)
        night.asleep()

    night.still.while_asleep = asleep


class TestRuns:
    def test_until_ctrl_c(self, still, logs):
        logs.set_level(logging.INFO)
        night = Night(still, IntervalSchedule(interval=timedelta(seconds=60)), until=150)
        state = night.flow.run()
        assert state.is_successful()
        assert night.runs == [(1_700_000_040, 1_700_000_040, 0), (1_700_000_100, 1_700_000_100, 0)]
        lines = [r.getMessage() for r in logs.records if r.name == "millstream.v1"]
        assert lines == [
            "Waiting for the next scheduled run at 2023-11-14T22:14:00+00:00",
            "Waiting for the next scheduled run at 2023-11-14T22:15:00+00:00",
            "Waiting for the next scheduled run at 2023-11-14T22:16:00+00:00",
            "Stopped by Ctrl-C: flow 'f' has no further runs.",
        ]

    def test_until_its_end(self, still):
        dates = [datetime.fromtimestamp(still.now + seconds, UTC) for seconds in (-5, 5, 9)]
        night = Night(still, Schedule([DatesClock(dates, {"x": 7})]))
        assert night.flow.run(x=1).is_successful()
        assert [x for _, _, x in night.runs] == [7, 7]
        with pytest.raises(ValueError, match="The schedule of flow 'f' has no time left: see its end_date"):
            night.flow.run()

    def test_ctrl_c_in_a_run(self, still):
        night = Night(still, IntervalSchedule(interval=HOUR))

        def interrupt():
            raise KeyboardInterrupt

        with night.flow:
            task(interrupt)()
        assert night.flow.run().is_pending()

    def test_a_clock_that_is_put_back(self, still):
        night = Night(still, IntervalSchedule(interval=HOUR), until=3000)
        set_clock(night, [-600])
        night.flow.run()
        assert night.runs == [(1_700_002_800, 1_700_002_800, 0)]

    def test_a_clock_that_is_put_back_in_a_run_fires_nothing_twice(self, still):
        night = Night(still, IntervalSchedule(interval=timedelta(seconds=60)), until=150)
        put_back = iter([2, 0])
        with night.flow:
            task(lambda: setattr(still, "now", still.now - next(put_back)), name="back")()
        night.flow.run()
        assert [due for _, due, _ in night.runs] == [1_700_000_040, 1_700_000_100]

    def test_a_clock_that_jumps_ahead_and_is_put_right(self, still):
        year = 31_536_000
        night = Night(still, IntervalSchedule(interval=timedelta(seconds=60)), until=2 * year)
        set_clock(night, [year, 0, -year])

        def end():
            if len(night.runs) > 1:
                raise KeyboardInterrupt

        with night.flow:
            task(end)()
        night.flow.run()
        assert [due for _, due, _ in night.runs] == [1_700_000_040, 1_700_000_100]

    def test_it_sleeps_until_the_time_and_never_long(self, still):
        Night(still, IntervalSchedule(interval=timedelta(seconds=45)), until=100).flow.run()
        assert max(still.slept) == 2
        assert 1 in still.slept

    def test_two_clocks_at_the_same_time(self, still):
        hourly = [CronClock("0 * * * *", parameter_defaults={"x": x}) for x in (1, 2, 1)]
        night = Night(still, Schedule(hourly), until=3000)
        night.flow.run()
        assert [x for _, _, x in night.runs] == [1, 2]

    def test_what_a_long_run_missed_is_left_out(self, still):
        night = Night(still, IntervalSchedule(interval=timedelta(seconds=60)), until=380)
        with night.flow:
            task(lambda: setattr(still, "now", still.now + 150), name="long")()
        night.flow.run()
        assert [due for _, due, _ in night.runs] == [1_700_000_040, 1_700_000_220]

    def test_failures_do_not_end_it(self, still):
        night = Night(still, IntervalSchedule(interval=HOUR), until=7000)
        with night.flow:
            task(lambda: 1 / 0, name="bad")()
        assert night.flow.run().is_failed()
        assert len(night.runs) == 2

    def test_once(self, still):
        night = Night(still, IntervalSchedule(interval=HOUR))
        assert night.flow.run(run_on_schedule=False).is_successful()
        assert still.slept == []

    @pytest.mark.parametrize("others", [[], [IntervalClock(timedelta(seconds=60))]])
    def test_wrong_parameters_of_a_clock(self, still, others):
        night = Night(still, Schedule([*others, IntervalClock(HOUR, parameter_defaults={"y": 1})]))
        with pytest.raises(ValueError, match="unknown 'y'"):
            night.flow.run()
        assert still.slept == []

    def test_required_by_the_flow_and_given_by_the_clock(self, still):
        with Flow(
            "f", schedule=Schedule([DatesClock([datetime.fromtimestamp(still.now + 1, UTC)], {"p": 3})])
        ) as flow:
            x = Parameter("p")()
        assert flow.run().result[x].result == 3


class TestDeployments:
    def test_entries(self):
        schedule = Schedule(
            [
                IntervalClock(timedelta(minutes=5), start_date=NAIVE, parameter_defaults={"x": 1}),
                CronClock("0 6 * * *", start_date=datetime(2019, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))),
            ]
        )
        entries = Flow("f", schedule=schedule).deployment_schedules()
        assert entries == [
            {
                "name": "interval-1",
                "interval": 300,
                "anchor": "2026-03-02T12:20:00+00:00",
                "parameters": {"x": 1},
            },
            {"name": "cron-2", "cron": "0 6 * * *", "timeZone": "Europe/Berlin"},
        ]
        for entry in entries:
            ScheduleSpec.model_validate(entry)

    def test_none(self):
        assert Flow("f").deployment_schedules() == []

    def test_what_cannot_be_said_there(self, still):
        later = datetime.fromtimestamp(still.now + 1, UTC)
        schedule = Schedule(
            [
                IntervalClock(HOUR, end_date=later),
                CronClock("0 6 * * *", start_date=later),
                DatesClock([later]),
            ],
            filters=[filters.is_weekday],
        )
        with pytest.raises(ValueError, match="A FlowDeployment cannot have this schedule") as caught:
            Flow("f", schedule=schedule).deployment_schedules()
        for word in ("end_date of IntervalClock", "start_date of CronClock", "DatesClock", "filters"):
            assert word in str(caught.value)
