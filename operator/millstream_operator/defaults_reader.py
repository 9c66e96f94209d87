"""Reads ConfigMaps named `millstream-defaults`."""

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from millstream.resources.namespace_defaults import NamespaceDefaults
from millstream.resources.quantity import amount
from millstream_operator.decide.observed import Defaults

__all__ = ["read_defaults"]


def read_defaults(o: Mapping[str, Any], config_namespace: str) -> Defaults:
    """Read what a ConfigMap says. A mistake in it is part of what was read: nothing may start past it."""
    meta = o["metadata"]
    value, error = NamespaceDefaults(), ""
    try:
        value = _read(o.get("data") or {})
    except ValidationError as problem:
        error = "; ".join(
            f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
            for found in problem.errors(include_url=False)
        )
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
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
    value = NamespaceDefaults.model_validate({key: yaml.safe_load(text) for key, text in data.items()})
    given = value.resources
    for amounts in (value.max_resources, *((given.requests, given.limits) if given else ())):
        for quantity in amounts.values():
            amount(quantity)
    return value
