"""`millstream run cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._flow_runs import carry_out_with_runs, runs_options
from millstream.cli._many import Deed

if TYPE_CHECKING:
    from millstream._cluster.cluster import Cluster
    from millstream._cluster.connection import Place
    from millstream._cluster.runs import Run


@click.command("cancel")
@runs_options
@click.option("--wait", is_flag=True, help="Wait until the runs have ended, and their pods with them.")
def command(*, wait: bool, place: Place, **which: Any) -> None:
    """End runs.

    A run under way gets SIGTERM and, after its grace period, SIGKILL. It cannot be taken back.

    Without names, the filters choose among the runs that have not ended; they are shown, and asked for.

    \b
    Examples:
      millstream run cancel etl-x7k2p9 --wait
      millstream run cancel --deployment etl --state queued
      millstream run cancel --reason ImagePullError --since 1h --yes
      millstream run cancel --tag backfill --dry-run
    """
    cluster = place.connect()
    runs = carry_out_with_runs(Deed("cancel", "cancelled", _cancel, _objection), cluster, **which)
    if wait:
        from millstream.cli._watching import end_of  # noqa: PLC0415 - slow to import

        for run in runs:
            click.echo(f"{run.name} is {end_of(cluster, run).state}.", err=True)


def _objection(run: Run) -> str:
    return f"is {run.state}: it has ended already." if run.is_final else ""


def _cancel(cluster: Cluster, run: Run) -> str:
    run.change(cluster, {"cancel": True})
    return f"{run.name} is to end."
