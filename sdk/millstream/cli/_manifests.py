"""Objects of Kubernetes as documents that `kubectl apply` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from millstream.cli._objects import full_name, plain
from millstream.cli._output import show_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream._cluster.cluster import Object


_NO_TEXTS: Final = {"y", "yes", "n", "no", "on", "off", "true", "false", "null"}
"""Words that YAML 1.1 or 1.2 takes for something else, in whatever case; its numbers do not begin with a letter."""


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
        lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text)),
    )
    text = yaml.dump_all(objects, Dumper=Dumper, sort_keys=False, allow_unicode=True, explicit_start=True)
    click.echo(text, nl=False)


def _style(text: str) -> str | None:
    """How to write a text so that all who read YAML, of whatever version, read this text; None is without quotes."""
    if not all(character.isprintable() or character in "\n\t" for character in text):
        return '"'
    if "\n" in text:
        return "|"
    return None if text[:1].isalpha() and text.lower() not in _NO_TEXTS else "'"
