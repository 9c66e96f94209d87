"""What the models of the custom resources have in common."""

import json
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

__all__ = [
    "API_VERSION",
    "GROUP",
    "PRIORITY_BOUND",
    "VERSION",
    "Condition",
    "FreeForm",
    "Model",
    "ObjectName",
    "Quantity",
    "StoredModel",
    "Tags",
    "matches",
    "timestamp",
    "validation",
    "validations",
    "with_condition",
]

GROUP = "millstream.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
PRIORITY_BOUND = 1_000_000_000
"""Priorities lie between minus this and this, as those of Kubernetes' own PriorityClasses do."""


class Model(BaseModel):
    """A part of a custom resource: camelCase outside, unknown fields refused, never changed in place."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form, without what is unset."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def replace(self, **changes: Any) -> Self:
        """Copy with some fields changed."""
        return self.model_copy(update=changes)


class StoredModel(Model):
    """A part that the operator writes; after a rollback, fields of a newer release do not keep it from being read."""

    model_config = ConfigDict(extra="ignore")

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form, without what is as it is by default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def validation(rule: str, message: str) -> JsonDict:
    """Make a rule in CEL, with what the API server says when it is broken."""
    return validations((rule, message))


def validations(*rules: tuple[str, str]) -> JsonDict:
    """Make several rules in CEL, each with its message."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def matches(pattern: str, message: str) -> JsonDict:
    """Check a string by a rule, which unlike a schema's pattern can say what is expected."""
    return validation(f"self.matches({json.dumps(pattern)})", message)


ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""Name of an object of the same namespace."""

FreeForm = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True, "additionalProperties": None}),
]
"""An object of any content."""

Quantity = Annotated[
    int | str,
    Field(
        json_schema_extra={
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": 64,
            "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
        }
    ),
]
"""A Kubernetes quantity: 500m, 2, 4Gi."""

Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=256)]],
    Field(max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"}),
]


class Condition(StoredModel):
    """A condition in Kubernetes' own form."""

    type: str = Field(max_length=63, description="What is said something about.")
    status: str = Field(pattern="^(True|False|Unknown)$", description="True, False or Unknown.")
    reason: str = Field(max_length=63, description="Why, in one CamelCase word.")
    message: str = Field(default="", max_length=4096, description="Why, and what to do, for people.")
    last_transition_time: AwareDatetime = Field(description="When the status last changed.")
    observed_generation: int = Field(default=0, description="The metadata.generation that this is about.")


def with_condition(conditions: list[Condition], new: Condition) -> list[Condition]:
    """Set a condition; its transition time is kept while its status stays the same."""
    others = [c for c in conditions if c.type != new.type]
    for old in conditions:
        if old.type == new.type and old.status == new.status:
            return [*others, new.replace(last_transition_time=old.last_transition_time)]
    return [*others, new]


def timestamp(moment: datetime) -> datetime:
    """Cut to seconds, as Kubernetes does."""
    return moment.replace(microsecond=0)
