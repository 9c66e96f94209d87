"""What a namespace, or the whole cluster, says about its runs: defaults, ceilings, and a switch to stop.

It stands in a ConfigMap named `millstream-defaults`: in a namespace for its runs, in the operator's own namespace for
all. Each key of the ConfigMap is a field, and its value is YAML.
"""

from typing import Annotated

from pydantic import Field

from millstream.resources.model import Model, Quantity
from millstream.resources.pod_options import ResourceRequirements, Toleration
from millstream.resources.storage import Storage

__all__ = ["NAME", "NamespaceDefaults", "RetryCeiling"]

NAME = "millstream-defaults"
"""Name of the ConfigMap."""

_Pattern = Annotated[str, Field(min_length=1, max_length=1024)]


class RetryCeiling(Model):
    """The most new attempts that a run may ask for."""

    failures: int | None = Field(default=None, ge=0, description="After the code failed.")
    disruptions: int | None = Field(default=None, ge=0, description="After Kubernetes took the pod away.")


class NamespaceDefaults(Model):
    """Defaults for what a deployment leaves out, and ceilings for what it says."""

    suspend: bool = Field(default=False, description="No new runs and no ticks while true; live runs go on.")
    max_live_runs: int | None = Field(default=None, ge=0, description="Runs that may be live at once.")
    image: str | None = Field(default=None, pattern="^[!-~]+$", description="Image of those that name none.")
    registry: str | None = Field(
        default=None,
        pattern="^[!-~]+[^/]$",
        description="Registry, with a path if need be, of images that name none: etl:1 becomes REGISTRY/etl:1.",
    )
    resources: ResourceRequirements | None = Field(
        default=None, description="Requests and limits of flows that give no resources."
    )
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="Added to what the deployment says, which wins."
    )
    tolerations: list[Toleration] = Field(
        default_factory=list, description="Added to those of the deployment."
    )
    storage: Storage | None = Field(
        default=None, description="Where results and artifacts of those go that say nothing about it."
    )
    allowed_images: list[_Pattern] | None = Field(
        default=None, description="Patterns with * of the images that may be used."
    )
    max_resources: dict[str, Quantity] = Field(
        default_factory=dict, description="The most of each resource that a flow's container may ask for."
    )
    max_retries: RetryCeiling | None = Field(default=None, description="The most new attempts of a run.")
