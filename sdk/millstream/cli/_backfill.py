"""What is said of a backfill, before and while it is carried out."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from millstream import _surroundings
from millstream.cli._output import Column, show_table
from millstream.exceptions import DeploymentError, MillstreamError
from millstream.resources.flow_deployment import RunHistory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from millstream._cluster.backfills import Step, Tick
    from millstream._cluster.cluster import Object
    from millstream.resources.schedule_spec import ScheduleSpec

_WITHOUT_A_QUESTION = 10


def period(spec: ScheduleSpec, start: datetime, end: datetime | None) -> tuple[datetime, datetime]:
    """The range, with its zone.

    Raises:
        DeploymentError: It ends in the future, or the schedule's zone does not exist.
    """
    now = datetime.fromtimestamp(_surroundings.current.time(), UTC)
    begin = _in_zone(spec, start)
    if end is None:
        return begin, now
    until = _in_zone(spec, end)
    if until > now:
        raise DeploymentError(
            "The range ends in the future, where the schedule itself makes the runs: leave out --to."
        )
    return begin, until


def preview(deployment: Object, spec: ScheduleSpec, ticks: Sequence[Tick], *, in_full: bool) -> None:
    """Say what is there and what is to be created; with each tick if `in_full`."""
    if in_full:
        columns: list[Column[Tick]] = [
            Column("tick", lambda tick: _shown(spec, tick)),
            Column("run", lambda tick: tick.run, is_kept=True),
            Column(
                "state",
                lambda tick: "to create" if tick.state is None else tick.state or "new",
                is_state=True,
            ),
        ]
        show_table(columns, ticks)
    of = deployment["metadata"]["name"]
    first, last = _shown(spec, ticks[0]), _shown(spec, ticks[-1])
    lines = [f"{_number(len(ticks), 'tick')} of schedule {spec.name} of {of}, from {first} to {last}."]
    states = Counter(tick.state or "new" for tick in ticks if tick.state is not None)
    if states:
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        lines.append(
            f"{_number(states.total(), 'tick')} with a run already, left as it is: {counts}. "
            "Retry a run, or delete it, to have its tick run again."
        )
    missing = [tick for tick in ticks if tick.state is None]
    if missing:
        first, last = _shown(spec, missing[0]), _shown(spec, missing[-1])
        lines.append(f"{_number(len(missing), 'run')} to create, for the ticks from {first} to {last}.")
        lines += _what_is_forgotten(deployment, len(missing))
    else:
        lines.append("Nothing is to be created.")
    click.echo("\n".join(lines), err=True)


def ask(runs: int) -> None:
    """Ask whether so many runs are wanted, if there are more than a few.

    Raises:
        click.UsageError: Nobody is there to be asked.
        click.Abort: They are not.
    """
    if runs <= _WITHOUT_A_QUESTION:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"To create {runs:,} runs without being asked, give --yes.")
    click.confirm(f"Create {runs:,} runs?", abort=True, err=True)


def carry_out(steps: Iterable[Step], ticks: Sequence[Tick], spec: ScheduleSpec) -> None:
    """Create the runs and tell of each; if that is interrupted, say how to go on.

    Args:
        steps: What creates them.
        ticks: Those that have no run.
        spec: The schedule.
    """
    done: Counter[bool] = Counter()
    try:
        for tick, created in steps:
            done[created] += 1
            verb = "created" if created else "was there"
            click.echo(f"{_shown(spec, tick)}   {tick.run}   {verb} ({done.total():,} of {len(ticks):,})")
    except (MillstreamError, KeyboardInterrupt):
        if done.total() < len(ticks):
            click.echo(
                f"\nStopped: {done[True]:,} of {_number(len(ticks), 'run')} are created, and go on. For the others, "
                f"repeat the command with --from {_shown(spec, ticks[done.total()])}.",
                err=True,
            )
        raise
    click.echo(f"{_number(done[True], 'run')} created.", err=True)


def _what_is_forgotten(deployment: Object, runs: int) -> list[str]:
    kept = RunHistory.model_validate(deployment["spec"].get("runHistory", {}))
    if kept.ttl_seconds_after_finished is None and runs <= min(kept.successful, kept.failed):
        return []
    forgotten = (
        f"The runHistory of {deployment['metadata']['name']} deletes finished runs: {kept.successful} completed ones and "
        f"{kept.failed} others stay. A tick whose run is deleted counts as one that never ran."
    )
    return [forgotten]


def _in_zone(spec: ScheduleSpec, moment: datetime) -> datetime:
    if moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=_zone(spec))


def _zone(spec: ScheduleSpec) -> ZoneInfo:
    try:
        return ZoneInfo(spec.time_zone)
    except (ValueError, LookupError) as error:
        raise DeploymentError(
            f"The schedule {spec.name} has a time zone that is not known here: {spec.time_zone}."
        ) from error


def _shown(spec: ScheduleSpec, tick: Tick) -> str:
    return tick.time.astimezone(_zone(spec)).isoformat()


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
