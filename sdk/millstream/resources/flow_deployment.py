"""FlowDeployment: what to run, and how."""

from pydantic import Field

from millstream.resources.model import Condition, StoredModel
from millstream.resources.run_template import RunTemplate

__all__ = ["KIND", "PLURAL", "READY", "FlowDeploymentSpec", "FlowDeploymentStatus"]

KIND = "FlowDeployment"
PLURAL = "flowdeployments"
READY = "Ready"
"""Type of the condition that says whether runs can be made."""


class FlowDeploymentSpec(RunTemplate):
    """What to run and how."""

    description: str | None = Field(default=None, max_length=4096, description="Free text.")
    version: str | None = Field(default=None, max_length=256, description="Free text.")

    def template(self) -> RunTemplate:
        """Give the part that a run freezes."""
        return RunTemplate.model_construct(
            self.model_fields_set & RunTemplate.model_fields.keys(),
            **{name: getattr(self, name) for name in RunTemplate.model_fields},
        )


class FlowDeploymentStatus(StoredModel):
    """What the operator found."""

    observed_generation: int = Field(default=0, description="The metadata.generation that this is about.")
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="Ready says whether runs can be made, and if not, why.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
