from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from millstream.schedules import Interval, InvalidScheduleError


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("every", "anchor", "after", "expected"),
    [
        (timedelta(minutes=5), None, "2026-07-01T12:00:00Z", "2026-07-01T12:05:00Z"),
        (300, None, "2026-07-01T12:04:59.999Z", "2026-07-01T12:05:00Z"),
        (300.0, None, "2026-07-01T12:04:59Z", "2026-07-01T12:05:00Z"),
        (1, None, "2026-07-01T12:04:59.5Z", "2026-07-01T12:05:00Z"),
        (timedelta(hours=1), "2026-07-01T00:10:00Z", "2026-07-01T12:05:00Z", "2026-07-01T12:10:00Z"),
        (timedelta(hours=1), "2030-07-01T00:10:00Z", "2026-07-01T12:05:00Z", "2026-07-01T12:10:00Z"),
        (timedelta(hours=1), "2026-07-01T00:10:00+05:30", "2026-07-01T12:05:00Z", "2026-07-01T12:40:00Z"),
        # Weeks since the epoch begin on Thursdays.
        (timedelta(weeks=1), None, "2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z"),
        (timedelta(days=366), "2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        (timedelta(days=1), "9999-12-31T00:00:00Z", "2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z"),
    ],
)
def test_next(every, anchor, after, expected):
    schedule = Interval(every, anchor=anchor and at(anchor))
    assert schedule.next(at(after)) == [at(expected)]
    assert schedule.latest(at(after), at(expected), 3) == [at(expected)]
    assert schedule.latest(at(after), at(expected) - timedelta(microseconds=1), 3) == []


def test_a_day_is_24_hours_also_when_clocks_change():
    zone = ZoneInfo("Europe/Berlin")
    schedule = Interval(timedelta(days=1), anchor=at("2026-03-28T09:00+01:00"), timezone="Europe/Berlin")
    days = schedule.next(at("2026-03-28T08:00+01:00"), 3)
    assert [day.astimezone(zone).isoformat() for day in days] == [
        "2026-03-28T09:00:00+01:00",
        "2026-03-29T10:00:00+02:00",
        "2026-03-30T10:00:00+02:00",
    ]


def test_the_newest_of_a_long_time():
    newest = Interval(1).latest(at("1970-01-01T00:00:00Z"), at("2026-07-01T00:00:00.5Z"), 2)
    assert newest == [at("2026-06-30T23:59:59Z"), at("2026-07-01T00:00:00Z")]


def test_seconds_and_zones_make_no_difference_to_what_it_is():
    anchor = at("2026-07-01T02:00:00+02:00")
    assert Interval(60, anchor) == Interval(timedelta(minutes=1), anchor.astimezone(UTC))
    assert hash(Interval(60, anchor)) == hash(Interval(60.0, anchor.astimezone(UTC)))


@pytest.mark.parametrize(
    "every",
    [
        *(0, -1, 0.5, 1.5, True, "60", None, float("nan"), float("inf"), 1e300, 10**400),
        timedelta(0),
        timedelta(seconds=-1),
        timedelta(milliseconds=1500),
        timedelta(days=366, seconds=1),
        timedelta.max,
    ],
)
def test_refuses_intervals(every):
    with pytest.raises(InvalidScheduleError, match=r"^interval must be .*seconds"):
        Interval(every)


@pytest.mark.parametrize(
    ("anchor", "message"),
    [
        (datetime(2026, 1, 1), "anchor must be a time with a zone, such as 2026-01-01T06:00:00Z"),  # noqa: DTZ001
        ("2026-01-01T00:00:00Z", "anchor must be a time with a zone"),
        (at("2026-01-01T00:00:00.25Z"), "anchor must be of whole seconds"),
        (at("0001-01-01T00:00:00+01:00"), "anchor is out of range"),
    ],
)
def test_refuses_anchors(anchor, message):
    with pytest.raises(InvalidScheduleError, match=message):
        Interval(60, anchor=anchor)
