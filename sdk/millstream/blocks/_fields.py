"""The fields of a block: with their secrets, from texts, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, RootModel, Secret, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from millstream import _secrets
from millstream.exceptions import BlockError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SECRETS = (Secret, SecretStr, SecretBytes)
_WRAPPERS = (*_SECRETS, RootModel)
_LISTS = (list, tuple, set, frozenset)
_PYDANTICS_MASK = str(SecretStr("x"))


def revealed(value: Any, path: str = "") -> Any:
    """A block's fields as they are kept, secrets included.

    Args:
        value: The block, or what it has.
        path: Where that stands in the block, for messages.

    Raises:
        BlockError: Something cannot be kept.
    """
    if isinstance(value, _WRAPPERS):
        return revealed(_opened(value), path)
    value = _opened(value)
    if isinstance(value, dict):
        return {
            str(_opened(name)): revealed(item, f"{path}.{name}".lstrip(".")) for name, item in value.items()
        }
    if isinstance(value, _LISTS):
        return [revealed(item, path) for item in value]
    try:
        kept = to_jsonable_python(value)
    except ValueError:
        what = "bytes that are no text in UTF-8" if isinstance(value, bytes) else f"a {type(value).__name__}"
        raise BlockError(
            f"The block cannot be saved: {path} has {what}; keep it as a text, as in Base64."
        ) from None
    if not isinstance(value, str) and _PYDANTICS_MASK in str(kept):
        raise BlockError(f"The block cannot be saved: {path} has a secret in a {type(value).__name__}.")
    return kept


def secrets_in(value: Any, *, is_secret: bool = False) -> Iterator[Any]:
    """The values of all secrets in a block, or in what it has."""
    is_secret = is_secret or isinstance(value, _SECRETS)
    opened = _opened(value)
    if isinstance(value, _WRAPPERS):
        yield from secrets_in(opened, is_secret=is_secret)
    elif isinstance(opened, (dict, *_LISTS)):
        for item in opened.values() if isinstance(opened, dict) else opened:
            yield from secrets_in(item, is_secret=is_secret)
    elif is_secret:
        yield opened


def _opened(value: Any) -> Any:
    """What is in a secret, a model or a dataclass; all else as it is."""
    if isinstance(value, _SECRETS):
        return value.get_secret_value()
    if isinstance(value, RootModel):
        return value.root
    if isinstance(value, BaseModel):
        names = (*type(value).model_fields, *(value.model_extra or ()))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = tuple(field.name for field in dataclasses.fields(value))
    else:
        return value
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


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
