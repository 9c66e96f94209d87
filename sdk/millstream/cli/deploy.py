"""`millstream deploy`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from millstream.cli._cluster import cluster_options
from millstream.cli._deploy_options import deploy_options
from millstream.cli._manifests import show_manifests
from millstream.cli._objects import full_name
from millstream.cli.run import names_a_flow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.connection import Place
    from millstream._deploy.applying import Planned
    from millstream._deploy.manifests import Manifests
    from millstream._deploy.wanted import Wanted

_OF_SEVERAL = {"image", "version", "suspend"}
"""Fields that may be said of several deployments at once, as by what builds and releases a project."""
_MOST_FILES = 3


def _completed(incomplete: str) -> list[CompletionItem]:
    """A file, or a deployment of millstream.yaml; the file first, as bash's script forgets what came before it."""
    from pathlib import Path  # noqa: PLC0415 - slow to import, as all of these

    from millstream._deploy.project import FILE, read_project  # noqa: PLC0415
    from millstream.exceptions import MillstreamError  # noqa: PLC0415

    names: list[str] = []
    with suppress(MillstreamError):  # also where there is no such file
        names = [str(one.name) for one in read_project(Path(FILE))]
    fitting = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *fitting]


class _Command(click.Command):
    """Takes `--dry-run` alone as `--dry-run=client`: what follows it is no value of it, as with kubectl."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--dry-run=client" if one == "--dry-run" else one for one in args])


@click.command("deploy", cls=_Command)
@click.argument(
    "what",
    metavar="[FILE:FLOW | NAME...]",
    nargs=-1,
    shell_complete=lambda _ctx, _param, incomplete: _completed(incomplete),
)
@deploy_options
@click.option(
    "--build", "builds", is_flag=True, help="Build an image with the project, by Docker or Buildah."
)
@click.option("--push", "pushes", is_flag=True, help="Push that image to its registry.")
@click.option("--force", is_flag=True, help="Take fields that others, such as kubectl, have changed.")
@click.option(
    "--dry-run",
    type=click.Choice(["client", "server"]),
    metavar="[=client|server]",
    help="Change nothing. client asks no cluster; server has the cluster check everything.",
)
@click.option(
    "-o", "--output", type=click.Choice(["yaml", "json", "name"]), help="Print the objects, as for git."
)
@cluster_options
def command(
    *,
    what: tuple[str, ...],
    said: dict[str, Any],
    builds: bool,
    pushes: bool,
    force: bool,
    dry_run: str | None,
    output: str | None,
    place: Place,
) -> None:
    """Bring flows into the cluster, with their files and schedules.

    Without arguments these are all deployments of millstream.yaml, with names those of them. Options go over what
    stands there. Without an image, a flow's file travels in a ConfigMap, with the local modules that it imports, and
    its packages are installed before each run.

    \b
    Examples:
      millstream deploy etl.py --cron '0 6 * * *' --timezone Europe/Berlin
      millstream deploy etl.py:nightly --name nightly -p region=eu --retries 2
      millstream deploy flows.py --build --push --image registry.example.com/team/flows
      millstream deploy
      millstream deploy nightly --suspend
      millstream deploy --dry-run -o yaml > manifests.yaml
    """
    from pathlib import Path  # noqa: PLC0415 - slow to import

    from millstream._deploy.manifests import manifests_of_all  # noqa: PLC0415 - as above
    from millstream.settings import get_current_settings  # noqa: PLC0415 - as above

    if pushes and not builds:
        raise click.UsageError("--push goes with --build.")
    if builds and dry_run:
        raise click.UsageError("--build changes more than --dry-run can tell: give one of them.")
    root = Path.cwd()
    base = get_current_settings().deploy_image
    made = manifests_of_all(_wanted(root, what, said), root, image=base, builds=builds)
    _note_elsewhere(made)
    if dry_run == "client":
        _show([one.deployment for one in made], made, output, place.namespace)
        return
    cluster = place.connect()
    if builds:
        _build(cluster, made, base, force=force, pushes=pushes)
    _deploy(cluster, made, output, force=force, is_trial=dry_run is not None)


def _wanted(root: Path, what: tuple[str, ...], said: dict[str, Any]) -> list[Wanted]:
    """What is named, with the options over it."""
    from dataclasses import replace  # noqa: PLC0415 - all of these are slow to import

    from millstream._deploy.project import FILE, chosen, read_project  # noqa: PLC0415
    from millstream._deploy.wanted import Wanted, merged  # noqa: PLC0415

    if any(names_a_flow(word) for word in what):
        if len(what) > 1:
            raise click.UsageError(f"Deploy one flow at a time; several stand in {FILE}.")
        return [Wanted(what[0], **said)]
    path = root / FILE
    if not path.is_file():
        raise click.UsageError(f"There is no {FILE} in {root}. Name a flow, as FILE.py or FILE.py:FLOW.")
    wanted = chosen(read_project(path), what)
    if len(wanted) > 1 and (said.keys() - {"spec"} or said.get("spec", {}).keys() - _OF_SEVERAL):
        raise click.UsageError(f"These options go with one deployment: name one of {FILE}.")
    spec = said.get("spec", {})
    return [replace(one, **{**said, "spec": merged(one.spec, spec)}) for one in wanted]


def _note_elsewhere(made: Sequence[Manifests]) -> None:
    for one in made:
        if not one.elsewhere:
            continue
        more = len(one.elsewhere) - _MOST_FILES
        files = ", ".join(map(str, one.elsewhere[:_MOST_FILES])) + (f" and {more} more" if more > 0 else "")
        click.echo(
            f"{one.name} loads {files}, which is not in {one.root} and does not travel: its image has to have it.",
            err=True,
        )


def _build(
    cluster: Cluster, made: Sequence[Manifests], base: str | None, *, force: bool, pushes: bool
) -> None:
    from millstream._deploy.applying import plan  # noqa: PLC0415 - slow to import
    from millstream._deploy.images import Builder, shared  # noqa: PLC0415 - as above

    for one in made:
        one.deployment["spec"].setdefault("image", one.name)
    projects, builder = shared(made), Builder()
    plan(cluster, made, force=force)  # what is refused is told before anything is built
    built = {name: builder.build(project, base=base, repository=name) for name, project in projects.items()}
    for image in built.values():
        if pushes:
            builder.push(image)
        else:
            click.echo(
                f"Built {image}. Nodes have to find it: --push, or on kind `kind load docker-image {image}`.",
                err=True,
            )
    for one in made:
        one.deployment["spec"]["image"] = built[one.deployment["spec"]["image"]]


def _deploy(
    cluster: Cluster, made: Sequence[Manifests], output: str | None, *, force: bool, is_trial: bool
) -> None:
    from millstream._deploy.applying import apply, plan  # noqa: PLC0415 - slow to import

    planned = plan(cluster, made, force=force)
    stored: list[Object] = []
    try:
        for one in planned:
            stored.append(one.after if is_trial else apply(cluster, one))
            if output is None:
                _tell(one, " (server dry run)" if is_trial else "")
    finally:
        if output is not None and len(stored) < len(planned):
            for one in planned[: len(stored)]:
                click.echo(_done(one), err=True)
    if output is not None:
        _show(stored, made, output, None)
    if not is_trial:
        _tidy(cluster, planned, stored)
    _note_paused(planned, stored)
    _note_missing(cluster, planned, stored)


def _tell(planned: Planned, how: str) -> None:
    click.echo(f"{_done(planned)}{how}")
    for change in planned.changes:
        click.echo(f"  {change}")


def _done(planned: Planned) -> str:
    return f"{full_name(planned.manifests.deployment)} {planned.word}"


def _show(
    deployments: Sequence[Object], made: Sequence[Manifests], output: str | None, namespace: str | None
) -> None:
    objects = []
    for deployment, one in zip(deployments, made, strict=True):
        objects += [deployment] if one.source is None else [one.source, deployment]
    if output is None:
        for each in objects:
            click.echo(f"{full_name(each)} (dry run)")
        return
    named = {} if namespace is None else {"namespace": namespace}
    show_manifests([{**each, "metadata": {**each["metadata"], **named}} for each in objects], output)


def _tidy(cluster: Cluster, planned: Sequence[Planned], stored: Sequence[Object]) -> None:
    from millstream._deploy.applying import delete_old_sources  # noqa: PLC0415 - slow to import
    from millstream.exceptions import ClusterError  # noqa: PLC0415 - as above

    try:
        for before, now in zip(planned, stored, strict=True):
            for name in delete_old_sources(cluster, before, now):
                click.echo(f"configmap/{name} deleted: no run needs these files any more", err=True)
    except ClusterError as error:
        click.echo(f"Old files of flows stay, in ConfigMaps: {error}", err=True)


def _note_paused(planned: Sequence[Planned], stored: Sequence[Object]) -> None:
    for before, now in zip(planned, stored, strict=True):
        if now["spec"].get("suspend") and not before.manifests.deployment["spec"].get("suspend"):
            name = now["metadata"]["name"]
            click.echo(f"{name} is paused as before: `millstream deployment resume {name}`", err=True)


def _note_missing(cluster: Cluster, planned: Sequence[Planned], stored: Sequence[Object]) -> None:
    """Tell what neither a deployment says nor its namespace, as far as that can be read."""
    from millstream._deploy.applying import namespace_defaults  # noqa: PLC0415 - slow to import
    from millstream.exceptions import ClusterError  # noqa: PLC0415 - as above

    images = [one["metadata"]["name"] for one in stored if "image" not in one["spec"]]
    storages = [
        before.manifests.name
        for before, now in zip(planned, stored, strict=True)
        if before.manifests.keeps_results and not _has_storage(now["spec"])
    ]
    try:
        defaults = namespace_defaults(cluster) if images or storages else frozenset()
    except ClusterError:
        return
    if images and "image" not in defaults:
        click.echo(
            f"{', '.join(images)}: no image is named, and none by millstream-defaults of the namespace. Unless those of "
            "the operator have one, set MILLSTREAM_DEPLOY_IMAGE to the image of flows and deploy again.",
            err=True,
        )
    if storages and "storage" not in defaults:
        click.echo(
            f"{', '.join(storages)}: results are kept, but no storage is named, and none by millstream-defaults of the "
            "namespace. Unless those of the operator have one, they go with the pod: name one as `storage` "
            "(docs/storage.md).",
            err=True,
        )


def _has_storage(spec: Object) -> bool:
    """Whether a deployment names a storage, or may do so by variables that cannot be seen here."""
    from millstream.settings import Settings  # noqa: PLC0415 - slow to import

    pod = spec.get("pod", {})
    variables = {Settings.storage.name, Settings.results_storage.name}
    return bool("storage" in spec or pod.get("envFrom")) or any(
        one["name"] in variables for one in pod.get("env", ())
    )
