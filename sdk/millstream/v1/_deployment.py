"""The schedule of a flow as `spec.schedules` of a FlowDeployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream import _surroundings
from millstream.v1.schedules.clocks import Clock, CronClock, IntervalClock

if TYPE_CHECKING:
    from millstream.v1.schedules import Schedule


def schedules_of(schedule: Schedule | None) -> list[dict[str, Any]]:
    """One entry for each clock.

    Raises:
        ValueError: There is something in the schedule that a FlowDeployment cannot say; all of it is named.
    """
    if schedule is None:
        return []
    wrong = [problem for clock in schedule.clocks for problem in _problems(clock)]
    if schedule.filters or schedule.or_filters or schedule.not_filters:
        wrong.append("filters: write a cron or an rrule that has these times only")
    if wrong:
        raise ValueError(f"A FlowDeployment cannot have this schedule: {'; '.join(wrong)}.")
    return [_entry(clock, number) for number, clock in enumerate(schedule.clocks, 1)]


def _problems(clock: Clock) -> list[str]:
    kind = type(clock).__name__
    if not isinstance(clock, IntervalClock | CronClock):
        return [f"{kind}: write an rrule with COUNT=1 for each date, or create FlowRuns"]
    problems = []
    if clock.end_date is not None:
        problems.append(f"end_date of {kind}: write an rrule with UNTIL, or set suspend when it is over")
    if clock.start_date is not None and clock.start_date.timestamp() > _surroundings.current.time():
        problems.append(f"start_date of {kind}: apply the deployment when it is to begin")
    return problems


def _entry(clock: Clock, number: int) -> dict[str, Any]:
    entry: dict[str, Any]
    if isinstance(clock, CronClock):
        entry = {"name": f"cron-{number}", "cron": clock.cron, "timeZone": clock.schedule.timezone}
    else:
        assert isinstance(clock, IntervalClock)  # noqa: S101 - of the two that have no problem
        anchor = clock.schedule.anchor.isoformat()
        entry = {
            "name": f"interval-{number}",
            "interval": int(clock.interval.total_seconds()),
            "anchor": anchor,
        }
    return entry | ({"parameters": clock.parameter_defaults} if clock.parameter_defaults else {})
