"""The schedules of a deployment, checked as the operator reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millstream.schedules import Cron, Interval, InvalidScheduleError, RRule

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANCIENT = datetime(2000, 1, 1, tzinfo=UTC)
_KINDS = ("cron", "interval", "rrule")


def problem_of(schedule: Mapping[str, Any]) -> str:
    """What is wrong with one of `spec.schedules`, and where in its text; "" if nothing is."""
    given = [kind for kind in _KINDS if schedule.get(kind) is not None]
    if len(given) != 1:
        return f"it has one of {', '.join(_KINDS)}, and got {' and '.join(given) or 'none'}"
    kind, zone, anchor = given[0], schedule.get("timeZone", "UTC"), schedule.get("anchor")
    if not isinstance(anchor, str | None):
        return f"anchor is a time as text, such as '2026-01-01T00:00:00Z', and not {anchor!r}"
    try:
        match kind:
            case "cron":
                fires = Cron(schedule["cron"], timezone=zone).next(_ANCIENT)
            case "rrule":
                fires = RRule(schedule["rrule"], timezone=zone).next(_ANCIENT)
            case _:
                if isinstance(schedule["interval"], str):
                    return ""  # as is told of its type
                Interval(schedule["interval"], datetime.fromisoformat(anchor) if anchor else None, zone)
                fires = [_ANCIENT]
    except InvalidScheduleError as error:
        return "\n".join([str(error), *_pointer(schedule[kind], error.at)])
    except ValueError as error:  # an anchor that is no time
        return str(error)
    return "" if fires else "\n".join(["it never fires", *_pointer(schedule[kind], (0, len(schedule[kind])))])


def named(schedules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Schedules with names for those that have none: their kind and the first number that is free."""
    taken = {schedule["name"] for schedule in schedules if "name" in schedule}
    counts = dict.fromkeys(_KINDS, 0)
    result = []
    for schedule in schedules:
        kind = next((kind for kind in _KINDS if kind in schedule), "cron")
        counts[kind] += 1
        while "name" not in schedule and f"{kind}-{counts[kind]}" in taken:
            counts[kind] += 1
        result.append({"name": f"{kind}-{counts[kind]}", **schedule})
    return result


def _pointer(text: str, at: tuple[int, int] | None) -> list[str]:
    if at is None:
        return []
    start, end = at
    return [f"    {text}", f"    {' ' * start}{'^' * max(1, end - start)}"]
