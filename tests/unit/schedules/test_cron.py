from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from millstream.schedules import Cron, InvalidScheduleError


def at(text):
    return datetime.fromisoformat(text)


def ticks(schedule, after, n):
    """The ticks as the schedule's clock shows them."""
    zone = ZoneInfo(schedule.timezone)
    return [tick.astimezone(zone).isoformat(timespec="minutes") for tick in schedule.next(at(after), n)]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("* * * * *", "2026-07-01T12:00:00Z", "2026-07-01T12:01Z"),
        ("* * * * *", "2026-07-01T12:00:59.999Z", "2026-07-01T12:01Z"),
        ("*/15 * * * *", "2026-07-01T12:45:00Z", "2026-07-01T13:00Z"),
        ("5/20 * * * *", "2026-07-01T12:25:00Z", "2026-07-01T12:45Z"),
        ("20-50/15 * * * *", "2026-07-01T12:35:00Z", "2026-07-01T12:50Z"),
        ("20-50/15 * * * *", "2026-07-01T12:50:00Z", "2026-07-01T13:20Z"),
        ("1,30,59 9-17 * * *", "2026-07-01T17:59:00Z", "2026-07-02T09:01Z"),
        ("0 */2 * * *", "2026-07-01T01:00:00Z", "2026-07-01T02:00Z"),
        ("15-15 * * * *", "2026-07-01T12:35:00Z", "2026-07-01T13:15Z"),
        ("0 0 1 jan-jul/3 *", "2026-04-01T00:00:00Z", "2026-07-01T00:00Z"),
        ("0 */5 * * *", "2026-07-01T20:00:00Z", "2026-07-02T00:00Z"),
        ("59 23 31 12 *", "2026-07-01T00:00:00Z", "2026-12-31T23:59Z"),
        ("0 0 31 * *", "2026-08-31T00:00:00Z", "2026-10-31T00:00Z"),
        ("0 0 1 jan *", "2026-07-01T00:00:00Z", "2027-01-01T00:00Z"),
        ("0 0 * feb,AUG *", "2026-07-01T00:00:00Z", "2026-08-01T00:00Z"),
        # 2026-07-01 is a Wednesday.
        ("0 8 * * 0", "2026-07-01T00:00:00Z", "2026-07-05T08:00Z"),
        ("0 8 * * 7", "2026-07-01T00:00:00Z", "2026-07-05T08:00Z"),
        ("0 8 * * SUN", "2026-07-01T00:00:00Z", "2026-07-05T08:00Z"),
        ("0 8 * * FRI-7", "2026-07-04T08:00:00Z", "2026-07-05T08:00Z"),
        ("0 8 * * mon-fri", "2026-07-03T08:00:00Z", "2026-07-06T08:00Z"),
        # Either day, unless one begins with a star.
        ("0 0 13 * FRI", "2026-07-01T00:00:00Z", "2026-07-03T00:00Z"),
        ("0 0 13 * FRI", "2026-07-10T00:00:00Z", "2026-07-13T00:00Z"),
        ("0 0 */2 * MON", "2026-07-06T00:00:00Z", "2026-07-13T00:00Z"),
        ("0 0 1 * */2", "2026-07-01T00:00:00Z", "2026-08-01T00:00Z"),
        # The last of the month, and weekdays by number.
        ("0 0 L * *", "2028-02-01T00:00:00Z", "2028-02-29T00:00Z"),
        ("0 0 LW * *", "2026-05-01T00:00:00Z", "2026-05-29T00:00Z"),
        ("0 0 * * 5L", "2026-07-01T00:00:00Z", "2026-07-31T00:00Z"),
        ("0 0 * * MON#2", "2026-07-01T00:00:00Z", "2026-07-13T00:00Z"),
        # Leap days, also over the eight years without one, and on a Monday.
        ("0 0 29 2 *", "2024-02-29T00:00:00Z", "2028-02-29T00:00Z"),
        ("0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00Z"),
        ("0 0 29 FEB */7", "2088-02-29T00:00:00Z", "2128-02-29T00:00Z"),
        ("@hourly", "2026-07-01T12:00:00Z", "2026-07-01T13:00Z"),
        ("@daily", "2026-07-01T12:00:00Z", "2026-07-02T00:00Z"),
        ("@Midnight", "2026-07-01T12:00:00Z", "2026-07-02T00:00Z"),
        (" @weekly ", "2026-07-01T12:00:00Z", "2026-07-05T00:00Z"),
        ("@monthly", "2026-07-01T12:00:00Z", "2026-08-01T00:00Z"),
        ("@yearly", "2026-07-01T12:00:00Z", "2027-01-01T00:00Z"),
        ("@annually", "2026-07-01T12:00:00Z", "2027-01-01T00:00Z"),
    ],
)
def test_next(expression, after, expected):
    tick = Cron(expression).next(at(after))
    assert tick == [at(expected)]
    assert Cron(expression).latest(at(after), tick[0], 5) == tick
    assert Cron(expression).latest(at(after), tick[0] - timedelta(seconds=1), 5) == []


