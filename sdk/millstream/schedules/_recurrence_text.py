"""The lines of a recurrence rule's text, and the times in them."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from millstream.schedules._recurrence import Recurrence
from millstream.schedules._recurrence_rule import read_rule
from millstream.schedules._schedule import FIRST_YEAR, LAST_YEAR, InvalidScheduleError

__all__ = ["read_recurrence"]

_MAX_CHARACTERS = 4096
_EXAMPLE = "FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9"
_TIME = re.compile(r"(\d{8})(?:(T\d{6})(Z?))?", re.ASCII)
_UTC_NAMES = {"UTC", "Etc/UTC"}


def read_recurrence(text: object, zone: ZoneInfo) -> Recurrence:
    """Read lines of RRULE, DTSTART, RDATE and EXDATE, or a rule alone.

    Raises:
        InvalidScheduleError: they are none.
    """
    if not isinstance(text, str) or len(text) > _MAX_CHARACTERS:
        raise InvalidScheduleError(
            f"a recurrence rule is a string of at most {_MAX_CHARACTERS} characters, such as {_EXAMPLE!r}"
        )
    lines: dict[str, list[str]] = {"RRULE": [], "DTSTART": [], "RDATE": [], "EXDATE": []}
    for line in text.split():
        name, value = _split(line, zone)
        if name not in lines:
            raise InvalidScheduleError(
                f"a recurrence rule has lines of {', '.join(lines)}, not {name[:40]!r}"
            )
        lines[name].append(value)
    if len(lines["RRULE"]) != 1 or len(lines["DTSTART"]) > 1:
        raise InvalidScheduleError(
            f"a recurrence rule has one RRULE, such as {_EXAMPLE!r}, and at most one DTSTART; this has "
            f"{len(lines['RRULE'])} and {len(lines['DTSTART'])}"
        )
    start = _read_start(lines["DTSTART"][0], zone) if lines["DTSTART"] else None
    return Recurrence(
        rule=read_rule(lines["RRULE"][0], start, lambda value: _read_until(value, zone)),
        added=tuple(sorted(_read_times("RDATE", lines["RDATE"], zone))),
        excluded=frozenset(_read_times("EXDATE", lines["EXDATE"], zone)),
    )


def _split(line: str, zone: ZoneInfo) -> tuple[str, str]:
    """Split a line into its name and its value; one without a name is a rule."""
    head, colon, value = line.rpartition(":")
    name, *options = head.split(";") if colon else ["RRULE"]
    for option in options:
        key, _, content = option.partition("=")
        if key.upper() == "TZID" and content != zone.key:
            raise InvalidScheduleError(
                f"{name} is of the zone {content[:64]!r}, the schedule of {zone.key!r}: leave TZID out, and give the zone "
                "as timezone (timeZone in a manifest)"
            )
        if key.upper() not in {"TZID", "VALUE"}:
            raise InvalidScheduleError(f"{name} takes no {key[:40]!r}, only TZID")
    return name.upper(), value.upper()


def _read_start(value: str, zone: ZoneInfo) -> datetime:
    if value.endswith("Z") and zone.key not in _UTC_NAMES:
        raise InvalidScheduleError(
            f"DTSTART {value[:40]} is in UTC, and the rule goes by the clock of {zone.key}: write its time there, "
            "without the Z, or make UTC the timezone"
        )
    wall, _ = _read_time("DTSTART", value, zone)
    return wall


def _read_until(value: str, zone: ZoneInfo) -> datetime:
    wall, is_day = _read_time("UNTIL", value, zone)
    return wall.replace(hour=23, minute=59, second=59) if is_day else wall


def _read_times(name: str, values: list[str], zone: ZoneInfo) -> list[datetime]:
    times = []
    for value in ",".join(values).split(",") if values else ():
        wall, is_day = _read_time(name, value, zone)
        if is_day:
            raise InvalidScheduleError(f"{name} {value} needs a time of day, as in {value}T090000")
        times.append(wall)
    return times


def _read_time(name: str, value: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """Read a time by the zone's clock, and tell whether it is a day without one."""
    match = _TIME.fullmatch(value)
    try:
        wall = datetime.fromisoformat(match[1] + (match[2] or "")) if match else None
    except ValueError:  # 30 February, 25 o'clock
        wall = None
    if not match or wall is None or not FIRST_YEAR <= wall.year <= LAST_YEAR:
        raise InvalidScheduleError(
            f"{name} {value[:40]!r} is no time of the years {FIRST_YEAR} to {LAST_YEAR}: write 20260101T090000, "
            "or 20260101T090000Z for UTC"
        )
    if match[3]:
        wall = wall.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    return wall, match[2] is None
