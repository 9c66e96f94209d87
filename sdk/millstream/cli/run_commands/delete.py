"""`millstream run delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._flow_runs import carry_out_with_runs, runs_options
from millstream.cli._many import Deed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.connection import Place
    from millstream._cluster.runs import Run


@click.command("delete")
@runs_options
def command(*, place: Place, **which: Any) -> None:
    """Delete runs, and with them their pods and logs.

    A run under way ends by that. It is asked for, whether runs are named or filters choose them.

    \b
    Examples:
      millstream run delete etl-x7k2p9
      millstream run delete --state final --before 7d
      millstream run delete --state completed --deployment etl --yes
    """
    carry_out_with_runs(
        Deed("delete", "deleted", _delete, is_asked_for=True, warning=_warning),
        place.connect(),
        **which,
    )


def _warning(runs: Sequence[Run]) -> str:
    live = [run.name for run in runs if not run.is_final]
    under_way = f" {len(live)} of them {'have' if len(live) > 1 else 'has'} not ended yet." if live else ""
    return f"Their pods and logs go with them.{under_way}"


def _delete(cluster: Cluster, run: Run) -> str:
    run.delete(cluster)
    return f"Deleted {run.name}."
