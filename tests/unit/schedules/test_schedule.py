import copy
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from millstream.schedules import Cron, Interval, InvalidScheduleError, RRule, Schedule

NOW = datetime(2026, 7, 1, tzinfo=UTC)
NAIVE = datetime(2026, 7, 1)  # noqa: DTZ001
EACH = [
    Cron("0 * * * *", timezone="Europe/Berlin"),
    Interval(3600, timezone="Europe/Berlin"),
    RRule("FREQ=HOURLY", timezone="Europe/Berlin"),
]
every_kind = pytest.mark.parametrize("schedule", EACH, ids=lambda schedule: type(schedule).__name__)


@every_kind
def test_is_a_value(schedule):
    assert isinstance(schedule, Schedule)
    assert copy.deepcopy(schedule) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule  # noqa: S301
    assert pickle.loads(pickle.dumps(schedule)).next(NOW) == schedule.next(NOW)  # noqa: S301
    assert len({*EACH, schedule}) == len(EACH)
    assert not hasattr(schedule, "__dict__")
    with pytest.raises(AttributeError):
        schedule.timezone = "UTC"


@every_kind
def test_ticks_do_not_depend_on_the_zone_of_the_question(schedule):
    hour = timedelta(hours=1)
    expected = [NOW + hour, NOW + 2 * hour]
    for offset in (-12, 0, 5, 14):
        after = NOW.astimezone(datetime.strptime(f"{offset:+03d}00", "%z").tzinfo)
        assert schedule.next(after, 2) == expected
        assert schedule.latest(after, after + 2 * hour, 2) == expected
        assert {tick.tzinfo for tick in schedule.next(after, 2)} == {UTC}


@every_kind
def test_how_many(schedule):
    hour = timedelta(hours=1)
    assert schedule.next(NOW) == [NOW + hour]
    assert schedule.next(NOW, 0) == []
    assert schedule.latest(NOW - 9 * hour, NOW, 0) == []
    assert schedule.latest(NOW - 9 * hour, NOW, 2) == [NOW - hour, NOW]
    assert len(schedule.latest(NOW - 9 * hour, NOW, 100)) == 9
    assert schedule.latest(NOW, NOW, 1) == []
    assert schedule.latest(NOW, NOW - 9 * hour, 1) == []
    for ask in (lambda: schedule.next(NOW, -1), lambda: schedule.latest(NOW, NOW, -1)):
        with pytest.raises(ValueError, match="n is the number of ticks"):
            ask()


@every_kind
def test_times_without_a_zone_are_refused(schedule):
    for name, ask in [
        ("after", lambda: schedule.next(NAIVE)),
        ("after", lambda: schedule.latest(NAIVE, NOW, 1)),
        ("until", lambda: schedule.latest(NOW, NAIVE, 1)),
    ]:
        with pytest.raises(ValueError, match=f"{name} must have a time zone"):
            ask()


@every_kind
@pytest.mark.parametrize("offset", [-12, 0, 12])
def test_the_ends_of_time(schedule, offset):
    zone = datetime.strptime(f"{offset:+03d}00", "%z").tzinfo
    first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
    assert schedule.next(first)[0].year >= 1970
    assert schedule.next(last, 3) == []
    assert [tick.year for tick in schedule.latest(first, last, 1)] == [2149]
    assert schedule.latest(last, last, 3) == []
    assert schedule.latest(first, first, 3) == []


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        ("Europe/Berln", "there is no timezone 'Europe/Berln': did you mean Europe/Berlin"),
        ("europe/berlin", r"did you mean Europe/Berlin\?"),
        ("Berlin", r"did you mean Europe/Berlin\?"),
        ("new york", r"did you mean America/New_York\?"),
        ("Mars/Olympus", "give an IANA name such as Europe/Berlin, or UTC"),
        ("+02:00", "give an IANA name"),
        ("../../etc/passwd", "give an IANA name"),
        ("/etc/localtime", "give an IANA name"),
        ("right/UTC", "there is no timezone"),
        ("Europe", "there is no timezone"),
        ("a\0b", "there is no timezone"),
        ("", "give an IANA name"),
        ("x" * 100_000, "there is no timezone 'x{64}'"),
        (None, "must be an IANA name such as Europe/Berlin, not None"),
        (["UTC"], "must be an IANA name"),
    ],
)
@pytest.mark.parametrize(
    "make", [lambda zone: Cron("@daily", zone), lambda zone: Interval(60, None, zone), lambda zone: RRule("FREQ=DAILY", zone)]
)  # fmt: skip
def test_unknown_zones_are_refused(make, zone, message):
    with pytest.raises(InvalidScheduleError, match=message):
        make(zone)


def test_what_reads_expressions_is_imported_when_one_is_read():
    program = "import sys, millstream.schedules; assert not {'cronsim', 'dateutil', 'pydantic', 'difflib'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", program], check=True)
