"""`millstream run resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._many import Deed, carry_out, many_options

if TYPE_CHECKING:
    from millstream._cluster.cluster import Cluster
    from millstream._cluster.connection import Place
    from millstream._cluster.runs import Run


@click.command("resume")
@many_options
def command(*, place: Place, **which: Any) -> None:
    """Let suspended runs go on.

    Without names, the filters choose among the suspended runs; they are shown, and asked for.

    \b
    Examples:
      millstream run resume etl-x7k2p9
      millstream run resume --deployment etl --since 1d --yes
    """
    carry_out(Deed("resume", "resumed", _objection, _resume), place.connect(), **which)


def _objection(run: Run) -> str:
    if run.is_final:
        return f"is {run.state}: it has ended already."
    return "" if run.spec.get("suspend") else "is not suspended."


def _resume(cluster: Cluster, run: Run) -> str:
    from millstream.cli._changes import change  # noqa: PLC0415 - slow to import

    change(cluster, run, {"suspend": False})
    return f"{run.name} goes on."
