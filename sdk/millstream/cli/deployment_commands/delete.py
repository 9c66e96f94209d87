"""`millstream deployment delete`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from millstream.cli._choices import LIVE, Choice, chosen_runs
from millstream.cli._cluster import cluster_options
from millstream.cli._deployments import deployment_argument, named_deployment

if TYPE_CHECKING:
    from millstream._cluster.cluster import Cluster
    from millstream._cluster.connection import Place

_WAITING = {"", "Scheduled", "Queued"}


@click.command("delete")
@deployment_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@cluster_options
def command(*, name: str, yes: bool, place: Place) -> None:
    """Delete a deployment; its runs stay.

    Runs under way go on. Those that wait fail, with reason DeploymentNotFound. `millstream run delete --deployment NAME`
    deletes runs.

    \b
    Example:
      millstream deployment delete etl
    """
    from millstream._cluster.kinds import FLOW_DEPLOYMENTS  # noqa: PLC0415 - slow to import

    cluster = place.connect()
    deployment = named_deployment(cluster, name)
    if not yes:
        consequences = _consequences(cluster, name)
        if not sys.stdin.isatty():
            raise click.UsageError(
                f"{consequences} There is no terminal to ask on: give --yes to delete {name}."
            )
        click.confirm(f"{consequences} Delete {name}?", abort=True, err=True)
    cluster.delete(FLOW_DEPLOYMENTS, name, uid=deployment["metadata"]["uid"])
    click.echo(f"Deleted {name}.", err=True)


def _consequences(cluster: Cluster, name: str) -> str:
    choice = Choice(states=frozenset(LIVE), deployments=frozenset({name}))
    live = list(chosen_runs(cluster, choice))
    waiting = sum(run.state in _WAITING for run in live)
    return f"The runs of {name} stay: {len(live) - waiting} of them under way go on, and {waiting} that wait will fail."
