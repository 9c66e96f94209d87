"""What a flow records about itself: what its deployment declares, and what a run's status says of it."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from millstream._metric_bounds import (
    LONGEST_VALUE,
    MOST_LABELS,
    MOST_METRICS,
    MOST_SERIES,
    NAME,
    RESERVED_LABELS,
)
from millstream.resources.model import Model, StoredModel, matches

__all__ = ["MOST_SERIES", "MetricType", "UserMetric", "UserMetrics", "UserSample"]


class MetricType(StrEnum):
    """What can be done with a metric."""

    COUNTER = "Counter"
    """What runs count is added up."""
    GAUGE = "Gauge"
    """What the newest run says holds."""


_Label = Annotated[
    str,
    Field(
        max_length=63,
        json_schema_extra=matches(
            f"^(?:{NAME})$", "give a name of lower-case letters, digits and underscores, at most 63"
        ),
    ),
]


class UserMetric(Model):
    """A metric that the flow may record."""

    name: str = Field(
        max_length=63,
        description="As the flow names it.",
        json_schema_extra=matches(
            f"^{NAME}$", "give a name of lower-case letters, digits and underscores, at most 63"
        ),
    )
    type: MetricType = Field(description="Counter: it is added up. Gauge: what the newest run says holds.")
    labels: list[_Label] = Field(
        default_factory=list,
        max_length=MOST_LABELS,
        description="Names of the labels that each value has.",
        json_schema_extra={
            "x-kubernetes-list-type": "set",
            "x-kubernetes-validations": [
                {
                    "rule": f"!self.exists(name, name in {sorted(RESERVED_LABELS)})",
                    "message": f"{', '.join(sorted(RESERVED_LABELS))} are given by Millstream and Prometheus",
                }
            ],
        },
    )
    description: str | None = Field(default=None, max_length=1024, description="Free text.")


UserMetrics = Annotated[
    list[UserMetric],
    Field(
        max_length=MOST_METRICS,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    ),
]


class UserSample(StoredModel):
    """A value that an attempt recorded."""

    name: str = Field(max_length=63, description="Name of the metric.")
    type: MetricType = Field(description="Its type.")
    labels: dict[str, str] = Field(default_factory=dict, description="Values of its labels, by name.")
    value: float = Field(description="What it counted, or said last.")

    @property
    def is_recordable(self) -> bool:
        """Whether a runner lets a flow record this."""
        return (
            all(re.fullmatch(NAME, name) for name in (self.name, *self.labels))
            and len(self.labels) <= MOST_LABELS
            and not RESERVED_LABELS & self.labels.keys()
            and all(len(value) <= LONGEST_VALUE for value in self.labels.values())
            and not (self.type is MetricType.COUNTER and self.value < 0)
        )
