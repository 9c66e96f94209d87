"""Which runs of the cluster a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._choices import Choice, choice_options, chosen_runs
from millstream.cli._cluster import cluster_options
from millstream.cli._many import Deed, Noun, carry_out, preview_options
from millstream.cli._objects import ObjectName, complete_names, found
from millstream.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.runs import Run
    from millstream.cli._output import Column

_NAME = ObjectName("flowrun")


def run_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command RUN, or `--last` and perhaps `--deployment`; `one_run` finds it."""
    for option in reversed(_ONE):
        command = option(command)
    return command


_ONE = (
    click.argument(
        "name", metavar="RUN", type=_NAME, required=False, shell_complete=complete_names("flowruns")
    ),
    click.option("--last", is_flag=True, help="The run that was created last, in place of RUN."),
    click.option(
        "--deployment",
        metavar="NAME",
        type=ObjectName("flowdeployment", takes_flow=True),
        shell_complete=complete_names("flowdeployments"),
        help="With --last: the run of this deployment.",
    ),
)

_SEVERAL = (
    click.argument(
        "names", metavar="[RUN]...", type=_NAME, nargs=-1, shell_complete=complete_names("flowruns")
    ),
    choice_options,
    preview_options,
    cluster_options,
)


def runs_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `carry_out_with_runs` takes, and `place`."""
    for option in reversed(_SEVERAL):
        command = option(command)
    return command


def carry_out_with_runs(
    deed: Deed[Run], cluster: Cluster, *, names: Sequence[str], choice: Choice, yes: bool, dry_run: bool
) -> list[Run]:
    """Do something with the runs that are named or chosen, as `carry_out` does."""
    noun = Noun("run", "--state and --deployment", named_run, _columns)
    chosen = None if choice == Choice() else chosen_runs(cluster, choice)
    return carry_out(deed, noun, cluster, names=names, chosen=chosen, yes=yes, dry_run=dry_run)


def _columns() -> Iterable[Column[Run]]:
    from millstream.cli._flow_run_views import RUNS  # noqa: PLC0415 - slow to import

    return RUNS


def one_run(cluster: Cluster, name: str | None, *, last: bool, deployment: str | None) -> Run:
    """The run of that name, or the last one, perhaps of a deployment.

    Raises:
        ObjectNotFound: There is none.
        click.UsageError: Both or none of them is given.
    """
    if (name is None) != last:
        raise click.UsageError("Give either the name of a run or --last.")
    if deployment is not None and not last:
        raise click.UsageError("--deployment goes with --last: a name is enough without it.")
    if name is not None:
        return named_run(cluster, name)
    of = frozenset(() if deployment is None else [deployment])
    runs = chosen_runs(cluster, Choice(deployments=of))
    if (latest := max(runs, key=lambda run: (run.created, run.name), default=None)) is None:
        which = "" if deployment is None else f" of {deployment}"
        raise ObjectNotFound(f"There are no runs{which} in namespace {cluster.namespace}.")
    return latest


def named_run(cluster: Cluster, name: str) -> Run:
    """The run of that name.

    Raises:
        ObjectNotFound: There is none.
    """
    from millstream._cluster.kinds import FLOW_RUNS  # noqa: PLC0415 - slow to import
    from millstream._cluster.runs import Run  # noqa: PLC0415

    return Run.of(found(cluster, FLOW_RUNS, name))
