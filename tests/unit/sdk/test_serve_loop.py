"""The loop that serves, in a world where time goes on only while it sleeps, and with runs that are no processes."""

import logging
import signal
from datetime import UTC, datetime, timedelta

import pytest

from millstream import flow
from millstream.schedules import Cron, Interval, RRule
from millstream.serving._loop import Loop
from millstream.serving._options import serving
from millstream.serving._plan import MOST_MISSED, Due
from millstream.serving._runs import Run, Timing
from millstream.serving._words import missed, often, starting


@flow
def etl():
    """Load."""


class FakeRun(Run):
    def __init__(self, timing, tick):
        self.timing, self.tick = timing, tick
        self.went_well, self.outcome = True, "ended in state Completed"
        self.asked = []

    @property
    def title(self):
        return f"{self.timing.title}: the run"

    def stop(self):
        self.asked.append("stop")

    def kill(self):
        self.asked.append("kill")


class World:
    """What a loop sees: time that goes on by its sleep, and what happens at which second."""

    def __init__(self, still, schedules, limit=5):
        still.now = 1_800_000_000.0
        self.still, self.start = still, still.now
        self.happens = []  # (second, what comes), in order
        self.runs = []
        self.cannot = None
        deployment = etl.to_deployment("d", schedules=schedules)
        self.timings = [Timing(deployment, schedule, b"") for schedule in deployment.schedules]
        self.loop = Loop(self.timings, limit, self.receive, self.launch)

    def receive(self, seconds):
        if not self.happens:
            return next(iter(self.loop._running))
        due, what = self.happens[0]
        if self.start + due > self.still.now + seconds:
            self.still.sleep(seconds)
            return None
        self.still.now = max(self.still.now, self.start + due)
        del self.happens[0]
        return what() if callable(what) else what

    def launch(self, timing, tick):
        if self.cannot is not None:
            raise self.cannot
        self.runs.append(FakeRun(timing, tick))
        return self.runs[-1]

    def at(self, second, what):
        self.happens.append((second, what))
        return self

    def set_clock(self, seconds):
        def change():
            self.still.now += seconds
            self.start += seconds

        return change

    def run(self, until):
        """Go on until Ctrl-C; then the runs end one by one."""
        self.at(until, signal.SIGINT)
        self.loop.run()
        return self

    @property
    def seconds(self):
        return [run.tick.timestamp() - 1_800_000_000 for run in self.runs]


@pytest.fixture
def world(still, logs):
    def made(*schedules, **options):
        return World(still, schedules, **options)

    return made


def test_it_starts_at_each_tick(world, logs):
    assert world(Interval(20), limit=9).run(61).seconds == [20, 40, 60]
    started = [message for message in logs.messages if "started the run" in message]
    assert len(started) == 3
    assert started[0].startswith("d (every 20 seconds): started the run of ")
    assert "; next run " in started[0]


def test_it_sleeps_until_the_tick_and_never_long(world, still):
    world(Interval(5)).run(6)
    assert max(still.slept) == 2
    assert 1 in still.slept


def test_a_day(world):
    it = world(Interval(3600), limit=30).run(86_401)
    assert it.seconds == [3600 * hour for hour in range(1, 25)]


def test_a_clock_that_is_put_forward(world, logs):
    it = world(Interval(20), limit=9)
    it.at(10, it.set_clock(70)).run(35)
    assert it.seconds == [80, 100]
    assert next(m for m in logs.messages if "missed" in m).startswith(
        "d (every 20 seconds): missed 3 runs, from "
    )


def test_a_clock_that_is_put_back(world, logs):
    it = world(Interval(20), limit=9)
    it.at(30, it.set_clock(-25)).run(80)
    assert it.seconds == [20, 40]
    assert [m for m in logs.messages if m.endswith("s: what has run already does not run again.")]


def test_a_clock_that_jumps_ahead_and_is_put_right(world, logs):
    it = world(Interval(20), limit=9)
    day = 86_400
    it.at(30, it.set_clock(day)).at(32, it.set_clock(-day)).run(75)
    assert it.seconds == [20, day + 20, 40, 60]
    assert [m for m in logs.messages if m.endswith("s: the schedules go by it as it is now.")]


def test_over_the_limit(world, logs):
    it = world(Interval(20), limit=1)
    it.at(70, lambda: it.runs[0]).run(75)
    assert it.seconds == [20, 40]
    assert [m for m in logs.messages if "waits, 1 run already" in m]
    assert [m for m in logs.messages if "is left out, as the one before still waits" in m]


def test_what_waits_and_cannot_begin_any_more_is_told(world, logs):
    world(Interval(20), limit=1).run(45)
    assert [m for m in logs.messages if m.endswith("did not start")]


