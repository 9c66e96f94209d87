"""Ticks against slower ways to find them: minute by minute, second by second, and by dateutil alone."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from millstream.schedules import Cron, Interval, InvalidScheduleError, RRule

MINUTE = timedelta(minutes=1)
BEFORE_SEARCH = datetime(2026, 1, 1, tzinfo=UTC)

ZONES = st.sampled_from(
    [
        "UTC",
        "Africa/Casablanca",
        "America/Havana",
        "America/New_York",
        "America/St_Johns",
        "Antarctica/Troll",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Europe/Berlin",
        "Europe/Dublin",
        "Pacific/Apia",
        "Pacific/Chatham",
    ]
)


@cache
def changes(zone):
    """The days of twenty years on which that zone's clock is put forward or back."""
    days = [datetime(2009, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(20 * 365)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    return [day for day, (one, other) in zip(days, pairwise(offsets), strict=False) if one != other]


SOME_TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2140, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def zones_and_times(draw):
    """A zone, and a time that is often close to a change of its clock."""
    zone = draw(ZONES)
    if not changes(zone) or draw(st.booleans()):
        return zone, draw(SOME_TIMES)
    near = timedelta(
        seconds=draw(st.integers(-24 * 3600, 36 * 3600)), microseconds=draw(st.sampled_from([0, 0, 1]))
    )
    return zone, draw(st.sampled_from(changes(zone))) + near


# Expressions together with what they mean


@st.composite
def cron_fields(draw, low, high):
    """The text of a field, and its values."""
    kind = draw(st.sampled_from(["all", "step", "one", "list", "range", "from"]))
    start = draw(st.integers(low, high))
    end = draw(st.integers(start, high))
    step = draw(st.integers(1, high - low + 1))
    if kind == "all":
        return "*", set(range(low, high + 1))
    if kind == "step":
        return f"*/{step}", set(range(low, high + 1, step))
    if kind == "one":
        return str(start), {start}
    if kind == "from":
        return f"{start}/{step}", set(range(start, high + 1, step))
    if kind == "range" and start < end:
        return f"{start}-{end}/{step}", set(range(start, end + 1, step))
    values = draw(st.lists(st.integers(low, high), min_size=1, max_size=4))
    return ",".join(map(str, values)), set(values)


CRONS = st.tuples(*(cron_fields(*ends) for ends in ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))))
DAILY_CRONS = st.tuples(
    cron_fields(0, 59), cron_fields(0, 23), *(st.just(("*", {*range(32)})) for _ in range(3))
)


def expression(fields):
    return " ".join(text for text, _ in fields)


def matches(fields, wall):
    (_, minutes), (_, hours), (day_text, days), (_, months), (weekday_text, weekdays) = fields
    is_day, is_weekday = wall.day in days, bool({wall.isoweekday(), wall.isoweekday() % 7} & weekdays)
    both = day_text.startswith("*") or weekday_text.startswith("*")
    return (
        wall.minute in minutes
        and wall.hour in hours
        and wall.month in months
        and (is_day and is_weekday if both else is_day or is_weekday)
    )


def minutes(after, until):
    """The whole minutes that are after a time, up to another."""
    first = after.replace(second=0, microsecond=0)
    return [
        tick
        for index in range(int((until - first) / MINUTE) + 2)
        if after < (tick := first + index * MINUTE) <= until
    ]


def fires(fields, zone, tick):
    """Whether it fires at a minute, by looking at the clock then and a minute before."""
    wall = tick.astimezone(zone)
    if fields[0][0].startswith("*") or fields[1][0].startswith("*"):
        return matches(fields, wall)
    if wall.fold:
        return False
    shown, before = wall.replace(tzinfo=None), (tick - MINUTE).astimezone(zone).replace(tzinfo=None)
    skipped = int((shown - before) / MINUTE)
    return any(matches(fields, shown - index * MINUTE) for index in range(max(skipped, 1)))


