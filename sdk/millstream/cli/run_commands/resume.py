"""`millstream run resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._flow_runs import carry_out_with_runs, runs_options
from millstream.cli._many import Deed

if TYPE_CHECKING:
    from millstream._cluster.cluster import Cluster
    from millstream._cluster.connection import Place
    from millstream._cluster.runs import Run


@click.command("resume")
@runs_options
def command(*, place: Place, **which: Any) -> None:
    """Let suspended runs go on.

    Without names, the filters choose among the suspended runs; they are shown, and asked for.

    \b
    Examples:
      millstream run resume etl-x7k2p9
      millstream run resume --deployment etl --since 1d --yes
    """
    carry_out_with_runs(Deed("resume", "resumed", _resume, _objection), place.connect(), **which)


def _objection(run: Run) -> str:
    if run.is_final:
        return f"is {run.state}: it has ended already."
    return "" if run.spec.get("suspend") else "is not suspended."


def _resume(cluster: Cluster, run: Run) -> str:
    run.change(cluster, {"suspend": False})
    return f"{run.name} goes on."
