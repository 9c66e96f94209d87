"""The fields of a block: with their secrets, from texts, and what is wrong with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from millstream import _secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRETS = (Secret, SecretStr, SecretBytes)


def revealed(value: Any, *, only_secrets: bool = False) -> Any:
    """A block's fields as they are kept, secrets included, or nothing but those."""
    if isinstance(value, _SECRETS):
        return to_jsonable_python(value.get_secret_value())
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(name): revealed(item, only_secrets=only_secrets) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [revealed(item, only_secrets=only_secrets) for item in value]
    return None if only_secrets else to_jsonable_python(value)


def fitted(model: type[BaseModel], texts: Mapping[str, str]) -> dict[str, Any]:
    """Fields from texts: a JSON list or object where the field takes one, else the text without its last line break."""
    return {name: _fitted(model, name, text) for name, text in texts.items()}


def _fitted(model: type[BaseModel], name: str, text: str) -> Any:
    text = text.removesuffix("\n").removesuffix("\r")
    field = model.model_fields.get(name)
    if field is None or text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        value = json.loads(text)
        TypeAdapter[Any](field.annotation or Any).validate_python(value)
    except ValueError:
        return text
    return value


def problems(model: type[BaseModel], error: ValidationError, given: Any) -> str:
    """All that is wrong, without any of the values."""
    found = [_problem(details) for details in error.errors(include_url=False, include_input=False)]
    if any("unknown" in problem for problem in found):
        found.append(f"its fields are {', '.join(model.model_fields)}")
    return _secrets.mask("; ".join(found), also=given)


def _problem(details: Any) -> str:
    path = ".".join(str(part) for part in details["loc"])
    if details["type"] == "missing":
        return f"{path} is missing"
    if details["type"] == "extra_forbidden":
        return f"{path} is unknown"
    message = details["msg"].removeprefix("Value error, ")
    return f"{path}: {message}" if path else message.rstrip(".")
