"""`millstream run logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._flow_runs import one_run, run_argument

if TYPE_CHECKING:
    from millstream._cluster.connection import Place


@click.command("logs")
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended, over all its attempts.")
@click.option("--attempt", type=click.IntRange(1), metavar="NUMBER", help="The log of this attempt only.")
@click.option(
    "--tail",
    type=click.IntRange(0),
    metavar="LINES",
    help="Only the last so many lines of the newest attempt, or of --attempt.",
)
@click.option("--timestamps", is_flag=True, help="Show before each line when it was written.")
@cluster_options
def command(
    *,
    name: str | None,
    last: bool,
    deployment: str | None,
    follow: bool,
    attempt: int | None,
    tail: int | None,
    timestamps: bool,
    place: Place,
) -> None:
    """Print what a run has printed, in all its attempts.

    Lines of the log go to standard output, and what is to be said of them to standard error: as where an attempt's pod
    is gone, of which only the last lines are kept, and at last how the run has ended.

    \b
    Examples:
      millstream run logs -f etl-x7k2p9
      millstream run logs etl-x7k2p9 --attempt 1 --tail 50 --timestamps
      millstream run logs --last --deployment etl > log.txt
    """
    from millstream._cluster.run_logs import RunLog  # noqa: PLC0415 - slow to import
    from millstream.cli._log_lines import print_said, print_state  # noqa: PLC0415

    cluster = place.connect()
    log = RunLog(
        cluster, one_run(cluster, name, last=last, deployment=deployment), tail=tail, is_followed=follow
    )
    for said in log.all() if attempt is None else log.only(attempt):
        print_said(said, with_times=timestamps)
    if attempt is None and log.end is not None:
        print_state(log.end)
