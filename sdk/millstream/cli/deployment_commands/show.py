"""`millstream deployment show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._choices import Choice, chosen_runs
from millstream.cli._cluster import cluster_options
from millstream.cli._deployments import deployment_argument, named_deployment
from millstream.cli._objects import full_name, plain
from millstream.cli._output import show_document

if TYPE_CHECKING:
    from millstream._cluster.connection import Place

_MOST_RUNS = 10


@click.command("show")
@deployment_argument
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "name"]), help="Show the object itself.")
@cluster_options
def command(*, name: str, output: str | None, place: Place) -> None:
    """Show a deployment: its schedules, parameters and last runs.

    \b
    Examples:
      millstream deployment show etl
      millstream deployment show etl -o yaml
    """
    from millstream.cli._deployment_views import print_deployment  # noqa: PLC0415 - slow to import

    cluster = place.connect()
    deployment = named_deployment(cluster, name)
    if output == "name":
        click.echo(full_name(deployment.body))
    elif output is not None:
        show_document(plain(deployment.body), output)
    else:
        runs = chosen_runs(cluster, Choice(deployments=frozenset({name})))
        latest = sorted(runs, key=lambda run: run.created, reverse=True)[:_MOST_RUNS]
        print_deployment(deployment, latest)
