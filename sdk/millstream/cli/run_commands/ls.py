"""`millstream run ls`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from millstream.cli._choices import Choice, choice_options, chosen_runs
from millstream.cli._cluster import cluster_options
from millstream.cli._objects import place_of, show_objects, shown_columns
from millstream.cli._output import output_option, watch_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from millstream._cluster.connection import Place
    from millstream._cluster.runs import Run

_WATCH_SECONDS = 2.0


def _end(run: Run) -> float:
    """When a run ended; live ones will end later than all others."""
    return math.inf if run.status.completion_time is None else run.status.completion_time.timestamp()


_SORTS: dict[str, Callable[[Run], Any]] = {
    "newest": lambda run: -run.created.timestamp(),
    "oldest": lambda run: run.created,
    "ended": lambda run: -_end(run),
    "name": lambda run: run.name,
    "state": lambda run: (run.state, -run.created.timestamp()),
}


@click.command("ls")
@choice_options
@click.option("--limit", type=click.IntRange(1), help="The most to show.")
@click.option(
    "--sort", type=click.Choice(list(_SORTS)), default="newest", show_default=True, help="In which order."
)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@click.option("-w", "--watch", is_flag=True, help="Show the list anew every two seconds, until Ctrl-C.")
@output_option
@cluster_options
def command(
    *,
    choice: Choice,
    limit: int | None,
    sort: str,
    everywhere: bool,
    watch: bool,
    output: str | None,
    place: Place,
) -> None:
    """List the runs of the cluster.

    \b
    Examples:
      millstream run ls --state live --watch
      millstream run ls --state unsuccessful --since 1d --deployment etl
      millstream run ls --name 'etl-*' --sort ended -o wide
      millstream run ls -A --state failed --reason OOMKilled -o name
    """
    from millstream._cluster.runs import Run  # noqa: PLC0415 - slow to import
    from millstream.cli._flow_run_views import RUNS  # noqa: PLC0415

    cluster = place.connect()

    def read() -> list[Run]:
        runs = sorted(chosen_runs(cluster, choice, everywhere=everywhere), key=lambda run: run.name)
        return sorted(runs, key=_SORTS[sort])[:limit]

    if watch:
        if output not in {None, "wide"}:
            raise click.UsageError("--watch shows a table: leave out -o, or give -o wide.")
        watch_table(shown_columns(RUNS, output, everywhere=everywhere), read, seconds=_WATCH_SECONDS)
    show_objects(
        [run.body for run in read()],
        RUNS,
        output,
        everywhere=everywhere,
        read=Run.of,
        nothing=f"No runs found in {place_of(cluster, everywhere=everywhere)}.",
    )
