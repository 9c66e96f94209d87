"""Blocks as users name, see and make them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from millstream._block_names import canonical, plain
from millstream._parameter_problems import holds_secret
from millstream._secrets import MASK
from millstream.blocks import Block, _places
from millstream.blocks._fields import fitted, problems
from millstream.blocks.core import block_types
from millstream.cli._output import Column, View
from millstream.cli._parameters import split
from millstream.exceptions import BlockError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo


def title(kept: _places.Kept) -> str:
    """The type and the name of a block; where nothing says the type, the name."""
    return kept.name if kept.slug is None else f"{kept.slug}/{kept.name}"


BLOCKS: View[_places.Kept] = View(
    columns=(
        Column("name", lambda kept: kept.name),
        Column("type", lambda kept: kept.slug or ""),
        Column("kept in", lambda kept: kept.place),
    ),
    name=title,
    document=lambda kept: {"name": kept.name, "type": kept.slug, "place": kept.place},
)
TYPES: View[type[Block]] = View(
    columns=(
        Column("type", lambda kind: kind.get_block_type_slug()),
        Column(
            "fields",
            lambda kind: ", ".join(map(_field, kind.model_fields, kind.model_fields.values())),
            is_prose=True,
        ),
        Column("class", lambda kind: f"{kind.__module__}.{kind.__qualname__}", is_wide=True),
    ),
    name=lambda kind: kind.get_block_type_slug(),
    document=lambda kind: {
        "type": kind.get_block_type_slug(),
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "fields": [
            {"name": name, "required": field.is_required(), "secret": holds_secret(field.annotation)}
            for name, field in kind.model_fields.items()
        ],
    },
)


def _field(name: str, field: FieldInfo) -> str:
    said = [
        *(["required"] if field.is_required() else []),
        *(["secret"] if holds_secret(field.annotation) else []),
    ]
    return f"{name} ({', '.join(said)})" if said else name


def all_blocks() -> list[_places.Kept]:
    """The blocks that are found, those of places that are looked at first before others."""
    found: dict[tuple[str | None, str], _places.Kept] = {}
    for kept in _places.everything():
        found.setdefault((kept.slug, plain(kept.name)), kept)
    return list(found.values())


def find(named: str) -> _places.Kept:
    """The block that users name by its type and name, or by its name if no other has that.

    Raises:
        BlockError: There is none, or there are several.
    """
    slug, is_typed, name = named.partition("/")
    if is_typed:
        return _places.find(slug, name)
    found = [kept for kept in all_blocks() if plain(kept.name) == canonical(named)]
    if not found:
        raise _places.unknown(named, None)
    if len(found) > 1:
        raise BlockError(
            f"There are several blocks {named!r}. Name one of them: {', '.join(map(title, found))}."
        )
    return found[0]


def document_of(kept: _places.Kept) -> dict[str, Any]:
    """A block as a document; of a type that is not known, it is not known either what is secret.

    Raises:
        BlockError: It cannot be read.
    """
    kind = block_types().get(kept.slug or "")
    if kind is None:
        fields = dict.fromkeys(kept.fields, MASK)
    else:
        fields = {
            name: MASK if value is not None and holds_secret(kind.model_fields[name].annotation) else value
            for name, value in kind.from_kept(kept).model_dump(mode="json").items()
        }
    return {"name": kept.name, "type": kept.slug, "place": kept.place, "fields": fields}


def made(
    kind: type[Block],
    *,
    pairs: Iterable[str],
    variables: Iterable[str],
    piped: str | None,
    asked: Iterable[str],
) -> Block:
    """A block of what users give.

    Args:
        kind: Its type.
        pairs: Texts `FIELD=VALUE`, of which none may be secret.
        variables: Texts `FIELD=VARIABLE`.
        piped: The field that standard input has.
        asked: Secret fields to ask for, besides those that are required.

    Raises:
        click.UsageError: Something of it is wrong.
    """
    texts = split(pairs)
    secret = {name for name, field in kind.model_fields.items() if holds_secret(field.annotation)}
    if shown := sorted(secret & texts.keys()):
        raise click.UsageError(
            f"{', '.join(shown)}: secrets are not taken from the command, where others can see them. Leave them out to "
            "be asked for them, or use --from-env FIELD=VARIABLE or --from-stdin FIELD."
        )
    texts |= _from_environment(split(variables))
    if piped is not None:
        texts[piped] = sys.stdin.read()
    required = {name for name in secret if kind.model_fields[name].is_required()}
    missing = [name for name in kind.model_fields if name in required | set(asked) and name not in texts]
    if missing and not sys.stdin.isatty():
        raise click.UsageError(
            f"{', '.join(missing)}: there is no terminal to ask for this. Use --from-env FIELD=VARIABLE or --from-stdin FIELD."
        )
    texts |= {name: click.prompt(name, hide_input=True, err=True) for name in missing}
    try:
        return kind(**fitted(kind, texts))
    except ValidationError as error:
        raise click.UsageError(
            f"The {kind.get_block_type_slug()} cannot be made: {problems(kind, error, texts)}."
        ) from None


def _from_environment(variables: dict[str, str]) -> dict[str, str]:
    missing = [variable for variable in variables.values() if variable not in os.environ]
    if missing:
        raise click.UsageError(f"The environment has no {', '.join(missing)}.")
    return {field: os.environ[variable] for field, variable in variables.items()}
