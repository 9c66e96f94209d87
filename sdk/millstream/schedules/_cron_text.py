"""The text of a cron expression: what is accepted, and what is said about the rest."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from millstream.schedules._schedule import InvalidScheduleError

__all__ = ["cron_fields", "is_satisfiable"]

_MAX_CHARACTERS = 256
_WITHOUT_NAMES = datetime(2000, 1, 1)  # noqa: DTZ001 - any time will do to read an expression

_SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class _Field(NamedTuple):
    name: str
    values: str
    example: str


_FIELDS = (
    _Field("minute", "0-59", "*/15"),
    _Field("hour", "0-23", "9-17"),
    _Field("day of the month", "1-31, or L for the last", "1,15"),
    _Field("month", "1-12 or JAN-DEC", "1-6"),
    _Field("day of the week", "0-7 or SUN-SAT, where 0 and 7 are Sunday", "MON-FRI"),
)


def cron_fields(expression: object) -> list[str]:
    """Split an expression into its five fields, in upper case.

    Raises:
        InvalidScheduleError: it is none.
    """
    if not isinstance(expression, str) or len(expression) > _MAX_CHARACTERS:
        raise InvalidScheduleError(
            f"a cron expression is a string of at most {_MAX_CHARACTERS} characters, such as '0 6 * * *'"
        )
    if "TZ=" in expression.upper():
        raise InvalidScheduleError(
            f"cron expression {expression!r} names a time zone: give it as timezone (timeZone in a manifest)"
        )
    text = expression.strip()
    fields = (_shorthand(text) if text.startswith("@") else text).upper().split()
    if len(fields) != len(_FIELDS):
        raise InvalidScheduleError(
            f"cron expression {expression!r} has {len(fields)} fields, not the five minute, hour, day of the month, "
            "month and day of the week, such as '30 6 * * MON-FRI' (for seconds, use an interval or a recurrence rule)",
            _place(expression, len(_FIELDS)),
        )
    for position, field in enumerate(fields):
        _check(position, field, expression)
    return fields


def is_satisfiable(fields: Sequence[str]) -> bool:
    """Tell whether the fields, each of them valid, name a date that can come; 30 February does not."""
    return _is_readable(" ".join(fields))


def _shorthand(text: str) -> str:
    known = _SHORTHANDS.get(text.lower())
    if known is None:
        raise InvalidScheduleError(
            f"cron knows {', '.join(_SHORTHANDS)}, not {text!r} (instead of @every, use an interval)"
        )
    return known


def _check(position: int, field: str, expression: str) -> None:
    if _is_readable(_alone(position, field)) and not any(
        _is_misread(position, term) for term in field.split(",")
    ):
        return
    name, values, example = _FIELDS[position]
    hint = "; write * for ?" if "?" in field else "; a range goes upwards" if "-" in field else ""
    raise InvalidScheduleError(
        f"cron expression {expression!r}: {field!r} is no {name} ({values}; for example {example}){hint}",
        _place(expression, position),
    )


def _place(expression: str, position: int) -> tuple[int, int]:
    """Where a field stands; the end if there are fewer."""
    places = [found.span() for found in re.finditer(r"\S+", expression)]
    return places[position] if position < len(places) else (len(expression), len(expression))


def _is_misread(position: int, term: str) -> bool:
    """Tell whether cronsim reads this as something else: `L/2` as `L`, and `5-5/2` as `5/2`, that is 5, 7, 9…."""
    values, step, _ = term.partition("/")
    first, is_range, last = values.partition("-")
    if not step:
        return False
    # If it goes upwards both ways, it is of one value; which may be written in two, as MON and 1.
    return values in {"L", "LW"} or (bool(is_range) and _is_readable(_alone(position, f"{last}-{first}")))


def _alone(position: int, field: str) -> str:
    fields = ["*"] * len(_FIELDS)
    fields[position] = field
    return " ".join(fields)


def _is_readable(fields: str) -> bool:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - slow to import

    try:
        CronSim(fields, _WITHOUT_NAMES)
    except CronSimError:
        return False
    return True