@pytest.mark.parametrize("error", [OSError("no room"), RuntimeError("can't start new thread")])
def test_no_room_for_a_process(world, logs, error):
    it = world(Interval(20))
    it.cannot = error
    it.run(45)
    assert len([m for m in logs.messages if f"could not be started ({error})" in m]) == 2


def test_how_a_run_ended(world, logs):
    it = world(Interval(20))

    def crash():
        it.runs[0].went_well, it.runs[0].outcome = False, "was killed by SIGSEGV"
        return it.runs[0]

    it.at(25, crash).run(30)
    record = next(record for record in logs.records if "SIGSEGV" in record.message)
    assert (record.levelno, record.message) == (
        logging.ERROR,
        "d (every 20 seconds): the run was killed by SIGSEGV",
    )


def test_it_ends_with_the_last_tick(world, logs, still):
    end = datetime.fromtimestamp(1_800_000_000, UTC) + timedelta(seconds=20)
    it = world(RRule(f"DTSTART:{end:%Y%m%dT%H%M%S}Z\nRRULE:FREQ=DAILY;COUNT=1"))
    it.at(50, lambda: it.runs[0])
    it.loop.run()
    assert (it.seconds, still.now) == ([20], it.start + 50)
    assert logs.messages[-1] == "Nothing is left to do: no schedule that is not paused has a further tick."


def test_a_signal_stops_the_runs(world, logs):
    it = world(Interval(20), limit=9).run(45)
    assert [run.asked for run in it.runs] == [["stop"], ["stop"]]
    assert "Ctrl-C: stopping; what runs (2) has 10 s to end, and another Ctrl-C kills it." in logs.messages


def test_a_signal_while_nothing_runs(world, logs):
    world(Interval(20)).run(5)
    assert logs.messages[-1] == "Ctrl-C: stopped, nothing was running."


def test_a_second_signal_kills(world):
    it = world(Interval(20)).at(25, signal.SIGTERM).at(25, signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        it.loop.run()
    assert (caught.value.code, it.runs[0].asked) == (128 + signal.SIGTERM, ["stop", "kill"])


def test_an_error_of_ours_leaves_no_run(world):
    it = world(Interval(20))
    it.at(25, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        it.loop.run()
    assert it.runs[0].asked == ["kill"]


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Interval(1), "every second"),
        (Interval(15), "every 15 seconds"),
        (Interval(3600), "every hour"),
        (Interval(90_061), "every 1 day 1 hour 1 minute 1 second"),
        (Interval(timedelta(days=2)), "every 2 days"),
        (Cron("0 18 L * *"), "at 18:00, on the last day of the month (cron 0 18 L * *, UTC)"),
        (
            Cron("*/15 9-17 * * *", timezone="Europe/Berlin"),
            "every 15 minutes, between 09:00 and 17:59 (cron */15 9-17 * * *, Europe/Berlin)",
        ),
        (Cron("@daily"), "cron @daily, UTC"),
        (Cron("0 0 */2 * 1"), "cron 0 0 */2 * 1, UTC"),  # which is both, where the library says either
        (
            RRule("DTSTART:20260101T000000\nRRULE:FREQ=DAILY"),
            "rrule DTSTART:20260101T000000 RRULE:FREQ=DAILY, UTC",
        ),
    ],
)
def test_words(schedule, words):
    assert often(schedule) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "missed the run of "),
        (2, "missed 2 runs, from "),
        (MOST_MISSED, "missed at least 100 runs, from "),
    ],
)
def test_words_for_what_was_missed(number, words):
    assert missed([Due(datetime(2026, 1, 1, tzinfo=UTC), 0)] * number).startswith(words)


def test_what_is_printed_at_the_start(world, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    __import__("time").tzset()
    it = world(Interval(3600), Cron("0 0 30 2 *", slug="never"))
    deployment = it.timings[0].deployment
    deployment.tags, deployment.version, deployment.description = ("a", "b"), "2", "First.\nSecond."
    other = etl.to_deployment("off", interval=60, paused=True)
    text = starting(serving([deployment, other], None, True, True, {}), it.timings, it.loop.plan)  # noqa: FBT003
    monkeypatch.undo()
    __import__("time").tzset()
    assert text.splitlines() == [
        "Serving 2 deployments, at most 5 runs at once. Ctrl-C stops.",
        "",
        "d (flow 'etl'; version 2; tags a, b)",
        "  First.",
        "  every hour",
        "    next run Fri 2027-01-15 10:00:00 CET",
        "  never: at 00:00, on day 30 of the month, only in February (cron 0 0 30 2 *, UTC)",
        "    no further run",
        "",
        "off (flow 'etl')",
        "  Load.",
        "  every minute",
        "    paused",
    ]
