"""What a deployment changes, field by field."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.resources.secret_parameters import secret_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

_SHOWN_CHARACTERS = 60
_ENVIRONMENT = re.compile(r"\benv\[[^]]*\]\.value$")
_PARAMETER = re.compile(r"\.parameters\.([^.]+)")
_SCHEMA_OF_PARAMETER = re.compile(r"^spec\.parameterSchema\.[^.]+\.[^.]+$")
_ABSENT = object()
_THERE = object()
"""Stands for what has a name, beside its fields."""


class Change(NamedTuple):
    """A field that is to be another.

    Attributes:
        field: Its path, as `spec.schedules[cron-1].cron`.
        what: What becomes of it, for people: `1 -> 2`, with `-` for none, and `added` or `removed` of what has a name.
    """

    field: str
    what: str

    def __str__(self) -> str:
        return f"{self.field}: {self.what}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The fields of a spec that differ; values of environment variables and secret parameters are not shown."""
    secret = _secrets_of(old) | _secrets_of(new)
    before, after = dict(_leaves("spec", old, secret)), dict(_leaves("spec", new, secret))
    differing = [
        field
        for field in sorted(before.keys() | after.keys())
        if before.get(field, _ABSENT) != after.get(field, _ABSENT)
    ]
    whole = tuple(f"{field}." for field in differing if _THERE in (before.get(field), after.get(field)))
    return [
        Change(field, _told(field, before.get(field, _ABSENT), after.get(field, _ABSENT), secret))
        for field in differing
        if not field.startswith(whole)
    ]


def _leaves(field: str, value: Any, secret: AbstractSet[str]) -> Iterator[tuple[str, Any]]:
    """The single values in a spec, by their paths; what has a name goes by it, and not by its place in a list."""
    if isinstance(value, dict) and value and not _is_whole(field, secret):
        for name, part in value.items():
            yield from _leaves(f"{field}.{name}", part, secret)
    elif _have_names(value) and not _is_whole(field, secret):
        for one in value:
            item = f"{field}[{one['name']}]"
            yield item, _THERE
            yield from _leaves(item, {name: part for name, part in one.items() if name != "name"}, secret)
    elif value not in ({}, []):
        yield field, value


def _is_whole(field: str, secret: AbstractSet[str]) -> bool:
    """Whether a field is told as one: a parameter's schema, and a secret, of which the keys tell something too."""
    parameter = _PARAMETER.search(field)
    return bool(_SCHEMA_OF_PARAMETER.match(field) or (parameter and parameter[1] in secret))


def _have_names(value: Any) -> bool:
    return (
        isinstance(value, list)
        and value != []
        and all(isinstance(one, dict) and "name" in one for one in value)
    )


def _told(field: str, old: Any, new: Any, secret: AbstractSet[str]) -> str:
    if old is _THERE:
        return "removed"
    if new is _THERE:
        return "added"
    return f"{_shown(field, old, secret)} -> {_shown(field, new, secret)}"


def _shown(field: str, value: Any, secret: AbstractSet[str]) -> str:
    if value is _ABSENT:
        return "-"
    parameter = _PARAMETER.search(field)
    if _ENVIRONMENT.search(field) or (parameter and parameter[1] in secret):
        return "(not shown)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _secrets_of(spec: Mapping[str, Any]) -> frozenset[str]:
    return secret_parameters(spec.get("parameterSchema", {}))