@pytest.mark.parametrize(
    "expression",
    ["0 0 30 2 *", "0 0 31 FEB,APR,JUN,SEP,NOV *", "59 23 31 2 *", "0 0 */30 * MON#3", "0 0 */10 2 MON#5"],
)
def test_a_date_that_never_comes_has_no_ticks(expression):
    schedule = Cron(expression)
    assert schedule.next(at("2026-01-01T00:00:00Z"), 3) == []
    assert schedule.latest(at("1970-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"), 3) == []


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        # Put forward: 02:00 -05:00 becomes 03:00 -04:00.
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00-05:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]),
        ("0 2 * * *", "America/New_York", "2026-03-07T12:00-05:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:00-04:00"]),
        ("0 3 * * *", "America/New_York", "2026-03-07T12:00-05:00", ["2026-03-08T03:00-04:00", "2026-03-09T03:00-04:00"]),
        ("0 2,3 * * *", "America/New_York", "2026-03-07T12:00-05:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:00-04:00"]),
        ("10,50 2 * * *", "America/New_York", "2026-03-07T12:00-05:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:10-04:00"]),
        ("30 2 8 3 *", "America/New_York", "2026-01-01T00:00-05:00", ["2026-03-08T03:00-04:00", "2027-03-08T02:30-05:00"]),
        ("30 * * * *", "America/New_York", "2026-03-08T01:00-05:00", ["2026-03-08T01:30-05:00", "2026-03-08T03:30-04:00"]),
        ("0 */2 * * *", "America/New_York", "2026-03-08T00:00-05:00", ["2026-03-08T04:00-04:00", "2026-03-08T06:00-04:00"]),
        ("*/40 2 * * *", "America/New_York", "2026-03-08T00:00-05:00", ["2026-03-09T02:00-04:00", "2026-03-09T02:40-04:00"]),
        # Put back: 02:00 -04:00 becomes 01:00 -05:00.
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00-04:00", ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]),
        ("30 1 * * *", "America/New_York", "2026-11-01T01:10-05:00", ["2026-11-02T01:30-05:00", "2026-11-03T01:30-05:00"]),
        ("0 2 * * *", "America/New_York", "2026-10-31T12:00-04:00", ["2026-11-01T02:00-05:00", "2026-11-02T02:00-05:00"]),
        ("0 0-2 * * *", "America/New_York", "2026-11-01T00:00-04:00", ["2026-11-01T01:00-04:00", "2026-11-01T02:00-05:00"]),
        ("0 * * * *", "America/New_York", "2026-11-01T00:00-04:00", ["2026-11-01T01:00-04:00", "2026-11-01T01:00-05:00", "2026-11-01T02:00-05:00"]),
        ("*/30 1 * * *", "America/New_York", "2026-11-01T00:00-04:00", ["2026-11-01T01:00-04:00", "2026-11-01T01:30-04:00", "2026-11-01T01:00-05:00", "2026-11-01T01:30-05:00", "2026-11-02T01:00-05:00"]),
        ("*/30 1 * * *", "America/New_York", "2026-11-01T01:00-05:00", ["2026-11-01T01:30-05:00", "2026-11-02T01:00-05:00"]),
        # Three days of one time around a change.
        ("1 0 * * *", "America/Los_Angeles", "2020-03-07T12:00-08:00", ["2020-03-08T00:01-08:00", "2020-03-09T00:01-07:00"]),
        ("1 1 * * *", "America/Los_Angeles", "2020-03-07T12:00-08:00", ["2020-03-08T01:01-08:00", "2020-03-09T01:01-07:00"]),
        ("1 2 * * *", "America/Los_Angeles", "2020-03-07T12:00-08:00", ["2020-03-08T03:00-07:00", "2020-03-09T02:01-07:00"]),
        ("1 3 * * *", "America/Los_Angeles", "2020-03-07T12:00-08:00", ["2020-03-08T03:01-07:00", "2020-03-09T03:01-07:00"]),
        ("1 1 * * *", "America/Los_Angeles", "2020-10-31T12:00-07:00", ["2020-11-01T01:01-07:00", "2020-11-02T01:01-08:00"]),
        ("1 2 * * *", "America/Los_Angeles", "2020-10-31T12:00-07:00", ["2020-11-01T02:01-08:00", "2020-11-02T02:01-08:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+01:00", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00+02:00", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        ("0 3 * * *", "Europe/Berlin", "2026-10-24T12:00+02:00", ["2026-10-25T03:00+01:00", "2026-10-26T03:00+01:00"]),
        # By half an hour: 02:00 becomes 02:30, and 02:00 becomes 01:30.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00+10:30", ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]),
        ("45 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00+10:30", ["2026-10-04T02:45+11:00", "2026-10-05T02:45+11:00"]),
        ("0 * * * *", "Australia/Lord_Howe", "2026-10-04T01:00+10:30", ["2026-10-04T03:00+11:00", "2026-10-04T04:00+11:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00+11:00", ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"]),
        ("*/15 * * * *", "Australia/Lord_Howe", "2026-04-05T01:30+11:00", ["2026-04-05T01:45+11:00", "2026-04-05T01:30+10:30", "2026-04-05T01:45+10:30", "2026-04-05T02:00+10:30"]),
        # 30 December 2011 was left out.
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00-10:00", ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"]),
        ("0 0 * * *", "Pacific/Apia", "2011-12-29T00:00-10:00", ["2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00"]),
        ("0 */12 * * *", "Pacific/Apia", "2011-12-29T00:00-10:00", ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"]),
        ("0 12 30 12 *", "Pacific/Apia", "2011-01-01T00:00-10:00", ["2011-12-31T00:00+14:00", "2012-12-30T12:00+14:00"]),
        # Back for Ramadan, forward after it.
        ("30 2 * * *", "Africa/Casablanca", "2026-02-14T12:00+01:00", ["2026-02-15T02:30+01:00", "2026-02-16T02:30+00:00"]),
        ("30 2 * * *", "Africa/Casablanca", "2026-03-21T12:00+00:00", ["2026-03-22T03:00+01:00", "2026-03-23T02:30+01:00"]),
        # At midnight: 00:00 becomes 01:00, and 24:00 becomes 23:00 of the day that ends.
        ("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00+02:00", ["2026-03-29T01:00+03:00", "2026-03-30T00:00+03:00"]),
        ("@daily", "Asia/Beirut", "2026-10-24T12:00+03:00", ["2026-10-25T00:00+02:00", "2026-10-26T00:00+02:00"]),
        ("30 * * * *", "Asia/Beirut", "2026-10-24T23:00+03:00", ["2026-10-24T23:30+03:00", "2026-10-24T23:30+02:00", "2026-10-25T00:30+02:00"]),
    ],
)  # fmt: skip
def test_clock_changes(expression, zone, after, expected):
    schedule = Cron(expression, timezone=zone)
    assert ticks(schedule, after, len(expected)) == expected
    found = [at(tick) for tick in expected]
    for until in (found[-1], found[-1] + timedelta(seconds=1)):
        assert schedule.latest(at(after), until, len(expected) + 1) == found
    for earlier, later in pairwise(found):
        assert schedule.next(earlier) == [later]
        assert schedule.latest(at(after), later - timedelta(seconds=1), 1) == [earlier]


def test_ticks_are_in_utc():
    (tick,) = Cron("0 12 * * *", timezone="Asia/Kolkata").next(at("2026-01-01T00:00:00Z"))
    assert tick.tzinfo is UTC
    assert tick == at("2026-01-01T06:30:00Z")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "has 0 fields, not the five minute"),
        ("* * * *", "has 4 fields"),
        ("0 * * * * *", r"has 6 fields.*for seconds, use an interval"),
        ("60 * * * *", r"'60' is no minute \(0-59; for example \*/15\)"),
        ("* 24 * * *", r"'24' is no hour \(0-23"),
        ("* * 0 * *", r"'0' is no day of the month \(1-31"),
        ("* * 32 * *", "'32' is no day of the month"),
        ("* * * 13 *", r"'13' is no month \(1-12 or JAN-DEC"),
        ("* * * JANUARY *", "'JANUARY' is no month"),
        ("* * * * 8", r"'8' is no day of the week \(0-7 or SUN-SAT"),
        ("* * * * FRI-MON", "'FRI-MON' is no day of the week .*; a range goes upwards"),
        ("* * ? * MON", r"'\?' is no day of the month .*; write \* for \?"),
        ("*/0 * * * *", r"'\*/0' is no minute"),
        ("-5 * * * *", "'-5' is no minute"),
        ("1.5 * * * *", "'1.5' is no minute"),
        ("1,,2 * * * *", "'1,,2' is no minute"),
        ("*/5/5 * * * *", "is no minute"),
        ("٣ * * * *", "is no minute"),
        ("5-5/2 * * * *", "'5-5/2' is no minute .*; a range goes upwards"),
        ("* * * * MON,TUE-2/2", "'MON,TUE-2/2' is no day of the week"),
        ("* * L/2 * *", "'L/2' is no day of the month"),
        ("* * 1,L-2 * *", "is no day of the month"),
        ("* * 15W * *", "'15W' is no day of the month"),
        ("* * * * L", "'L' is no day of the week"),
        ("* * * * MON#6", "'MON#6' is no day of the week"),
        ("H * * * *", "'H' is no minute"),
        ("CRON_TZ=Asia/Tokyo 0 6 * * *", "names a time zone: give it as timezone"),
        ("TZ=UTC 0 6 * * *", "names a time zone"),
        ("@every 5m", "not '@every 5m' .*instead of @every, use an interval"),
        ("@reboot", "cron knows @hourly, .*, not '@reboot'"),
        ("0," * 200 + "0 * * * *", "at most 256 characters"),
        (5, "a cron expression is a string"),
        (None, "a cron expression is a string"),
    ],
)
def test_refuses(expression, message):
    with pytest.raises(InvalidScheduleError, match=message):
        Cron(expression)
