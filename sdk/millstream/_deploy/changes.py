"""What a deployment changes, field by field."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from millstream.resources.flow_deployment import FlowDeploymentSpec
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
        what: What becomes of it, for people: `1 -> 2`, with `-` for none and `(the default)` of what is not given, and
            `added` or `removed` of what has a name.
    """

    field: str
    what: str

    def __str__(self) -> str:
        return f"{self.field}: {self.what}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The fields of a spec that differ in effect: who leaves a field out means its default.

    Values of environment variables and secret parameters are not shown.
    """
    secret = _secrets_of(old) | _secrets_of(new)
    before, after = _Side.of(old, secret), _Side.of(new, secret)
    differing = [
        field
        for field in sorted(before.given.keys() | after.given.keys())
        if before.value(field) != after.value(field)
    ]
    whole = tuple(f"{field}." for field in differing if _THERE in (before.value(field), after.value(field)))
    return [
        Change(field, _told(field, before, after, secret))
        for field in differing
        if not field.startswith(whole)
    ]


class _Side(NamedTuple):
    """A spec, before or after: what it gives, and what holds where it gives nothing."""

    given: dict[str, Any]
    defaults: dict[str, Any]

    @classmethod
    def of(cls, spec: Mapping[str, Any], secret: AbstractSet[str]) -> _Side:
        try:
            model = FlowDeploymentSpec.model_validate(
                {"entrypoint": "m:f", **spec}, by_alias=True, by_name=False
            )
        except ValidationError:  # of CRDs of another version, with other defaults perhaps
            filled = {}
        else:
            filled = model.to_dict()
        return cls(dict(_leaves("spec", spec, secret)), dict(_leaves("spec", filled, secret)))

    def value(self, field: str) -> Any:
        return self.given.get(field, self.defaults.get(field, _ABSENT))


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


def _told(field: str, before: _Side, after: _Side, secret: AbstractSet[str]) -> str:
    if before.value(field) is _THERE:
        return "removed"
    if after.value(field) is _THERE:
        return "added"
    return f"{_shown(field, before, secret)} -> {_shown(field, after, secret)}"


def _shown(field: str, side: _Side, secret: AbstractSet[str]) -> str:
    value = side.value(field)
    if value is _ABSENT:
        return "-"
    parameter = _PARAMETER.search(field)
    if _ENVIRONMENT.search(field) or (parameter and parameter[1] in secret):
        return "(not shown)"
    text = json.dumps(value, ensure_ascii=False)
    shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
    return shown if field in side.given else f"{shown} (the default)"


def _secrets_of(spec: Mapping[str, Any]) -> frozenset[str]:
    return secret_parameters(spec.get("parameterSchema", {}))
