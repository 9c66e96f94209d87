"""`millstream deployment ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._deployments import filter_options, filtered_deployments
from millstream.cli._objects import place_of, show_objects
from millstream.cli._output import output_option

if TYPE_CHECKING:
    from millstream._cluster.connection import Place


@click.command("ls")
@filter_options
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@output_option
@cluster_options
def command(
    *, tags: tuple[str, ...], pattern: str | None, everywhere: bool, output: str | None, place: Place
) -> None:
    """List deployments: when they run next, how they ran last, whether they are ready.

    \b
    Examples:
      millstream deployment ls
      millstream deployment ls -A -o wide
    """
    from millstream._cluster.deployments import Deployment  # noqa: PLC0415 - slow to import
    from millstream.cli._deployment_views import DEPLOYMENTS  # noqa: PLC0415

    cluster = place.connect()
    deployments = filtered_deployments(cluster, tags, pattern, everywhere=everywhere)
    show_objects(
        [deployment.body for deployment in deployments],
        DEPLOYMENTS,
        output,
        everywhere=everywhere,
        read=Deployment.of,
        nothing=f"No deployments found in {place_of(cluster, everywhere=everywhere)}.",
    )
