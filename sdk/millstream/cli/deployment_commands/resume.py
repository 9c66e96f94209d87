"""`millstream deployment resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._deployments import deployments_argument, set_suspended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream._cluster.connection import Place


@click.command("resume")
@deployments_argument
@cluster_options
def command(*, names: Sequence[str], place: Place) -> None:
    """Let the schedules of deployments go on.

    Nothing is run for the ticks that have passed meanwhile.

    \b
    Example:
      millstream deployment resume etl report
    """
    set_suspended(place.connect(), names, suspended=False)
