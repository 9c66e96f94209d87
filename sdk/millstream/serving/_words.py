"""Schedules and ticks, in words for people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from millstream.schedules import Cron, Interval, RRule
from millstream.serving._plan import MOST_MISSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream.schedules import Schedule
    from millstream.serving._options import Serving
    from millstream.serving._plan import Due, Plan
    from millstream.serving._runs import Timing

_UNITS = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}


def when(tick: datetime) -> str:
    """A tick by the clock of this machine, with its zone."""
    return f"{tick.astimezone():%a %Y-%m-%d %H:%M:%S %Z}"


def often(schedule: Schedule) -> str:
    """When a schedule fires."""
    match schedule:
        case Interval():
            return f"every {_length(schedule.every)}"
        case Cron():
            words = _cron_words(schedule.expression)
            return f"{words}cron {schedule.expression}, {schedule.timezone}{')' if words else ''}"
        case RRule():
            return f"rrule {' '.join(schedule.text.split())}, {schedule.timezone}"
        case _:
            return repr(schedule)


def title(schedule: Schedule) -> str:
    """What to call a schedule: its slug, or when it fires."""
    return schedule.slug or often(schedule)


def starting(serving: Serving, timings: Sequence[Timing], plan: Plan) -> str:
    """What is served, and when each of it is due."""
    upcoming = {
        id(timing.schedule): stands.tick for timing, stands in zip(timings, plan.upcoming, strict=True)
    }
    number = len(serving.deployments)
    what = f"{number} deployments" if number > 1 else "a deployment"
    lines = [
        f"Serving {what}, at most {serving.limit} run{'s' if serving.limit > 1 else ''} at once. Ctrl-C stops."
    ]
    for deployment in serving.deployments:
        facts = [f"flow {deployment.flow.name!r}"]
        facts += [f"version {deployment.version}"] if deployment.version else []
        facts += [f"tags {', '.join(deployment.tags)}"] if deployment.tags else []
        lines += ["", f"{deployment.name} ({'; '.join(facts)})"]
        lines += [f"  {deployment.description.splitlines()[0]}"] if deployment.description else []
        for schedule in deployment.schedules:
            name = f"{schedule.slug}: " if schedule.slug else ""
            lines.append(f"  {name}{often(schedule)}")
            if deployment.paused or not schedule.active:
                lines.append("    paused")
            else:
                lines.append(f"    {next_run(upcoming[id(schedule)])}")
    return "\n".join([*lines, ""])


def missed(ticks: Sequence[Due]) -> str:
    """That ticks were missed."""
    if len(ticks) == 1:
        which = f"missed the run of {when(ticks[0].tick)}"
    else:
        most = "at least " if len(ticks) == MOST_MISSED else ""
        which = f"missed {most}{len(ticks)} runs, from {when(ticks[0].tick)} to {when(ticks[-1].tick)}"
    return f"{which}, as this machine or this program slept, or the clock was put forward"


def next_run(tick: datetime | None) -> str:
    """When the next run is due."""
    return "no further run" if tick is None else f"next run {when(tick)}"


def _length(length: timedelta) -> str:
    parts = []
    for unit, size in _UNITS.items():
        number, length = divmod(length, size)
        if number:
            parts.append(f"{number} {unit}{'s' if number > 1 else ''}")
    return " ".join(parts).removeprefix("1 ") if len(parts) == 1 else " ".join(parts)


def _cron_words(expression: str) -> str:
    """What an expression means, with a parenthesis to be closed; nothing where that would not be certain."""
    fields = expression.split()
    if len(fields) == 1 or ("*" in (fields[2][0], fields[4][0]) and not {"*"} & {fields[2], fields[4]}):
        return ""  # a name such as @daily says it; and with `*/2` for one of two days, the library's words are wrong
    from cron_descriptor import Options, get_description  # noqa: PLC0415 - for those that are served

    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = "en_US"
    words = get_description(expression, options)
    return f"{words[0].lower()}{words[1:]} ("
