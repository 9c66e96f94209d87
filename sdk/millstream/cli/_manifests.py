"""Objects of Kubernetes as documents that `kubectl apply` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli._objects import full_name, plain
from millstream.cli._output import show_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream._cluster.cluster import Object


def show_manifests(objects: Sequence[Object], output: str) -> None:
    """Print objects: as YAML one document each, texts of several lines as they are; as JSON a list; or their names."""
    shown = [plain(one) for one in objects]
    if output == "json":
        show_document({"apiVersion": "v1", "kind": "List", "items": shown}, "json")
    elif output == "name":
        for one in objects:
            click.echo(full_name(one))
    else:
        _show_yaml(shown)


def _show_yaml(objects: Sequence[Object]) -> None:
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
