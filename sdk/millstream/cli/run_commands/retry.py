"""`millstream run retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._choices import UNSUCCESSFUL, Choice
from millstream.cli._flow_runs import carry_out_with_runs, runs_options
from millstream.cli._many import Deed
from millstream.cli._objects import full_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.connection import Place
    from millstream._cluster.runs import Run


@click.command("retry")
@runs_options
@click.option(
    "-w", "--watch", is_flag=True, help="Follow the new run until it ends; its end is the exit code."
)
@click.option("-o", "--output", type=click.Choice(["name"]), help="Print the names of the new runs.")
def command(
    *,
    names: Sequence[str],
    choice: Choice,
    yes: bool,
    dry_run: bool,
    watch: bool,
    output: str | None,
    place: Place,
) -> None:
    """Run again what has ended: new runs with the same parameters.

    A new run has the parameters, tags, overrides and due time of the old one, and what its deployment says now.

    Without names, the filters choose among the runs that were unsuccessful, unless --state says otherwise, and that
    were not run again before; they are shown, and asked for.

    \b
    Examples:
      millstream run retry etl-x7k2p9 --watch
      millstream run retry --deployment etl --since 1d
      millstream run retry --reason OOMKilled --state failed --tag nightly --yes -o name
    """
    if watch and len(names) != 1:
        raise click.UsageError("--watch follows one run: give one name.")
    if choice != Choice() and not choice.states:
        choice = choice._replace(states=frozenset(UNSUCCESSFUL))
    cluster = place.connect()
    made: list[Object] = []

    def retry(cluster: Cluster, run: Run) -> str:
        made.append(_run_again(cluster, run))
        if output is not None:
            click.echo(full_name(made[-1]))
        return f"{run.name} runs again as {made[-1]['metadata']['name']}."

    retried = set() if names else _retried(cluster)
    deed = Deed("retry", "retried", retry, lambda run: _objection(run, retried))
    carry_out_with_runs(deed, cluster, names=names, choice=choice, yes=yes, dry_run=dry_run)
    if watch and made:
        from millstream.cli._watching import watch_to_end  # noqa: PLC0415 - slow to import

        watch_to_end(cluster, made[0])


def _retried(cluster: Cluster) -> set[str]:
    """The names of the runs that were run again before, so that whoever repeats a command does nothing twice."""
    from millstream._cluster.kinds import FLOW_RUNS  # noqa: PLC0415 - slow to import
    from millstream.resources.labels import RETRY_OF  # noqa: PLC0415

    return {o["metadata"]["labels"][RETRY_OF] for o in cluster.list(FLOW_RUNS, labels=RETRY_OF)}


def _objection(run: Run, retried: set[str]) -> str:
    if not run.is_final:
        return f"is {run.state or 'new'}: it has not ended yet."
    return "was run again before." if run.name in retried else ""


def _run_again(cluster: Cluster, run: Run) -> Object:
    from millstream._cluster.kinds import FLOW_DEPLOYMENTS  # noqa: PLC0415 - slow to import
    from millstream._cluster.new_runs import another_run, check_parameters, create_run  # noqa: PLC0415

    if run.deployment:
        deployment = cluster.get(FLOW_DEPLOYMENTS, run.deployment, namespace=run.namespace)
        check_parameters(deployment, run.spec.get("parameters", {}))
    return create_run(cluster, another_run(run.body))
