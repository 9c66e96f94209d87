"""Objects of a cluster: how users name them, and how lists and documents of them are shown."""

from __future__ import annotations

import threading
from contextlib import suppress
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from millstream.cli._output import Column, show_document, show_table
from millstream.exceptions import MillstreamError, ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.connection import Place
    from millstream._cluster.kinds import Kind
    from millstream.cli._completions import Completion

_GROUP = "millstream.dev"
_OTHER_KINDS = {"flowrun", "job", "pod"}
_COMPLETION_SECONDS = 2.0
_MOST_COMPLETIONS = 500


class ObjectName(click.ParamType[str]):
    """The name of an object, perhaps after its kind as in what kubectl and `-o name` print.

    Args:
        singular: The kind, as `flowrun`.
        takes_flow: Whether it may stand after a flow's name, as Prefect names deployments.
    """

    def __init__(self, singular: str, *, takes_flow: bool = False) -> None:
        self.name = singular
        self._takes_flow = takes_flow
        self._kinds = {singular, f"{singular}s", f"{singular}.{_GROUP}", f"{singular}s.{_GROUP}"}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name alone."""
        from millstream.resources.names import is_name  # noqa: PLC0415 - slow to import

        kind, slash, name = str(value).rpartition("/")
        is_other = kind.lower() not in self._kinds
        if self._takes_flow:
            is_other = kind.lower().removesuffix(f".{_GROUP}").removesuffix("s") in _OTHER_KINDS
        if slash and is_other:
            self.fail(f"{value!r} names another kind: write NAME or {self.name}/NAME.", param, ctx)
        if not is_name(name):
            self.fail(f"{value!r} is no name: these have a-z, 0-9, - and . only.", param, ctx)
        return name


def found(cluster: Cluster, kind: Kind, name: str) -> Object:
    """The object of that name.

    Raises:
        ObjectNotFound: There is none; it names those that are called nearly so.
    """
    try:
        return cluster.get(kind, name)
    except ObjectNotFound as error:
        near: list[str] = []
        with suppress(MillstreamError):
            near = get_close_matches(name, [o["metadata"]["name"] for o in cluster.list(kind)])
        if not near:
            raise
        raise ObjectNotFound(f"{error} Did you mean {' or '.join(near)}?") from error


def show_objects(
    objects: Sequence[Object],
    columns: Sequence[Column[Any]],
    output: str | None,
    *,
    everywhere: bool,
    read: Callable[[Object], Any],
    nothing: str,
) -> None:
    """Print a list of objects of a cluster.

    Args:
        objects: The objects.
        columns: Those of the table.
        output: A format, or None for a table.
        everywhere: Whether they are of all namespaces, which are a column then.
        read: Gives what the columns take.
        nothing: What to say in place of an empty table.
    """
    if output in {"json", "yaml"}:
        items = [plain(o) for o in objects]
        show_document({"apiVersion": "v1", "kind": "List", "items": items}, output)
    elif output == "name":
        for o in objects:
            click.echo(full_name(o))
    elif not objects:
        click.echo(nothing, err=True)
    else:
        show_table(shown_columns(columns, output, everywhere=everywhere), [read(o) for o in objects])


def place_of(cluster: Cluster, *, everywhere: bool) -> str:
    """Where objects were looked for, for people."""
    return "any namespace" if everywhere else f"namespace {cluster.namespace}"


def shown_columns(
    columns: Sequence[Column[Any]], output: str | None, *, everywhere: bool
) -> list[Column[Any]]:
    """The columns of a table of objects, with their namespace if they are of all."""
    chosen = [column for column in columns if output == "wide" or not column.is_wide]
    if everywhere:
        chosen.insert(0, Column("namespace", lambda row: row.body["metadata"]["namespace"]))
    return chosen


def plain(o: Object) -> Object:
    """An object without what only the API server needs, as kubectl shows it."""
    meta = {name: value for name, value in o["metadata"].items() if name != "managedFields"}
    return {**o, "metadata": meta}


def full_name(o: Object) -> str:
    """What `-o name` prints, and other commands and kubectl take."""
    group, slash, _ = o["apiVersion"].partition("/")
    return f"{o['kind'].lower()}{f'.{group}' if slash else ''}/{o['metadata']['name']}"


def complete_names(plural: str) -> Completion:
    """The completion by the names of a kind; by none where the cluster is slow or says no."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del param
        from millstream._cluster.connection import Place  # noqa: PLC0415 - slow to import

        chosen = ctx.params
        place = Place(chosen.get("kubeconfig"), chosen.get("context"), chosen.get("namespace"))
        names: list[str] = []
        # A thread, as logging in to a cluster may take any time and may even ask for a password.
        reader = threading.Thread(target=_read_names, args=(place, plural, names), daemon=True)
        reader.start()
        reader.join(_COMPLETION_SECONDS)
        return [name for name in list(names) if name.startswith(incomplete)]

    return complete


def _read_names(place: Place, plural: str, names: list[str]) -> None:
    from millstream._cluster.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS  # noqa: PLC0415 - slow to import

    (kind,) = [kind for kind in (FLOW_DEPLOYMENTS, FLOW_RUNS) if kind.plural == plural]
    with suppress(MillstreamError):
        names += [o["metadata"]["name"] for o in islice(place.connect().list(kind), _MOST_COMPLETIONS)]
