"""A parameter's JSON schema, as people read it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from millstream.resources.secret_parameters import secret_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final = {"string": "text", "number": "number", "integer": "integer", "boolean": "true or false"}
_DEEPEST: Final = 5
NOT_SHOWN: Final = "(not shown)"
"""In place of a secret; `-o yaml` shows it to those who ask for it."""


class Parameter(NamedTuple):
    """What is to be known of a parameter.

    Attributes:
        name: Its name.
        takes: What it takes.
        value: What it is if a run does not give it, as JSON, unless it is secret; empty if a run has to give it.
        description: What the flow's docstring says of it.
    """

    name: str
    takes: str
    value: str
    description: str


def parameters(schema: Mapping[str, Any], given: Mapping[str, Any]) -> list[Parameter]:
    """The parameters of a flow.

    Args:
        schema: The JSON schema of all.
        given: Values that the deployment gives to some.
    """
    secrets = secret_parameters(schema)
    properties = {key: {} for key in given} | schema.get("properties", {})
    described = [(name, of if isinstance(of, dict) else {}) for name, of in properties.items()]
    described.sort(key=lambda one: _position(one[1]))
    return [
        Parameter(
            name,
            takes(of, schema),
            _value(name, of, given, is_secret=name in secrets),
            str(of.get("description", "")),
        )
        for name, of in described
    ]


def _position(of: Mapping[str, Any]) -> float:
    position = of.get("position")
    return position if isinstance(position, int) else math.inf


def takes(of: Any, document: Mapping[str, Any], depth: int = 0) -> str:
    """What a schema allows, in words.

    Args:
        of: The schema.
        document: The one that it is a part of, for what it refers to.
        depth: How deep in it.
    """
    if not isinstance(of, dict) or depth > _DEEPEST:
        return "anything"
    if "$ref" in of:
        return takes(_referred(of["$ref"], document), document, depth + 1)
    if "const" in of or "enum" in of:
        return " or ".join(_shown(value) for value in of.get("enum", [of.get("const")]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in of:
            words = dict.fromkeys(takes(one, document, depth + 1) for one in of[several])
            return " or ".join(words)
    types = of.get("type", [])
    return " or ".join(
        _of_type(one, of, document, depth) for one in ([types] if isinstance(types, str) else types)
    ) or ("anything")


def _of_type(name: str, of: Mapping[str, Any], document: Mapping[str, Any], depth: int) -> str:
    if name == "array" and "items" in of:
        return f"list of {takes(of['items'], document, depth + 1)}"
    if name == "string" and "format" in of:
        return str(of["format"])
    return {"array": "list", **_WORDS}.get(name, name)


def _referred(place: str, document: Mapping[str, Any]) -> Any:
    found: Any = document
    for part in place.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found


def _value(name: str, of: Mapping[str, Any], given: Mapping[str, Any], *, is_secret: bool) -> str:
    if name not in given and "default" not in of:
        return ""
    return NOT_SHOWN if is_secret else _shown(given.get(name, of.get("default")))


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
