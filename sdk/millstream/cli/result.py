"""`millstream result`: what a run of the cluster returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millstream.cli._cluster import cluster_options
from millstream.cli._flow_runs import one_run, run_argument

if TYPE_CHECKING:
    from millstream._cluster.connection import Place


@click.command("result")
@run_argument
@click.option(
    "-o",
    "--output",
    metavar="json|FILE",
    help="Print JSON, or write a file: .json, .csv and .parquet as such, any other name as the bytes that are kept.",
)
@click.option(
    "--storage",
    metavar="PATH|URL",
    help="Where the result is, if not where the run says: a copy of a claim's folder, for instance.",
)
@cluster_options
def command(
    *,
    name: str | None,
    last: bool,
    deployment: str | None,
    output: str | None,
    storage: str | None,
    place: Place,
) -> None:
    """Print or save what a run of the cluster returned.

    Small JSON is in the run itself. What a flow with persist_result keeps is read from its storage, with the
    credentials that your environment has for it. A result that was pickled is loaded, which runs code that whoever
    can write to the storage has chosen: ask for results of runs that you trust. Bytes that are written to a file are
    not loaded.

    \b
    Examples:
      millstream result nightly-x7k2p9
      millstream result nightly-x7k2p9 -o sales.parquet
      millstream result --last --deployment nightly -o json | jq .total
      millstream result nightly-x7k2p9 -o result.pickle
    """
    from millstream._cluster.results import find_result  # noqa: PLC0415 - all of these are slow to import
    from millstream.cli._results import check_output, print_result, save_result  # noqa: PLC0415

    check_output(output)
    run = one_run(place.connect(), name, last=last, deployment=deployment)
    found = find_result(run.body, storage=storage)
    if output in {None, "json"}:
        print_result(found, as_json=output == "json")
    else:
        save_result(found, str(output))
