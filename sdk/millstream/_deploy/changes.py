"""What a deployment changes, field by field."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHOWN_CHARACTERS = 60
_ENVIRONMENT = re.compile(r"\benv\[[^]]*\]\.value$")
_PARAMETER = re.compile(r"\.parameters\.([^.]+)")
_SCHEMA_OF_PARAMETER = re.compile(r"^spec\.parameterSchema\.[^.]+\.[^.]+$")
_ABSENT = object()


class Change(NamedTuple):
    """A field that is to be another.

    Attributes:
        field: Its path, as `spec.schedules[cron-1].cron`.
        old: Its value, for people; `-` for none.
        new: What it is to be.
    """

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field}: {self.old} -> {self.new}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The fields of a spec that differ; values of environment variables and secret parameters are not shown."""
    secret = _secret_parameters(old) | _secret_parameters(new)
    before, after = dict(_leaves("spec", old)), dict(_leaves("spec", new))
    return [
        Change(field, *(_shown(field, side.get(field, _ABSENT), secret) for side in (before, after)))
        for field in sorted(before.keys() | after.keys())
        if before.get(field, _ABSENT) != after.get(field, _ABSENT)
    ]


def _leaves(field: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The single values in a spec, by their paths; what has a name goes by it, and not by its place in a list."""
    if isinstance(value, dict) and value and not _SCHEMA_OF_PARAMETER.match(field):
        for name, part in value.items():
            yield from _leaves(f"{field}.{name}", part)
    elif isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        for one in value:
            rest = {name: part for name, part in one.items() if name != "name"}
            yield from _leaves(f"{field}[{one['name']}]", rest)
    elif value not in ({}, []):
        yield field, value


def _shown(field: str, value: Any, secret: set[str]) -> str:
    if value is _ABSENT:
        return "-"
    parameter = _PARAMETER.search(field)
    if _ENVIRONMENT.search(field) or (parameter and parameter[1] in secret):
        return "(not shown)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _secret_parameters(spec: Mapping[str, Any]) -> set[str]:
    properties = spec.get("parameterSchema", {}).get("properties", {})
    return {
        name for name, schema in properties.items() if isinstance(schema, dict) and schema.get("writeOnly")
    }
