"""What is run and how: the part of a deployment that each of its runs freezes when it is admitted."""

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field

from millstream.resources.blocks import Blocks
from millstream.resources.model import FreeForm, Model, ObjectName, Tags, matches, validation
from millstream.resources.pod_options import PodOptions
from millstream.resources.source import Source
from millstream.resources.storage import Storage

__all__ = [
    "ApiAccess",
    "Backoff",
    "DisruptionPolicy",
    "OverridePolicy",
    "RetryPolicy",
    "RunTemplate",
    "Timeouts",
]

_DAY = 86_400
_ENTRYPOINT = r"^[^:\s]+:[A-Za-z_][A-Za-z0-9_]*$"
_IMAGE = "^[!-~]+$"


class DisruptionPolicy(StrEnum):
    """What happens to an attempt whose node is lost, so that nobody can say whether its process still runs."""

    WAIT = "Wait"
    """Nothing, until Kubernetes confirms that the pod is gone."""
    REPLACE = "Replace"
    """The next attempt starts; the old process may still run."""


class ApiAccess(StrEnum):
    """What a run may do with the FlowRuns and FlowDeployments of its namespace."""

    NONE = "None"
    READ = "Read"
    """Get, list and watch."""
    TRIGGER = "Trigger"
    """Also create and cancel runs of deployments."""


class Backoff(Model):
    """Waiting time before attempt n: seconds * factor^(n - 2), at most maxSeconds."""

    seconds: int = Field(default=10, ge=0, le=_DAY, description="Before the second attempt.")
    factor: int = Field(default=2, ge=1, le=10, description="By which each further wait grows.")
    max_seconds: int = Field(default=600, ge=0, le=_DAY, description="Longest wait.")


class RetryPolicy(Model):
    """How many new attempts a run gets, by who is to blame for the end of the last one."""

    failures: int = Field(default=0, ge=0, le=100, description="New attempts after the code failed.")
    disruptions: int = Field(
        default=3, ge=0, le=100, description="New attempts after Kubernetes took the pod away."
    )
    backoff: Backoff = Field(default_factory=Backoff, description="Waiting time before a new attempt.")


class Timeouts(Model):
    """Limits, in seconds."""

    start_seconds: int = Field(
        default=900, ge=1, le=7 * _DAY, description="From the Job's creation until the flow's container runs."
    )
    run_seconds: int | None = Field(
        default=None, ge=1, le=365 * _DAY, description="How long each attempt may run; unset for no limit."
    )

    total_seconds: int | None = Field(
        default=None,
        ge=1,
        le=365 * _DAY,
        description="From the first attempt's creation to the end, all attempts and their waiting together; the "
        "time that the run is paused does not count. Unset for no limit.",
    )


class OverridePolicy(Model):
    """What a run may change that it may not by default."""

    allow_image: bool = Field(default=False, description="A run may give spec.overrides.image.")


class RunTemplate(Model):
    """What is run and how."""

    model_config = ConfigDict(
        json_schema_extra=validation(
            "!has(self.apiAccess) || self.apiAccess == 'None' || !has(self.pod)"
            " || !has(self.pod.serviceAccountName)",
            "apiAccess gives the pod a service account of its own; leave out pod.serviceAccountName",
        )
    )

    entrypoint: str = Field(
        min_length=3,
        max_length=1024,
        description="module.path:flow or path/file.py:flow, as seen inside the container.",
        json_schema_extra=matches(_ENTRYPOINT, "give module.path:flow or path/file.py:flow"),
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Container image with the SDK installed; by default the namespace's.",
        json_schema_extra=matches(_IMAGE, "give an image as in a pod, without spaces"),
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        default=None, description="As in a pod."
    )
    image_pull_secrets: list[ObjectName] = Field(
        default_factory=list, max_length=16, description="Names of Secrets for the registry."
    )
    source: Source | None = Field(
        default=None, description="Files and packages that the flow needs and the image does not have."
    )
    parameters: FreeForm = Field(default_factory=dict, description="Default parameters by name.")
    parameter_schema: FreeForm | None = Field(
        default=None, description="JSON schema of the flow's parameters, checked before a Job exists."
    )
    tags: Tags = Field(default_factory=list, description="Tags of every run.")
    retry_policy: RetryPolicy = Field(default_factory=RetryPolicy, description="New attempts of a run.")
    timeouts: Timeouts = Field(default_factory=Timeouts, description="Limits in seconds.")
    disruption_policy: DisruptionPolicy = Field(
        default=DisruptionPolicy.WAIT,
        description="When a node is lost: Wait until its pod is certainly gone, or Replace it at once.",
    )
    api_access: ApiAccess = Field(
        default=ApiAccess.NONE,
        description="What the flow may do with the runs of its namespace: None, Read, or Trigger.",
    )
    queue_name: str | None = Field(
        default=None,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="LocalQueue of Kueue that admits the Jobs.",
    )
    overrides: OverridePolicy = Field(
        default_factory=OverridePolicy, description="What a run may change that it may not by default."
    )
    storage: Storage | None = Field(
        default=None, description="Where results and artifacts go; by default what the namespace says."
    )
    blocks: Blocks = Field(
        default_factory=list,
        description="Secrets of type millstream.dev/block that the flow loads by name; each is mounted as files.",
    )
    pod: PodOptions = Field(default_factory=PodOptions, description="Curated fields of the pod.")
    log_tail: bool = Field(
        default=True, description="Keep the last lines of output of a failed attempt in the run's status."
    )
