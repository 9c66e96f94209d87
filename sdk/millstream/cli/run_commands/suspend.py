"""`millstream run suspend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._flow_runs import carry_out_with_runs, runs_options
from millstream.cli._many import Deed

if TYPE_CHECKING:
    from millstream._cluster.cluster import Cluster
    from millstream._cluster.connection import Place
    from millstream._cluster.runs import Run


@click.command("suspend")
@runs_options
def command(*, place: Place, **which: Any) -> None:
    """Let runs rest until they are resumed.

    An attempt under way is stopped as by `cancel`; a resumed run goes on with a new attempt, from the beginning of its
    flow. Without names, the filters choose among the runs that have not ended; they are shown, and asked for.

    \b
    Examples:
      millstream run suspend etl-x7k2p9
      millstream run suspend --deployment etl --state queued
    """
    carry_out_with_runs(Deed("suspend", "suspended", _suspend, _objection), place.connect(), **which)


def _objection(run: Run) -> str:
    if run.is_final:
        return f"is {run.state}: it has ended already."
    return "is suspended already." if run.spec.get("suspend") else ""


def _suspend(cluster: Cluster, run: Run) -> str:
    run.change(cluster, {"suspend": True})
    return f"{run.name} is to rest."
