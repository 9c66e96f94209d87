"""`millstream history`: the runs that this machine remembers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from millstream.cli._groups import Group
from millstream.cli._output import output_option
from millstream.cli._times import Moment

if TYPE_CHECKING:
    from datetime import datetime


_SORTS = {
    "newest": "START_TIME_DESC",
    "oldest": "START_TIME_ASC",
    "ended": "END_TIME_DESC",
    "name": "NAME_ASC",
}


@click.group("history", cls=Group)
def command() -> None:
    """See what ran on this machine.

    The history is in MILLSTREAM_HOME: docs/history.md. A run is named by its id, its name, or the beginning of one of
    them; of several runs with a name, the latest is meant.
    """


@command.command("ls")
@click.option(
    "--state",
    "states",
    metavar="STATE",
    multiple=True,
    help="Runs in this state: a type, as failed, or a name, as TimedOut; or live, final, or unsuccessful (failed, "
    "crashed). May be repeated.",
)
@click.option("--flow", "flows", metavar="FLOW", multiple=True, help="Runs of this flow. May be repeated.")
@click.option(
    "--tag", "tags", metavar="TAG", multiple=True, help="Runs with all these tags. May be repeated."
)
@click.option("--since", type=Moment(), help="Runs that began since then: 30m, 12h, 1d, or 2026-01-31T08:00.")
@click.option("--name", "pattern", metavar="PATTERN", help="Runs with such a name, as 'report-*'.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The most to show.")
@click.option(
    "--sort", type=click.Choice(list(_SORTS)), default="newest", show_default=True, help="In which order."
)
@output_option
def list_runs(
    *,
    states: tuple[str, ...],
    flows: tuple[str, ...],
    tags: tuple[str, ...],
    since: datetime | None,
    pattern: str | None,
    limit: int,
    sort: str,
    output: str | None,
) -> None:
    """List runs, the latest first.

    \b
    Examples:
      millstream history ls --state failed --since 1d
      millstream history ls --flow nightly --name 'report-*' -o wide
    """
    from millstream.cli._output import show  # noqa: PLC0415 - pydantic, which filters are made of, is slow to import
    from millstream.cli._run_views import RUNS  # noqa: PLC0415
    from millstream.cli._runs import called, check_states, chosen  # noqa: PLC0415
    from millstream.client import get_client  # noqa: PLC0415
    from millstream.client.schemas.sorting import FlowRunSort  # noqa: PLC0415

    with get_client(sync_client=True, api="local") as client:
        check_states(client, states)
        options = chosen(states=states, flows=flows, tags=tags, since=since, pattern=pattern)
        runs = called(client, pattern, limit=limit, sort=FlowRunSort(_SORTS[sort]), **options)
    show(runs, RUNS, output, nothing="No runs found.")


@command.command("show")
@click.argument("run", metavar="RUN", required=False)
@click.option("--last", is_flag=True, help="The run that began last, in place of RUN.")
@click.option(
    "--limit", type=click.IntRange(0), default=100, show_default=True, help="The most task runs to show."
)
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Show all of it as a document.")
def show_run(*, run: str | None, last: bool, limit: int, output: str | None) -> None:
    """Show a run: its states, parameters, task runs and artifacts.

    \b
    Examples:
      millstream history show witty-otter
      millstream history show --last -o yaml
    """
    from millstream.cli._output import show_document  # noqa: PLC0415 - as above
    from millstream.cli._run_views import document_of, print_run  # noqa: PLC0415
    from millstream.cli._runs import details, find, latest  # noqa: PLC0415
    from millstream.client import get_client  # noqa: PLC0415

    if (run is None) != last:
        raise click.UsageError("Give either a run or --last.")
    with get_client(sync_client=True, api="local") as client:
        one = latest(client) if run is None else find(client, run)
        found = details(client, one, most_task_runs=limit)
    if output is None:
        print_run(found)
    else:
        show_document(document_of(found), output)


@command.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(*, yes: bool) -> None:
    """Forget all runs that have ended, and their artifacts.

    \b
    Examples:
      millstream history reset
      millstream history reset --yes
    """
    from millstream.client._local import LocalRuns  # noqa: PLC0415 - slow to import
    from millstream.settings import get_current_settings  # noqa: PLC0415

    home = get_current_settings().home
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "There is no terminal to ask on: give --yes to forget all runs that have ended."
            )
        click.confirm(f"Forget all runs in {home} that have ended?", abort=True, err=True)
    LocalRuns(home).forget_all()
