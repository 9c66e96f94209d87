"""`millstream deployment`: the deployments of the cluster."""

from __future__ import annotations

import click

from millstream.cli._groups import LazyGroup

COMMANDS = {
    "delete": "Delete deployments; their runs stay.",
    "ls": "List deployments: when they run next, how they ran last, whether they are ready.",
    "pause": "Let the schedules of deployments rest.",
    "resume": "Let the schedules of deployments go on.",
    "run": "Run a deployment now, or at a time.",
    "show": "Show a deployment: its schedules, parameters and last runs.",
}


@click.group("deployment", cls=LazyGroup, lazy=COMMANDS, package="millstream.cli.deployment_commands")
def command() -> None:
    """See, run and pause the deployments of the cluster.

    `millstream deploy` makes them, and `millstream run` has the commands for their runs.

    \b
    Examples:
      millstream deployment ls
      millstream deployment run etl -p day=2026-01-31 --watch
      millstream deployment pause etl
    """
