"""`millstream deployment delete`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from millstream.cli._choices import LIVE, Choice, chosen_runs
from millstream.cli._cluster import cluster_options
from millstream.cli._deployments import NAME, filter_options, filtered_deployments, named_deployment
from millstream.cli._many import Deed, Noun, carry_out, preview_options
from millstream.cli._objects import complete_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.connection import Place
    from millstream._cluster.deployments import Deployment
    from millstream.cli._output import Column

_WAITING = {"", "Scheduled", "Queued"}


@click.command("delete")
@click.argument(
    "names",
    metavar="[DEPLOYMENT]...",
    type=NAME,
    nargs=-1,
    shell_complete=complete_names("flowdeployments"),
)
@filter_options
@preview_options
@cluster_options
def command(
    *,
    names: Sequence[str],
    tags: tuple[str, ...],
    pattern: str | None,
    yes: bool,
    dry_run: bool,
    place: Place,
) -> None:
    """Delete deployments; their runs stay.

    Runs under way go on. Those that wait fail, with reason DeploymentNotFound. `millstream run delete --deployment NAME`
    deletes runs. It is asked for, whether deployments are named or filters choose them.

    \b
    Examples:
      millstream deployment delete etl report
      millstream deployment delete --name 'trial-*' --dry-run
    """
    cluster = place.connect()
    deed = Deed("delete", "deleted", _delete, is_asked_for=True, warning=partial(_consequences, cluster))
    noun = Noun("deployment", "--tag and --name", named_deployment, _columns)
    is_filtered = bool(tags) or pattern is not None
    chosen = filtered_deployments(cluster, tags, pattern) if is_filtered else None
    carry_out(deed, noun, cluster, names=names, chosen=chosen, yes=yes, dry_run=dry_run)


def _columns() -> Iterable[Column[Deployment]]:
    from millstream.cli._deployment_views import DEPLOYMENTS  # noqa: PLC0415 - slow to import

    return DEPLOYMENTS


def _consequences(cluster: Cluster, deployments: Sequence[Deployment]) -> str:
    of = frozenset(deployment.name for deployment in deployments)
    live = list(chosen_runs(cluster, Choice(states=frozenset(LIVE), deployments=of))) if of else []
    waiting = sum(run.state in _WAITING for run in live)
    return (
        f"Their runs stay: {len(live) - waiting} of them under way go on, and {waiting} that wait will fail."
    )


def _delete(cluster: Cluster, deployment: Deployment) -> str:
    deployment.delete(cluster)
    return f"Deleted {deployment.name}."
