"""Secrets."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

import pydantic
from pydantic import field_validator

from millstream.blocks.core import Block

__all__ = ["Secret"]

T = TypeVar("T")


class Secret(Block, Generic[T]):
    """A value that is shown nowhere.

    Attributes:
        value: A text, or anything that JSON has.
    """

    value: pydantic.Secret[T]

    @field_validator("value", mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return value.get_secret_value() if hasattr(value, "get_secret_value") else value

    def get(self) -> T:
        """The value itself; a text that is a JSON list or object is given as that."""
        value: Any = self.value.get_secret_value()
        if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
            try:
                return json.loads(value)  # type: ignore[no-any-return]
            except ValueError:
                return value  # type: ignore[return-value]
        return value  # type: ignore[no-any-return]
