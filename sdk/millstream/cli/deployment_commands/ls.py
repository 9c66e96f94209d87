"""`millstream deployment ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._objects import show_objects
from millstream.cli._output import output_option

if TYPE_CHECKING:
    from millstream._cluster.connection import Place


@click.command("ls")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Those with all these tags.")
@click.option("--name", "pattern", metavar="PATTERN", help="Those with such a name, as 'report-*'.")
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
    from fnmatch import fnmatchcase  # noqa: PLC0415 - slow to import, as all of these

    from millstream._cluster.kinds import FLOW_DEPLOYMENTS  # noqa: PLC0415
    from millstream.cli._deployment_views import DEPLOYMENTS, Deployment  # noqa: PLC0415

    deployments = [
        o
        for o in place.connect().list(FLOW_DEPLOYMENTS, everywhere=everywhere)
        if set(tags) <= set(o["spec"].get("tags", ()))
        and (pattern is None or fnmatchcase(o["metadata"]["name"], pattern))
    ]
    show_objects(
        deployments,
        DEPLOYMENTS,
        output,
        everywhere=everywhere,
        read=Deployment.of,
        nothing="No deployments found.",
    )
