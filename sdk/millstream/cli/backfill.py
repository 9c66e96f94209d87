"""`millstream backfill`: runs for the ticks that a schedule had, or would have had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._deployments import deployment_argument, named_deployment
from millstream.cli._parameters import given_parameters, parameter_options
from millstream.cli._times import Moment

if TYPE_CHECKING:
    from datetime import datetime

    from millstream._cluster.connection import Place


@click.command("backfill")
@deployment_argument
@click.option(
    "--from", "start", type=Moment(keeps_zoneless=True), required=True, help="The first time of the range."
)
@click.option(
    "--to",
    "end",
    type=Moment(keeps_zoneless=True),
    help="The end of the range, which is not in it any more; now if not given.",
)
@click.option("--schedule", metavar="NAME", help="The schedule whose ticks are meant, if there are several.")
@click.option(
    "--parallel",
    metavar="N",
    type=click.IntRange(min=1),
    help="Let at most N of these runs be live at once: stay, and create the next one when one has ended.",
)
@click.option("--dry-run", is_flag=True, help="Only list the ticks.")
@parameter_options
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag for the runs.")
@click.option("--yes", is_flag=True, help="Do not ask, however many runs there are to be.")
@cluster_options
def command(
    *,
    name: str,
    start: datetime,
    end: datetime | None,
    schedule: str | None,
    parallel: int | None,
    dry_run: bool,
    pairs: tuple[str, ...],
    document: str | None,
    file: str | None,
    tags: tuple[str, ...],
    yes: bool,
    place: Place,
) -> None:
    """Create a run for each tick of a schedule in a range of time.

    The range begins with --from, and ends before --to.

    Ticks that have a run already, in whatever state, are left alone, so this can be repeated, and goes on where it
    stopped. Ticks whose runs have been deleted, as by the deployment's runHistory, are run again.

    A time without a zone is by the clock of the schedule's time zone.

    \b
    Examples:
      millstream backfill nightly --from 2026-01-01 --to 2026-02-01 --dry-run
      millstream backfill nightly --from 2026-01-01 --to 2026-02-01 --parallel 4
      millstream backfill etl --schedule hourly --from 12h -p full=true --tag again --yes
    """
    from millstream._cluster import backfills  # noqa: PLC0415 - all of these are slow to import
    from millstream.cli._backfill import ask, carry_out, period, preview  # noqa: PLC0415

    cluster = place.connect()
    found = named_deployment(cluster, name).body
    spec = backfills.chosen_schedule(found, schedule)
    times = backfills.ticks_between(spec, *period(spec, start, end))
    parameters = given_parameters(
        found["spec"].get("parameterSchema", {}), pairs=pairs, document=document, file=file
    )
    template = backfills.template_of_runs(found, spec, parameters, tags)
    ticks = backfills.ticks_with_runs(found, spec, times, backfills.runs_of(cluster, found))
    missing = [tick for tick in ticks if tick.state is None]
    backfills.check_deployment(found, runs=len(missing), parallel=parallel)
    preview(found, spec, ticks, in_full=dry_run)
    if not missing or dry_run:
        return
    if not yes:
        ask(len(missing))
    carry_out(backfills.create_runs(cluster, found, template, ticks, parallel), missing, spec)
