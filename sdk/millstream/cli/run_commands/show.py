"""`millstream run show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._flow_runs import one_run, run_argument
from millstream.cli._objects import full_name, plain
from millstream.cli._output import show_document
from millstream.cli._terminal import harmless, note

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.connection import Place
    from millstream._cluster.runs import Run

_MOST_WARNINGS = 20


@click.command("show")
@run_argument
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "name"]), help="Show the object itself.")
@cluster_options
def command(
    *, name: str | None, last: bool, deployment: str | None, output: str | None, place: Place
) -> None:
    """Show a run: where it stands and why, its attempts and their ends, its timings, its warnings.

    \b
    Examples:
      millstream run show etl-x7k2p9
      millstream run show --last -o yaml
    """
    from millstream.cli._flow_run_views import print_run  # noqa: PLC0415 - slow to import

    cluster = place.connect()
    run = one_run(cluster, name, last=last, deployment=deployment)
    if output == "name":
        click.echo(full_name(run.body))
    elif output is not None:
        show_document(plain(run.body), output)
    else:
        print_run(run, _warnings(cluster, run), _secrets(cluster, run))


def _secrets(cluster: Cluster, run: Run) -> AbstractSet[str]:
    """The parameters that are secret; all of them, where nobody can say which are."""
    from millstream._cluster.kinds import FLOW_DEPLOYMENTS  # noqa: PLC0415 - slow to import
    from millstream.exceptions import ClusterForbidden, ObjectNotFound  # noqa: PLC0415
    from millstream.resources.secret_parameters import secret_parameters  # noqa: PLC0415

    given: AbstractSet[str] = run.spec.get("parameters", {}).keys()
    template = run.spec.get("template")
    if given and template is None:
        try:
            template = cluster.get(FLOW_DEPLOYMENTS, run.deployment, namespace=run.namespace)["spec"]
        except (ClusterForbidden, ObjectNotFound):
            return given
    return secret_parameters((template or {}).get("parameterSchema", {}))


def _warnings(cluster: Cluster, run: Run) -> list[Object]:
    """The newest warnings about a run, its Jobs and its pods."""
    from millstream._cluster.kinds import EVENTS  # noqa: PLC0415 - slow to import
    from millstream.exceptions import ClusterForbidden  # noqa: PLC0415

    own: set[tuple[str, str | None]] = {("FlowRun", run.name)}
    for attempt in run.status.attempts:
        own |= {("Job", attempt.job), ("Pod", attempt.pod)}
    try:
        events = list(cluster.list(EVENTS, namespace=run.namespace, fields="type=Warning"))
    except ClusterForbidden as error:
        note(harmless(f"Warnings are not shown. {error}", err=True))
        return []
    about = [
        event
        for event in events
        if (event["involvedObject"].get("kind"), event["involvedObject"].get("name")) in own
        and event["metadata"]["creationTimestamp"] >= run.body["metadata"]["creationTimestamp"]
    ]
    return sorted(about, key=lambda event: str(event["metadata"]["creationTimestamp"]))[-_MOST_WARNINGS:]
