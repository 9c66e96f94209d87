"""Objects of Kubernetes as documents that `kubectl apply` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._output import show_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def show_manifests(objects: Sequence[Mapping[str, Any]], output: str) -> None:
    """Print objects: as YAML one document each, texts of several lines as they are; as JSON a list; or their names."""
    shown = [{**one, "metadata": _without_fields(one["metadata"])} for one in objects]
    if output == "json":
        show_document({"apiVersion": "v1", "kind": "List", "items": shown}, "json")
    elif output == "name":
        for one in objects:
            click.echo(object_name(one))
    else:
        _show_yaml(shown)


def object_name(one: Mapping[str, Any]) -> str:
    """What kubectl calls an object."""
    group = one["apiVersion"].rpartition("/")[0].partition("/")[0]
    kind = one["kind"].lower()
    return f"{kind}.{group}/{one['metadata']['name']}" if group else f"{kind}/{one['metadata']['name']}"


def _without_fields(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != "managedFields"}


def _show_yaml(objects: Sequence[Mapping[str, Any]]) -> None:
    import yaml  # noqa: PLC0415 - slow to import

    class Dumper(yaml.SafeDumper):
        """Writes code as code."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - its signature
            return True

    Dumper.add_representer(
        str,
        lambda dumper, text: dumper.represent_scalar(
            "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
        ),
    )
    text = yaml.dump_all(objects, Dumper=Dumper, sort_keys=False, allow_unicode=True, explicit_start=True)
    click.echo(text, nl=False)
