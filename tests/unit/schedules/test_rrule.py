from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from millstream.schedules import InvalidScheduleError, RRule

START = "DTSTART:20260101T090000\n"


def at(text):
    return datetime.fromisoformat(text)


def check(schedule, after, expected):
    zone = ZoneInfo(schedule.timezone)
    found = schedule.next(at(after), len(expected))
    assert [
        tick.astimezone(zone).isoformat(timespec="minutes").removesuffix("+00:00") for tick in found
    ] == expected
    for until in (found[-1], found[-1] + timedelta(seconds=1)) if found else ():
        assert schedule.latest(at(after), until, len(expected) + 1) == found
    for place, tick in enumerate(found):
        assert schedule.latest(at(after), tick - timedelta(seconds=1), 1) == found[:place][-1:]


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        # What is not said begins when weeks, months and years do.
        ("FREQ=DAILY", "2026-07-01T00:00Z", ["2026-07-02T00:00", "2026-07-03T00:00"]),
        ("FREQ=WEEKLY", "2026-07-01T00:00Z", ["2026-07-06T00:00", "2026-07-13T00:00"]),
        ("FREQ=MONTHLY", "2026-07-01T00:00Z", ["2026-08-01T00:00", "2026-09-01T00:00"]),
        ("FREQ=YEARLY", "2026-07-01T00:00Z", ["2027-01-01T00:00", "2028-01-01T00:00"]),
        ("FREQ=HOURLY", "2026-07-01T00:00Z", ["2026-07-01T01:00", "2026-07-01T02:00"]),
        ("FREQ=MINUTELY;INTERVAL=45", "2026-07-01T23:00Z", ["2026-07-01T23:15", "2026-07-02T00:00"]),
        # Or is taken from DTSTART.
        (START + "RRULE:FREQ=WEEKLY", "2025-07-01T00:00Z", ["2026-01-01T09:00", "2026-01-08T09:00"]),
        (START + "RRULE:FREQ=YEARLY;BYMONTH=7", "2026-07-01T09:00Z", ["2027-07-01T09:00"]),
        (START + "RRULE:FREQ=HOURLY;INTERVAL=4", "2026-07-01T18:00Z", ["2026-07-01T21:00", "2026-07-02T01:00"]),
        ("DTSTART:20260131T093000\nRRULE:FREQ=MONTHLY", "2026-01-31T12:00Z", ["2026-03-31T09:30", "2026-05-31T09:30"]),
        ("DTSTART:20240229\nRRULE:FREQ=YEARLY", "2024-03-01T12:00Z", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        # DTSTART is a tick only if the rule names it, and nothing is before it.
        (START + "RRULE:FREQ=WEEKLY;BYDAY=MO", "2025-01-01T00:00Z", ["2026-01-05T09:00", "2026-01-12T09:00"]),
        (START + "RRULE:FREQ=DAILY;BYHOUR=8,10", "2025-01-01T00:00Z", ["2026-01-01T10:00", "2026-01-02T08:00"]),
        # Every second period; a week begins on WKST.
        (START + "RRULE:FREQ=DAILY;INTERVAL=10", "2026-01-05T00:00Z", ["2026-01-11T09:00", "2026-01-21T09:00"]),
        (START + "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,SU", "2026-01-01T10:00Z", ["2026-01-04T09:00", "2026-01-15T09:00"]),
        (START + "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,SU;WKST=SU", "2026-01-01T10:00Z", ["2026-01-11T09:00", "2026-01-15T09:00"]),
        (START + "RRULE:FREQ=MONTHLY;INTERVAL=18", "2026-01-05T00:00Z", ["2027-07-01T09:00", "2029-01-01T09:00"]),
        (START + "RRULE:FREQ=YEARLY;INTERVAL=3", "2026-01-05T00:00Z", ["2029-01-01T09:00", "2032-01-01T09:00"]),
        # Days.
        ("FREQ=MONTHLY;BYDAY=2TU", "2026-07-01T00:00Z", ["2026-07-14T00:00", "2026-08-11T00:00"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-07-01T00:00Z", ["2026-07-31T00:00", "2026-08-28T00:00"]),
        ("FREQ=MONTHLY;BYDAY=5MO", "2026-07-01T00:00Z", ["2026-08-31T00:00", "2026-11-30T00:00"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "2026-07-01T00:00Z", ["2026-11-13T00:00", "2027-08-13T00:00"]),
        ("FREQ=MONTHLY;BYDAY=MO,1TU", "2026-07-01T00:00Z", ["2026-07-06T00:00", "2026-07-07T00:00", "2026-07-13T00:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-02-01T00:00Z", ["2026-02-28T00:00", "2026-03-31T00:00"]),
        ("FREQ=YEARLY;BYDAY=20MO", "2026-01-01T00:00Z", ["2026-05-18T00:00", "2027-05-17T00:00"]),
        ("FREQ=YEARLY;BYDAY=1MO;BYMONTH=3,9", "2026-01-01T00:00Z", ["2026-03-02T00:00", "2026-09-07T00:00"]),
        ("FREQ=YEARLY;BYYEARDAY=1,-1", "2026-01-01T00:00Z", ["2026-12-31T00:00", "2027-01-01T00:00"]),
        ("FREQ=YEARLY;BYYEARDAY=366", "2097-01-01T00:00Z", ["2104-12-31T00:00", "2108-12-31T00:00"]),
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,FR", "2020-01-01T00:00Z", ["2020-12-28T00:00", "2021-01-01T00:00", "2026-12-28T00:00"]),
        ("FREQ=YEARLY;BYWEEKNO=-1;BYDAY=SU", "2020-01-01T00:00Z", ["2021-01-03T00:00", "2022-01-02T00:00", "2023-01-01T00:00", "2023-12-31T00:00"]),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", "2023-06-01T00:00Z", ["2024-01-01T00:00", "2024-12-30T00:00"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU", "2088-03-01T00:00Z", ["2128-02-29T00:00"]),
        ("FREQ=HOURLY;BYHOUR=9,17;BYDAY=MO,TU,WE,TH,FR", "2026-07-03T12:00Z", ["2026-07-03T17:00", "2026-07-06T09:00"]),
        ("FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=3;BYMINUTE=7", "2026-01-01T00:00Z", ["2028-02-29T03:07", "2032-02-29T03:07"]),
        # Positions.
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-01-31T00:00Z", ["2026-02-27T00:00", "2026-03-31T00:00"]),
        ("FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=2,99", "2026-01-01T00:00Z", ["2026-01-04T00:00", "2026-02-07T00:00"]),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=-1,1", "2026-07-01T00:00Z", ["2026-07-03T00:00", "2026-07-06T00:00", "2026-07-10T00:00"]),
        ("FREQ=WEEKLY;BYDAY=WE,SU;BYSETPOS=1", "2025-12-30T00:00Z", ["2025-12-31T00:00", "2026-01-07T00:00"]),
        ("FREQ=WEEKLY;BYDAY=WE,SU;BYSETPOS=1;WKST=SU", "2025-12-30T00:00Z", ["2026-01-04T00:00", "2026-01-11T00:00"]),
        ("FREQ=DAILY;BYHOUR=8,12,16;BYMINUTE=0,30;BYSETPOS=2,-1", "2026-07-01T00:00Z", ["2026-07-01T08:30", "2026-07-01T16:30", "2026-07-02T08:30"]),
        ("FREQ=YEARLY;BYDAY=MO;BYSETPOS=-2", "2026-07-01T00:00Z", ["2026-12-21T00:00", "2027-12-20T00:00"]),
        # The end. An UNTIL without a time includes the day.
        (START + "RRULE:FREQ=DAILY;COUNT=3", "2026-01-01T09:00Z", ["2026-01-02T09:00", "2026-01-03T09:00"]),
        (START + "RRULE:FREQ=DAILY;UNTIL=20260103T085959", "2026-01-01T09:00Z", ["2026-01-02T09:00"]),
        (START + "RRULE:FREQ=DAILY;UNTIL=20260103T090000Z", "2026-01-01T09:00Z", ["2026-01-02T09:00", "2026-01-03T09:00"]),
        (START + "RRULE:FREQ=DAILY;UNTIL=20260103", "2026-01-01T09:00Z", ["2026-01-02T09:00", "2026-01-03T09:00"]),
        (START + "RRULE:FREQ=DAILY;UNTIL=20251231", "2026-01-01T09:00Z", []),
        # More times and fewer. COUNT counts those that are taken out.
        (START + "RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260102T090000", "2026-01-01T09:00Z", ["2026-01-03T09:00"]),
        (
            START + "RRULE:FREQ=DAILY;COUNT=2\nRDATE:20260505T050505,20251224T000000\nRDATE:20260102T090000",
            "2025-01-01T09:00Z",
            ["2025-12-24T00:00", "2026-01-01T09:00", "2026-01-02T09:00", "2026-05-05T05:05"],
        ),
        # Ways to write it.
        ("RRULE:FREQ=WEEKLY;BYDAY=MO;", "2026-07-01T00:00Z", ["2026-07-06T00:00"]),
        ("  freq=weekly;byday=mo\r\n", "2026-07-01T00:00Z", ["2026-07-06T00:00"]),
        ("RRULE:FREQ=DAILY\nDTSTART;VALUE=DATE-TIME:20260101T090000Z", "2026-07-01T00:00Z", ["2026-07-01T09:00"]),
        ("FREQ=DAILY;BYHOUR=+9,9,09", "2026-07-01T00:00Z", ["2026-07-01T09:00", "2026-07-02T09:00"]),
    ],
)  # fmt: skip
def test_next(text, after, expected):
    check(RRule(text), after, expected)
    assert expected or RRule(text).next(at(after), 1) == []


def test_seconds():
    schedule = RRule("FREQ=SECONDLY;INTERVAL=30")
    after, expected = at("2026-07-01T23:59:31Z"), [at("2026-07-02T00:00Z"), at("2026-07-02T00:00:30Z")]
    assert schedule.next(after, 2) == expected
    assert schedule.latest(after, expected[-1], 3) == expected


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "America/New_York", "2026-03-07T12:00-05:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]),
        ("FREQ=DAILY;BYHOUR=1;BYMINUTE=30", "America/New_York", "2026-10-31T12:00-04:00", ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]),
        ("FREQ=DAILY;BYHOUR=9", "America/Los_Angeles", "2020-03-07T12:00-08:00", ["2020-03-08T09:00-07:00", "2020-03-09T09:00-07:00"]),
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=15", "Australia/Lord_Howe", "2026-10-03T12:00+10:30", ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]),
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "Africa/Casablanca", "2026-03-21T12:00+00:00", ["2026-03-22T03:00+01:00", "2026-03-23T02:30+01:00"]),
        ("FREQ=DAILY", "Asia/Beirut", "2026-03-28T12:00+02:00", ["2026-03-29T01:00+03:00", "2026-03-30T00:00+03:00"]),
        # Hours are hours of the clock as well.
        ("FREQ=HOURLY", "Europe/Berlin", "2026-10-25T01:00+02:00", ["2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00"]),
        ("FREQ=HOURLY", "Europe/Berlin", "2026-03-29T01:00+01:00", ["2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"]),
        # 86,400 seconds that were left out are one instant.
        ("FREQ=SECONDLY;BYSECOND=0,58", "Pacific/Apia", "2011-12-29T23:59-10:00", ["2011-12-29T23:59-10:00", "2011-12-31T00:00+14:00", "2011-12-31T00:00+14:00"]),
        # Times are of the zone, whether that is said or not, or in UTC.
        ("DTSTART;TZID=Europe/Berlin:20260101T090000\nRRULE:FREQ=DAILY;COUNT=2", "Europe/Berlin", "2025-01-01T00:00Z", ["2026-01-01T09:00+01:00", "2026-01-02T09:00+01:00"]),
        (START + "RRULE:FREQ=DAILY;UNTIL=20260102T080000Z", "Europe/Berlin", "2026-01-01T12:00Z", ["2026-01-02T09:00+01:00"]),
        (START + "RRULE:FREQ=DAILY\nEXDATE:20260102T080000Z", "Europe/Berlin", "2026-01-01T12:00Z", ["2026-01-03T09:00+01:00"]),
        (START + "RRULE:FREQ=DAILY;COUNT=1\nRDATE:20260329T023000", "Europe/Berlin", "2026-01-01T12:00Z", ["2026-03-29T03:00+02:00"]),
    ],
)  # fmt: skip
def test_zones(text, zone, after, expected):
    check(RRule(text, timezone=zone), after, expected)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;INTERVAL=2;BYSECOND=1",
        "FREQ=HOURLY;INTERVAL=12;BYHOUR=1,13",
        "FREQ=MINUTELY;INTERVAL=1440;BYHOUR=5",
        "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1",
        "FREQ=DAILY;INTERVAL=9999;BYMONTH=1;BYMONTHDAY=2;BYDAY=MO;BYHOUR=5",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
        "FREQ=YEARLY;BYDAY=MO;BYSETPOS=60",
        START + "RRULE:FREQ=SECONDLY;BYYEARDAY=366;BYMONTH=1;COUNT=3",
    ],
)
def test_a_rule_that_never_fires_has_no_ticks(text):
    schedule = RRule(text)
    assert schedule.next(at("2026-07-01T00:00Z"), 3) == []
    assert schedule.latest(at("2026-07-01T00:00Z"), at("2149-01-01T00:00Z"), 3) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one RRULE, such as 'FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9', and at most one DTSTART; this has 0 and 0"),
        ("DTSTART:20260101T090000", "this has 0 and 1"),
        ("FREQ=DAILY\nFREQ=DAILY", "this has 2 and 0"),
        (START * 2 + "RRULE:FREQ=DAILY", "this has 1 and 2"),
        ("EXRULE:FREQ=DAILY", "lines of RRULE, DTSTART, RDATE, EXDATE, not 'EXRULE'"),
        ("0 6 * * *", "one RRULE, such as 'FREQ=WEEKLY"),
        ("WEEKLY;BYDAY=MO", "cannot contain 'WEEKLY', only NAME=VALUE of FREQ"),
        ("DAILY", "cannot contain 'DAILY'"),
        ("FREQ=DAILY;;BYHOUR=1", "cannot contain ''"),
        ("FREQ=DAILY;BYHOUR=", "cannot contain 'BYHOUR='"),
        ("FREQ=DAILY;BYEASTER=0", "cannot contain 'BYEASTER=0'"),
        ("FREQ=DAILY;BYHOUR=1;BYHOUR=2", "gives BYHOUR twice: write one list"),
        ("INTERVAL=2", "FREQ must be one of YEARLY, .*, not 'missing'"),
        ("FREQ=FORTNIGHTLY", "FREQ must be one of YEARLY, .*, not 'FORTNIGHTLY'"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be from 1 to 9999, not '0'"),
        ("FREQ=DAILY;INTERVAL=1.5", "INTERVAL must be"),
        ("FREQ=DAILY;INTERVAL=٣", "INTERVAL must be"),
        ("FREQ=DAILY;INTERVAL=" + "9" * 4000, "INTERVAL must be"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR must be from 0 to 23, not '24'"),
        ("FREQ=DAILY;BYHOUR=1,,2", "BYHOUR must be"),
        ("FREQ=DAILY;BYMINUTE=60", "BYMINUTE must be from 0 to 59"),
        ("FREQ=DAILY;BYSECOND=60", "BYSECOND must be from 0 to 59"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH must be from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY must be from -31 to 31 without 0, not '0'"),
        ("FREQ=YEARLY;BYYEARDAY=367", "BYYEARDAY must be from -366 to 366"),
        ("FREQ=YEARLY;BYWEEKNO=54;BYDAY=MO", "BYWEEKNO must be from -53 to 53"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "BYSETPOS must be"),
        ("FREQ=DAILY;WKST=MONDAY", "WKST must be one of MO, TU"),
        ("FREQ=WEEKLY;BYDAY=MON", "BYDAY lists MO, TU, .*, not 'MON'"),
        ("FREQ=MONTHLY;BYDAY=6MO", "the number in BYDAY must be from -5 to 5 without 0, not '6'"),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=53MO", "the number in BYDAY must be from -5 to 5"),
        ("FREQ=YEARLY;BYDAY=54MO", "the number in BYDAY must be from -53 to 53"),
        ("FREQ=MONTHLY;BYDAY=0MO", "the number in BYDAY must be"),
        ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY=1MO needs FREQ=MONTHLY or YEARLY; with WEEKLY, leave the number out"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY goes only with FREQ=DAILY, .*, not WEEKLY"),
        ("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY goes only with"),
        ("FREQ=MONTHLY;BYWEEKNO=1;BYDAY=MO", "BYWEEKNO goes only with FREQ=YEARLY"),
        ("FREQ=YEARLY;BYWEEKNO=1", "BYWEEKNO counts the weeks of ISO 8601: give BYDAY=MO"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO;WKST=SU", "BYWEEKNO counts the weeks of ISO 8601"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "BYWEEKNO counts the weeks of ISO 8601"),
        ("FREQ=HOURLY;BYMINUTE=0,30;BYSETPOS=1", "BYSETPOS goes only with FREQ=DAILY, MONTHLY, WEEKLY, YEARLY"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS chooses among what another part lists"),
        ("FREQ=HOURLY;INTERVAL=5", "INTERVAL=5 with FREQ=HOURLY does not divide a day.* use an interval"),
        ("FREQ=MINUTELY;INTERVAL=7", "does not divide a day"),
        ("FREQ=SECONDLY;INTERVAL=90", "does not divide a minute"),
        ("FREQ=DAILY;COUNT=3", "COUNT counts from DTSTART: add a line"),
        (START + "RRULE:FREQ=DAILY;COUNT=1001", "COUNT must be from 1 to 1000"),
        (START + "RRULE:FREQ=DAILY;COUNT=3;UNTIL=20260301T000000Z", "COUNT and UNTIL exclude each other"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL 'TOMORROW' is no time of the years 1970 to 2149: write 20260101T090000"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "UNTIL '99991231T235959Z' is no time"),
        ("FREQ=DAILY;UNTIL=2026-01-01", "UNTIL '2026-01-01' is no time"),
        ("FREQ=DAILY;UNTIL=20260101T090000.5", "is no time"),
        ("DTSTART:20260230T090000\nRRULE:FREQ=DAILY", "DTSTART '20260230T090000' is no time"),
        ("DTSTART:20260101T250000\nRRULE:FREQ=DAILY", "DTSTART '20260101T250000' is no time"),
        ("DTSTART:19000101T000000\nRRULE:FREQ=DAILY", "is no time of the years 1970"),
        ("DTSTART:\nRRULE:FREQ=DAILY", "DTSTART '' is no time"),
        ("DTSTART;TZID=Asia/Tokyo:20260101T090000\nRRULE:FREQ=DAILY", "DTSTART is of the zone 'Asia/Tokyo', the schedule of 'Europe/Berlin': leave TZID out"),
        ("DTSTART:20260101T090000Z\nRRULE:FREQ=DAILY", "DTSTART 20260101T090000Z is in UTC, and the rule goes by the clock of Europe/Berlin"),
        ("DTSTART;X=1:20260101T090000\nRRULE:FREQ=DAILY", "DTSTART takes no 'X', only TZID"),
        ("FREQ=DAILY\nEXDATE:20260101", "EXDATE 20260101 needs a time of day, as in 20260101T090000"),
        ("FREQ=DAILY\nRDATE;VALUE=PERIOD:20260101T000000/PT1H", "RDATE '20260101T000000/PT1H' is no time"),
        ("FREQ=DAILY;BYHOUR=" + "9," * 2100 + "9", "at most 4096 characters"),
        (None, "a recurrence rule is a string"),
        (b"FREQ=DAILY", "a recurrence rule is a string"),
    ],
)  # fmt: skip
def test_refuses(text, message):
    with pytest.raises(InvalidScheduleError, match=message):
        RRule(text, timezone="Europe/Berlin")
