"""Parameters as JSON that an API server stores as it is: what would become something else is refused."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from millstream.exceptions import ParameterTypeError
from millstream.resources.parameters import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTEGERS: Final = range(-(2**63), 2**63)


def plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON, with times, dates and models as pydantic writes them, and sets as sorted lists.

    Raises:
        ParameterTypeError: One cannot be JSON.
    """
    given = {}
    for name, value in parameters.items():
        try:
            given[name] = _plain(value, MAX_DEPTH - 1)
        except ValueError as error:
            raise ParameterTypeError(
                f"The parameter {name} cannot be sent to a cluster: {error}. "
                "Put it where both can reach it, and pass its address."
            ) from None
    return given


def _plain(value: Any, levels: int) -> Any:
    """A value as JSON; the same words for equal values, as the order of sets is another one in each process."""
    value = _opened(value)
    if not isinstance(value, (dict, list, tuple, set, frozenset)):
        told = _leaf(value)
        return _plain(told, levels) if isinstance(told, (dict, list)) else told
    if not levels:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep, or contains itself")
    if isinstance(value, dict):
        members = {_key(key): _plain(member, levels - 1) for key, member in value.items()}
        if len(members) < len(value):
            raise ValueError("two keys are the same one in JSON")
        return members
    items = [_plain(item, levels - 1) for item in value]
    return sorted(items, key=json.dumps) if isinstance(value, (set, frozenset)) else items


def _opened(value: Any) -> Any:
    """What a model, a dataclass or a member of an enumeration has inside."""
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True)  # as Python: JSON has no sets, and hides secrets
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value.value if isinstance(value, Enum) else value


def _key(key: Any) -> str:
    (told,) = to_jsonable_python({_leaf(key): None})
    return str(told)


def _leaf(value: Any) -> Any:
    if hasattr(type(value), "get_secret_value"):
        raise ValueError(
            "it is a secret, and all who may read the run see its parameters: pass a block's name"
        )
    if isinstance(value, int) and value not in _INTEGERS:
        raise ValueError("it is an integer of more than 64 bits")
    told = to_jsonable_python(value)
    if isinstance(told, float) and not math.isfinite(told):
        raise ValueError(f"JSON has no {told}")
    if isinstance(told, str):
        try:
            told.encode()
        except UnicodeEncodeError:
            raise ValueError("its text is no Unicode") from None
    return told
