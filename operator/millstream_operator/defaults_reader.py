"""Reads ConfigMaps named `millstream-defaults`."""

import difflib
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from millstream.resources.namespace_defaults import NamespaceDefaults
from millstream.resources.quantity import amount
from millstream_operator.decide.observed import Defaults

__all__ = ["read_defaults"]

_MOST_CHARACTERS = 8192
_MOST_BRACKETS = 100
"""A longer or more deeply nested value could take minutes to parse, and the operator does nothing else meanwhile."""
_FIELDS = {name for key, field in NamespaceDefaults.model_fields.items() for name in (key, field.alias)}


def read_defaults(o: Mapping[str, Any], config_namespace: str) -> Defaults:
    """Read what a ConfigMap says. A mistake in it is part of what was read: nothing may start past it."""
    meta = o["metadata"]
    value, error = NamespaceDefaults(), ""
    try:
        value = _read(o.get("data") or {})
    except ValidationError as problem:
        error = "; ".join(map(_told, problem.errors(include_url=False)))
    except (ValueError, RecursionError) as problem:
        error = f"a value cannot be read: {problem}"
    return Defaults(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        version=int(meta["resourceVersion"]),
        clusterwide=meta["namespace"] == config_namespace,
        error=" ".join(error.split()),
        value=value,
    )


def _read(data: Mapping[str, str]) -> NamespaceDefaults:
    given = {key: _parsed(key, text) if key in _FIELDS else text for key, text in data.items()}
    value = NamespaceDefaults.model_validate(given)
    _check_quantities(value)
    return value


def _parsed(key: str, text: str) -> object:
    if len(text) > _MOST_CHARACTERS or text.count("[") + text.count("{") > _MOST_BRACKETS:
        raise ValueError(f"{key} is too long, or has too many brackets")
    try:
        return yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except (yaml.YAMLError, ValueError) as problem:
        raise ValueError(f"{key} is no YAML that can be read here: {problem}") from None


def _told(found: ErrorDetails) -> str:
    """Say what is wrong with a key: of one that does not exist, which was meant."""
    path = ".".join(map(str, found["loc"]))
    if found["type"] != "extra_forbidden" or len(found["loc"]) > 1:
        return f"{path}: {found['msg']}"
    known = sorted(to_camel(name) for name in NamespaceDefaults.model_fields)
    close = difflib.get_close_matches(path, known, n=1)
    return f"there is no {path}" + (
        f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
    )


class _Loader(yaml.SafeLoader):
    """Refuses anchors and aliases: by merging each other, a few of them grow without end."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise ValueError("anchors (&) and aliases (*) are not supported; write the value out")
        return super().compose_node(parent, index)


def _check_quantities(value: NamespaceDefaults) -> None:
    given = value.resources
    for amounts in (value.max_resources, *((given.requests, given.limits) if given else ())):
        for quantity in amounts.values():
            amount(quantity)