@settings(deadline=None)
@given(CRONS, SOME_TIMES, st.integers(0, 3000))
def test_cron_in_utc_fires_at_the_minutes_that_match(fields, after, length):
    until = after + length * MINUTE
    expected = [tick for tick in minutes(after, until) if matches(fields, tick)]
    schedule = Cron(expression(fields))
    assert [tick for tick in schedule.next(after, len(expected) + 1) if tick <= until] == expected
    assert schedule.latest(after, until, len(expected) + 1) == expected


@settings(deadline=None)
@given(CRONS | DAILY_CRONS, zones_and_times(), st.integers(0, 3000))
def test_cron_follows_the_clock_where_it_is_changed(fields, zone_and_time, length):
    zone, after = zone_and_time
    until = after + length * MINUTE
    expected = [tick for tick in minutes(after, until) if fires(fields, ZoneInfo(zone), tick)]
    schedule = Cron(expression(fields), timezone=zone)
    assert [tick for tick in schedule.next(after, len(expected) + 1) if tick <= until] == expected
    assert schedule.latest(after, until, len(expected) + 1) == expected


# All kinds of schedules

WEEKDAYS = st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=3)
NUMBERED_WEEKDAYS = st.lists(
    st.builds("{}{}".format, st.sampled_from([-5, -1, 1, 2, 4, 5]), st.sampled_from(["MO", "WE", "SU"])),
    min_size=1,
    max_size=3,
)


def numbers(*values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=3)


