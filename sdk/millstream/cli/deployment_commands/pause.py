"""`millstream deployment pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._deployments import deployments_argument, set_suspended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream._cluster.connection import Place


@click.command("pause")
@deployments_argument
@cluster_options
def command(*, names: Sequence[str], place: Place) -> None:
    """Let the schedules of deployments rest.

    Runs that there are go on, and `millstream deployment run` still makes some. What `millstream deploy` changes later
    leaves a deployment paused.

    \b
    Example:
      millstream deployment pause etl report
    """
    set_suspended(place.connect(), names, suspended=True)
