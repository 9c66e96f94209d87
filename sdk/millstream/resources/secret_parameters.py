"""Which parameters of a flow hold secrets, as the JSON schema of its signature says, so that nothing prints them."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

__all__ = ["secret_parameters"]


def secret_parameters(schema: Mapping[str, Any]) -> frozenset[str]:
    """The names of the parameters in which anything is `writeOnly`, however deep and behind whatever `$ref`."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return frozenset()
    return frozenset(name for name, of in properties.items() if _holds_secret(of, schema))


def _holds_secret(of: Any, document: Mapping[str, Any]) -> bool:
    waiting, followed = [of], set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if part.get("writeOnly") is True:
                return True
            place = part.get("$ref")
            if isinstance(place, str) and place not in followed:
                followed.add(place)
                waiting += _referred(place, document)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return False


def _referred(place: str, document: Mapping[str, Any]) -> Iterator[Any]:
    """What a reference within the document points at, if it is there."""
    found: Any = document
    for step in unquote(place.removeprefix("#")).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        inside = found.get(key) if isinstance(found, Mapping) else None
        if inside is None:
            return
        found = inside
    yield found
