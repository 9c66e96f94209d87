"""`millstream deployment run`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from millstream import _surroundings
from millstream.cli._cluster import cluster_options
from millstream.cli._deployments import deployment_argument, named_deployment
from millstream.cli._objects import full_name, plain
from millstream.cli._output import show_document
from millstream.cli._parameters import given_parameters, parameter_options
from millstream.cli._texts import Text
from millstream.cli._times import Moment
from millstream.resources.names import MAX_RUN_NAME

if TYPE_CHECKING:
    from datetime import datetime

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.connection import Place


@click.command("run")
@deployment_argument
@parameter_options
@click.option("--name", "run_name", metavar="NAME", help="What to call the run.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag for the run. May be repeated.")
@click.option(
    "--at", type=Moment(is_ahead=True), help="When it is due: 30m from now, or 2026-01-31T08:00; else now."
)
@click.option(
    "--idempotency-key",
    "key",
    metavar="KEY",
    type=Text(),
    help="Make one run only, however often this is called with the key.",
)
@click.option("--priority", type=int, metavar="NUMBER", help="Among runs that wait, higher comes first.")
@click.option("--image", metavar="IMAGE", help="Another image, if the deployment allows that.")
@click.option(
    "--run-seconds", type=click.IntRange(1), metavar="SECONDS", help="How long each attempt may run."
)
@click.option(
    "--retries", type=click.IntRange(0), metavar="NUMBER", help="New attempts after the code failed."
)
@click.option("-w", "--watch", is_flag=True, help="Follow the run until it ends; its end is the exit code.")
@click.option(
    "-o", "--output", type=click.Choice(["json", "yaml", "name"]), help="Print the run that was made."
)
@cluster_options
def command(
    *,
    name: str,
    pairs: tuple[str, ...],
    document: str | None,
    file: str | None,
    run_name: str | None,
    tags: tuple[str, ...],
    at: datetime | None,
    key: str | None,
    priority: int | None,
    image: str | None,
    run_seconds: int | None,
    retries: int | None,
    watch: bool,
    output: str | None,
    place: Place,
) -> None:
    """Run a deployment now, or at a time.

    Parameters are checked before anything is made; those that are not given are as the deployment says.

    \b
    Examples:
      millstream deployment run etl -p day=2026-01-31 --watch
      millstream deployment run etl --params '{"n": 3}' --tag backfill --at 2h
      millstream deployment run etl --idempotency-key "$BUILD_ID" -o name
    """
    from millstream._cluster.new_runs import keyed_name, new_run  # noqa: PLC0415 - slow to import

    if key is not None and run_name is not None:
        raise click.UsageError(
            "Give either --name or --idempotency-key: a run with a key has its name by it."
        )
    if run_name is not None and not _is_name(run_name):
        raise click.UsageError(
            f"{run_name!r} is no name of a run, which has up to {MAX_RUN_NAME} of a-z, 0-9 and -, and begins and ends "
            "with one of a-z and 0-9."
        )
    cluster = place.connect()
    deployment = named_deployment(cluster, name)
    if image is not None and not deployment.spec.get("overrides", {}).get("allowImage"):
        raise click.UsageError(
            f"{name} does not let its runs have another image. Leave out --image, or let it by `overrides: "
            "{allowImage: true}` in millstream.yaml, and `millstream deploy`."
        )
    schema = deployment.spec.get("parameterSchema", {})
    made = new_run(
        deployment.body,
        name=run_name if key is None else keyed_name(name, key),
        parameters=given_parameters(schema, pairs=pairs, document=document, file=file),
        tags=tags,
        scheduled_time=at,
    )
    made["spec"] |= _given(priority=priority, overrides=_overrides(image, run_seconds, retries))
    run = _created(cluster, made, is_keyed=key is not None)
    if at is not None and at.timestamp() < _surroundings.current.time():
        click.echo("--at is in the past: the run is due now.", err=True)
    if output in {"json", "yaml"}:
        show_document(plain(run), output)
    elif output == "name":
        click.echo(full_name(run))
    if watch:
        from millstream.cli._watching import watch_to_end  # noqa: PLC0415 - slow to import

        watch_to_end(cluster, run)


def _is_name(text: str) -> bool:
    return len(text) <= MAX_RUN_NAME and re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", text) is not None


def _created(cluster: Cluster, made: Object, *, is_keyed: bool) -> Object:
    from millstream._cluster.kinds import FLOW_RUNS  # noqa: PLC0415 - slow to import
    from millstream._cluster.new_runs import create_run  # noqa: PLC0415
    from millstream.exceptions import ObjectAlreadyExists  # noqa: PLC0415

    meta = made["metadata"]
    try:
        run = create_run(cluster, made)
    except ObjectAlreadyExists:
        if not is_keyed:
            raise
        run = cluster.get(FLOW_RUNS, meta["name"], namespace=meta["namespace"])
        click.echo(f"{meta['name']} has this key already; nothing was made.", err=True)
    else:
        click.echo(f"Created {meta['name']}. Its log: millstream run logs -f {meta['name']}", err=True)
    return run


def _overrides(image: str | None, run_seconds: int | None, retries: int | None) -> Object | None:
    return _given(
        image=image,
        timeouts=_given(runSeconds=run_seconds) or None,
        retryPolicy=_given(failures=retries) or None,
    )


def _given(**values: Any) -> Object:
    return {name: value for name, value in values.items() if value not in (None, {})}
