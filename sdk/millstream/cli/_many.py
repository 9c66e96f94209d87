"""What is done with several runs: looked at before, asked for, and gone on with where one of them fails."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from millstream.cli._choices import Choice, choice_options, chosen_runs
from millstream.cli._cluster import cluster_options
from millstream.cli._errors import FAILED
from millstream.cli._flow_runs import named_run, runs_argument
from millstream.cli._output import show_table
from millstream.cli._terminal import harmless, note
from millstream.exceptions import ClusterUnreachable, MillstreamError, ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.runs import Run


class Deed(NamedTuple):
    """Something that can be done with a run.

    Attributes:
        verb: Its name, as `cancel`.
        done: As `cancelled`.
        objection: Why it cannot be done with a run; empty if it can. Those are left out where filters choose.
        do: Does it, and gives what is to be said then.
        is_asked_for: Whether it is asked for also where runs are named.
        warning: What is to be known before it is done with some runs.
    """

    verb: str
    done: str
    objection: Callable[[Run], str]
    do: Callable[[Cluster, Run], str]
    is_asked_for: bool = False
    warning: Callable[[Sequence[Run]], str] = lambda _: ""


def many_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `carry_out` takes."""
    for option in reversed((runs_argument, choice_options, *_OPTIONS, cluster_options)):
        command = option(command)
    return command


_OPTIONS = (
    click.option("--yes", is_flag=True, help="Do not ask."),
    click.option("--dry-run", is_flag=True, help="Only show which runs these are."),
)


def carry_out(
    deed: Deed, cluster: Cluster, *, names: Sequence[str], choice: Choice, yes: bool, dry_run: bool
) -> list[Run]:
    """Do something with the runs that are named or chosen; gives those with which it was done.

    Raises:
        click.UsageError: None are named or chosen, or nobody can be asked.
        SystemExit: It could not be done with all of them.
    """
    if bool(names) == (choice != Choice()):
        raise click.UsageError(
            "Say which runs: either their names, or filters such as --state and --deployment."
        )
    runs = _named(cluster, names) if names else _chosen(cluster, choice, deed)
    wanted = len(set(names)) or len(runs)
    if not wanted:
        click.echo(f"No runs found to be {deed.done}.", err=True)
        return []
    is_sure = yes or not (deed.is_asked_for or not names)
    if runs and (dry_run or not is_sure):
        _show(runs)
    if dry_run:
        click.echo(f"{_counted(len(runs))} would be {deed.done}. {deed.warning(runs)}".strip(), err=True)
        done = runs
    else:
        if runs and not is_sure:
            _ask(deed, runs)
        done = _do_all(deed, cluster, runs)
    if len(done) < wanted:
        if wanted > 1:
            click.echo(f"{wanted - len(done)} of {_counted(wanted)} could not be {deed.done}.", err=True)
        sys.exit(FAILED)
    return [] if dry_run else done


def _named(cluster: Cluster, names: Sequence[str]) -> list[Run]:
    """The runs of these names; which of them there are not is told."""
    runs = []
    for name in dict.fromkeys(names):
        try:
            runs.append(named_run(cluster, name))
        except ObjectNotFound as error:
            note(harmless(str(error), err=True))
    return runs


def _chosen(cluster: Cluster, choice: Choice, deed: Deed) -> list[Run]:
    runs = [run for run in chosen_runs(cluster, choice) if not deed.objection(run)]
    return sorted(runs, key=lambda run: (run.created, run.name))


def _show(runs: Sequence[Run]) -> None:
    from millstream.cli._flow_run_views import RUNS  # noqa: PLC0415 - slow to import

    show_table([column for column in RUNS if not column.is_wide], runs)


def _ask(deed: Deed, runs: Sequence[Run]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{_counted(len(runs))} would be {deed.done}, and there is no terminal to ask on. Give --yes to do it, or "
            "--dry-run to see them only."
        )
    question = f"{deed.warning(runs)} {deed.verb.capitalize()} {_counted(len(runs))}?".strip()
    click.confirm(question, abort=True, err=True)


def _do_all(deed: Deed, cluster: Cluster, runs: Sequence[Run]) -> list[Run]:
    done = []
    for run in runs:
        if objection := deed.objection(run):
            click.echo(f"{run.name} {objection}", err=True)
            continue
        try:
            click.echo(deed.do(cluster, run), err=True)
        except ClusterUnreachable as error:
            note(harmless(f"{run.name}: {error}", err=True))
            break  # the others would only wait for the same
        except MillstreamError as error:
            note(harmless(f"{run.name}: {error}", err=True))
            continue
        done.append(run)
    return done


def _counted(runs: int) -> str:
    return f"{runs} run" if runs == 1 else f"{runs} runs"
