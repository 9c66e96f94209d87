"""Schedules as people give them: texts, numbers, dicts, and schedules of `millstream.schedules`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from millstream.schedules import Cron, Interval, InvalidScheduleError, RRule, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KINDS: dict[str, Callable[..., Schedule]] = {"interval": Interval, "cron": Cron, "rrule": RRule}
_OF_RUNS = ("parameters", "slug", "active")
_KEYS = {"schedule", *_KINDS, "timezone", "anchor", *_OF_RUNS}
_TAKES = 'Cron("0 6 * * *") of millstream.schedules, or {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}'


def read_schedules(options: Mapping[str, Any]) -> tuple[list[Schedule], list[str]]:
    """The schedules of a deployment's options, and what is wrong with others."""
    schedules: list[Schedule] = []
    problems: list[str] = []
    for where, read in _all_of(options):
        try:
            schedule = read()
            _check_for_runs(schedule)
            schedules.append(schedule)
        except (InvalidScheduleError, TypeError) as error:
            problems.append(f"{where}: {error}".rstrip("."))
    slugs = [schedule.slug for schedule in schedules if schedule.slug is not None]
    problems += [
        f"two schedules have the slug {slug!r}" for slug in sorted(set(slugs)) if slugs.count(slug) > 1
    ]
    return schedules, problems


def by_name(parameters: Any) -> bool:
    """Whether these can be parameters. Messages do not show what is given in their place: it may be secret."""
    return isinstance(parameters, Mapping) and all(isinstance(name, str) for name in parameters)


def _all_of(options: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], Schedule]]]:
    for kind, make in _KINDS.items():
        for value in _several(options.get(kind)):
            yield f"{kind} {value!r:.200}", partial(make, value)
    if "schedule" in options:
        yield "schedule", partial(_read, options["schedule"])
    given = options.get("schedules", ())
    if isinstance(given, Schedule | str | Mapping) or not isinstance(given, Iterable):
        yield "schedules", partial(_refuse, f"it is a list, as [{_TAKES}], not a {type(given).__name__}")
        return
    for number, value in enumerate(given, 1):
        yield f"schedule {number} of schedules", partial(_read, value)


def _several(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)


def _read(value: Any) -> Schedule:
    if isinstance(value, Schedule):
        return value
    if not isinstance(value, Mapping):
        _refuse(f"it is {_TAKES}, and not {value!r:.200}")
    if unknown := [str(key) for key in value if key not in _KEYS]:
        _refuse(f"there is no {', '.join(unknown)} in a schedule; there are {', '.join(sorted(_KEYS))}")
    given = {key: part for key, part in value.items() if part is not None}
    kinds = [key for key in ("schedule", *_KINDS) if key in given]
    if len(kinds) != 1:
        _refuse(f"it has one of cron, interval, rrule and schedule, and got {' and '.join(kinds) or 'none'}")
    timing = given.pop(kinds[0])
    if "anchor" in given and kinds[0] != "interval":
        _refuse("anchor goes with interval")
    if kinds[0] != "schedule":
        return _KINDS[kinds[0]](timing, **given)
    if not isinstance(timing, Schedule):
        _refuse(f"its schedule is one of millstream.schedules, and not {timing!r}")
    if with_timing := [key for key in given if key not in _OF_RUNS]:
        _refuse(f"{' and '.join(with_timing)} stand in the schedule itself")
    changed: Schedule = replace(timing, **given)
    return changed


def _check_for_runs(schedule: Schedule) -> None:
    parameters: Any = schedule.parameters
    active: Any = schedule.active
    slug: Any = schedule.slug
    if not by_name(parameters):
        _refuse(
            f'its parameters are values by name, as {{"site": "news"}}, and not a {type(parameters).__name__}'
        )
    if not isinstance(active, bool):
        _refuse(f"active is True or False, and not {active!r}")
    if slug is not None and not isinstance(slug, str):
        _refuse(f"its slug is text, and not {slug!r}")


def _refuse(why: str) -> NoReturn:
    raise InvalidScheduleError(why)
