"""Which deployments of the cluster a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._objects import ObjectName, complete_names, found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from millstream._cluster.cluster import Cluster, Object

NAME = ObjectName("flowdeployment", takes_flow=True)

deployment_argument: Callable[[Any], Any] = click.argument(
    "name", metavar="DEPLOYMENT", type=NAME, shell_complete=complete_names("flowdeployments")
)
deployments_argument: Callable[[Any], Any] = click.argument(
    "names",
    metavar="DEPLOYMENT...",
    type=NAME,
    nargs=-1,
    required=True,
    shell_complete=complete_names("flowdeployments"),
)


def named_deployment(cluster: Cluster, name: str) -> Object:
    """The deployment of that name.

    Raises:
        ObjectNotFound: There is none.
    """
    from millstream._cluster.kinds import FLOW_DEPLOYMENTS  # noqa: PLC0415 - slow to import

    return found(cluster, FLOW_DEPLOYMENTS, name)


def set_suspended(cluster: Cluster, names: Iterable[str], *, suspended: bool) -> None:
    """Let the schedules of deployments rest or go on; of that, `millstream deploy` says nothing."""
    from millstream._cluster.kinds import FLOW_DEPLOYMENTS  # noqa: PLC0415 - slow to import

    # All of them are looked up before one is changed.
    deployments = [named_deployment(cluster, name) for name in dict.fromkeys(names)]
    for deployment in deployments:
        meta = deployment["metadata"]
        if bool(deployment["spec"].get("suspend")) == suspended:
            click.echo(f"{meta['name']} is {'' if suspended else 'not '}paused already.", err=True)
            continue
        change = {"metadata": {"uid": meta["uid"]}, "spec": {"suspend": suspended}}
        cluster.patch(FLOW_DEPLOYMENTS, meta["name"], change, namespace=meta["namespace"])
        said = (
            "is paused: its schedules make no runs" if suspended else "goes on: its schedules make runs again"
        )
        click.echo(f"{meta['name']} {said}.", err=True)