BY = {
    "BYMONTH": numbers(1, 2, 3, 12),
    "BYMONTHDAY": numbers(-31, -1, 1, 13, 29, 31),
    "BYYEARDAY": numbers(-366, -1, 1, 60, 366),
    "BYDAY": WEEKDAYS,
    "BYHOUR": numbers(0, 1, 2, 3, 23),
    "BYMINUTE": numbers(0, 15, 30, 59),
    "BYSECOND": numbers(0, 30, 59),
    "BYSETPOS": numbers(-9, -2, -1, 1, 2, 30),
    "WKST": st.sampled_from([["MO"], ["SU"], ["WE"]]),
}
INTERVALS = {
    "YEARLY": [1, 1, 2, 3],
    "MONTHLY": [1, 1, 2, 5, 12, 18],
    "WEEKLY": [1, 1, 2, 3, 52],
    "DAILY": [1, 1, 2, 10, 365],
    "HOURLY": [1, 2, 8, 24],
    "MINUTELY": [1, 15, 45, 90, 1440],
    "SECONDLY": [1, 5, 30],
}
STEPS = {"HOURLY": 1000, "MINUTELY": 30, "SECONDLY": 1}
"""Days in which dateutil finds something soon."""
STARTS = st.integers(0, 10**9).map(
    lambda seconds: datetime(1999, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@st.composite
def rules(draw):
    """A rule's text, with DTSTART."""
    frequency = draw(st.sampled_from(list(INTERVALS)))
    names = draw(st.lists(st.sampled_from(list(BY)), unique=True, max_size=4))
    parts = {name: ",".join(map(str, draw(BY[name]))) for name in names}
    if frequency in {"YEARLY", "MONTHLY"} and "BYDAY" in parts and draw(st.booleans()):
        parts["BYDAY"] = ",".join(draw(NUMBERED_WEEKDAYS))
    parts = {"FREQ": frequency, "INTERVAL": draw(st.sampled_from(INTERVALS[frequency])), **parts}
    if draw(st.booleans()):
        parts["COUNT"] = draw(st.integers(1, 30))
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    return f"DTSTART:{draw(STARTS):%Y%m%dT%H%M%S}\nRRULE:{rule}"


@st.composite
def schedules_and_times(draw):
    """A schedule, and a time."""
    zone, time = draw(zones_and_times())
    kind = draw(st.sampled_from(["cron", "daily cron", "interval", "rule"]))
    if kind == "interval":
        anchor = draw(st.none() | SOME_TIMES.map(lambda anchor: anchor.replace(microsecond=0)))
        return Interval(draw(st.integers(1, 366 * 86_400)), anchor, zone), time
    if kind == "rule":
        try:
            return RRule(draw(rules()), timezone=zone), time
        except InvalidScheduleError:
            assume(False)  # noqa: FBT003
    return Cron(expression(draw(CRONS if kind == "cron" else DAILY_CRONS)), timezone=zone), time


@settings(deadline=None)
@given(schedules_and_times(), st.integers(1, 40))
def test_next_and_latest_agree(schedule_and_time, n):
    schedule, after = schedule_and_time
    ticks = schedule.next(after, n)
    assert all(earlier < later for earlier, later in pairwise([after, *ticks]))
    assert all(tick.tzinfo is UTC and tick.microsecond == 0 for tick in ticks)
    if len(ticks) < n:
        assert schedule.latest(after, datetime(2200, 1, 1, tzinfo=UTC), n) == ticks
    if ticks:
        assert schedule.latest(after, ticks[-1], n + 1) == ticks
        assert schedule.latest(after, ticks[-1], 3) == ticks[-3:]
        assert schedule.latest(after, ticks[-1] - timedelta(microseconds=1), n + 1) == ticks[:-1]
        assert schedule.next(ticks[0], n - 1) == ticks[1:]


@settings(deadline=None)
@given(schedules_and_times(), st.lists(st.integers(0, 10**7), min_size=1, max_size=20), st.integers(1, 60))
def test_walking_neither_loses_nor_doubles_a_tick(schedule_and_time, steps, scale):
    """As an operator does, which looks now and then, after the last tick it saw."""
    schedule, start = schedule_and_time
    now, last, seen = start, start, []
    for step in steps:
        now += timedelta(seconds=step // scale**3)
        found = schedule.latest(last, now, 10_000)
        assume(len(found) < 1_000)
        seen += found
        last = seen[-1] if seen else start
    assert [tick for tick in schedule.next(start, len(seen) + 1) if tick <= now] == seen


@settings(deadline=None)
@given(rules())
def test_rules_are_those_of_dateutil(text):
    try:
        schedule = RRule(text)
    except InvalidScheduleError:
        assume(False)  # noqa: FBT003
    # In the first week, it counts positions from DTSTART on.
    assume(not ("WEEKLY" in text and "BYSETPOS" in text))
    start = datetime.fromisoformat(text.partition("\n")[0].partition(":")[2]).replace(tzinfo=UTC)
    ticks = schedule.next(start - timedelta(seconds=1), 20)
    assume(ticks)
    # dateutil steps through what it does not find.
    assume(ticks[-1] - start < timedelta(days=STEPS.get(text.partition("FREQ=")[2].partition(";")[0], 10**5)))
    assert [tick.replace(tzinfo=UTC) for tick in islice(rrulestr(text), len(ticks))] == ticks


@settings(deadline=None)
@given(
    st.text(max_size=40)
    | st.text("0123456789*/,-LW# JANMOFRI@?", max_size=40)
    | st.lists(st.text("0123456789*/,-LW#", min_size=1, max_size=5), min_size=5, max_size=5).map(" ".join)
)
def test_any_text_is_an_expression_or_refused(text):
    with suppress(InvalidScheduleError):
        check_answers(Cron(text))


@settings(deadline=None)
@given(
    st.text(max_size=60)
    | rules()
    | st.lists(
        st.builds(
            "{}{}{}".format,
            st.sampled_from(["FREQ", "INTERVAL", "COUNT", "UNTIL", "RRULE", "DTSTART", "EXDATE", *BY]),
            st.sampled_from("=:"),
            st.sampled_from(["YEARLY", "DAILY", "SECONDLY", "20260101T000000", "20260101"]) | st.text("0123456789,-+MOSU", max_size=6),
        ),
        max_size=6,
    ).map(";".join)
)  # fmt: skip
def test_any_text_is_a_rule_or_refused(text):
    with suppress(InvalidScheduleError):
        check_answers(RRule(text))


def check_answers(schedule):
    ticks = schedule.next(BEFORE_SEARCH, 3)
    assert ticks == sorted(set(ticks))
    assert schedule.latest(BEFORE_SEARCH, ticks[-1] if ticks else BEFORE_SEARCH, 5) == ticks
