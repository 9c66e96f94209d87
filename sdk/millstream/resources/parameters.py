"""Parameters of a run against the JSON schema of the flow's signature, before anything runs.

jsonschema-rs is used because its patterns run in linear time and nothing is ever fetched for a `$ref`. With the bounds
on what a schema may be, one that somebody applies to the cluster can neither stall the operator nor make it call an
address.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Never

import jsonschema_rs

from millstream.resources.schema_weight import objection

__all__ = ["MAX_DEPTH", "InvalidSchemaError", "check_schema", "problems", "too_deep"]

MAX_DEPTH = 100
"""Levels of nesting; what reads and writes JSON, here and in flows, does not take any number of them."""

_MOST_BYTES = 65_536
_SHOWN_CHARACTERS = 80
_SCHEMA_CHARACTERS = 400
_BOOLEANS = {"true", "false"}


class InvalidSchemaError(ValueError):
    """The schema is no JSON schema, or could make too much work."""


def check_schema(schema: dict[str, Any]) -> None:
    """Check that a schema can be used.

    Raises:
        InvalidSchemaError: it cannot; the message says where.
    """
    _validator(_text(schema))


def problems(schema: dict[str, Any], parameters: dict[str, Any]) -> list[str]:
    """List what is wrong with the parameters, one sentence for each, all at once; empty if they fit.

    Raises:
        InvalidSchemaError: the schema cannot be used.
    """
    validator = _validator(_text(schema))
    return [_sentence(error) for error in validator.iter_errors(parameters)]


def too_deep(value: object) -> bool:
    """Tell whether a JSON value is nested more deeply than `MAX_DEPTH`, however deep it is."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
    return bool(level)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _text(schema: dict[str, Any]) -> str:
    if too_deep(schema):
        raise InvalidSchemaError(f"it is nested more than {MAX_DEPTH} levels deep")
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if (size := len(text.encode(errors="surrogatepass"))) > _MOST_BYTES:
        raise InvalidSchemaError(f"it has {size:,} bytes as compact JSON; {_MOST_BYTES:,} are possible")
    return text


@lru_cache(maxsize=128)  # of the largest, that is 8 MiB of keys
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    if found := objection(json.loads(schema), MAX_DEPTH):
        raise InvalidSchemaError(_cut(found, _SCHEMA_CHARACTERS))
    try:
        return jsonschema_rs.Draft202012Validator(
            schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions(), validate_formats=True
        )
    except jsonschema_rs.ReferencingError as error:
        raise InvalidSchemaError(str(error)) from None
    except jsonschema_rs.ValidationError as error:
        where = _name(error.instance_path) if error.instance_path else "the schema"
        raise InvalidSchemaError(f"{where}: {_cut(error.message, _SCHEMA_CHARACTERS)}") from None
    except ValueError as error:
        raise InvalidSchemaError(_cut(str(error), _SCHEMA_CHARACTERS)) from None


def _refuse(uri: str) -> Never:
    raise ValueError(f"a parameter schema may not refer to other documents, and this one refers to {uri}")


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return f"{_name([*error.instance_path, kind.property])} is missing"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        unknown = ", ".join(_name([*error.instance_path, name]) for name in kind.unexpected)
        yaml = " (YAML reads an unquoted y, n, yes, no, on or off as a boolean: quote it)"
        return f"{unknown}: the flow has no such parameter{yaml if _BOOLEANS & set(kind.unexpected) else ''}"
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        return f"{_name(error.instance_path)} must be {' or '.join(kind.types)}, not {_shown(error.instance)}"
    return f"{_name(error.instance_path)}: {_cut(error.message)}"


def _name(path: list[str | int]) -> str:
    return ".".join(str(part) for part in path) or "the parameters"


def _shown(value: object) -> str:
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    return f"{_cut(repr(value))} ({kinds.get(type(value), 'null')})"


def _cut(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
