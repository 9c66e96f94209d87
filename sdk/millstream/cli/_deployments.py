"""Which deployments of the cluster a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._objects import ObjectName, complete_names, found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.deployments import Deployment

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


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `filtered_deployments` takes, as `tags` and `pattern`."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


_FILTERS = (
    click.option("--tag", "tags", metavar="TAG", multiple=True, help="Those with all these tags."),
    click.option("--name", "pattern", metavar="PATTERN", help="Those with such a name, as 'report-*'."),
)


def named_deployment(cluster: Cluster, name: str) -> Deployment:
    """The deployment of that name.

    Raises:
        ObjectNotFound: There is none.
    """
    from millstream._cluster.deployments import Deployment  # noqa: PLC0415 - slow to import
    from millstream._cluster.kinds import FLOW_DEPLOYMENTS  # noqa: PLC0415

    return Deployment.of(found(cluster, FLOW_DEPLOYMENTS, name))


def filtered_deployments(
    cluster: Cluster, tags: Iterable[str], pattern: str | None, *, everywhere: bool = False
) -> Iterator[Deployment]:
    """Those with all these tags, and such a name."""
    from fnmatch import fnmatchcase  # noqa: PLC0415 - slow to import, as all of these

    from millstream._cluster.deployments import Deployment  # noqa: PLC0415
    from millstream._cluster.kinds import FLOW_DEPLOYMENTS  # noqa: PLC0415

    for body in cluster.list(FLOW_DEPLOYMENTS, everywhere=everywhere):
        deployment = Deployment.of(body)
        if set(tags) <= set(deployment.tags) and (pattern is None or fnmatchcase(deployment.name, pattern)):
            yield deployment


def set_suspended(cluster: Cluster, names: Iterable[str], *, suspended: bool) -> None:
    """Let the schedules of deployments rest or go on; of that, `millstream deploy` says nothing."""
    # All of them are looked up before one is changed.
    deployments = [named_deployment(cluster, name) for name in dict.fromkeys(names)]
    for deployment in deployments:
        if bool(deployment.spec.get("suspend")) == suspended:
            click.echo(f"{deployment.name} is {'' if suspended else 'not '}paused already.", err=True)
            continue
        deployment.change(cluster, {"suspend": suspended})
        said = (
            "is paused: its schedules make no runs" if suspended else "goes on: its schedules make runs again"
        )
        click.echo(f"{deployment.name} {said}.", err=True)
