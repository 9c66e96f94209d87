"""FlowDeployment: what to run, where, when, and how often at once."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from millstream.resources.model import PRIORITY_BOUND, Condition, Model, StoredModel
from millstream.resources.run_template import RunTemplate
from millstream.resources.schedule_spec import ScheduleSpec, ScheduleStatus
from millstream.resources.states import RunState

__all__ = [
    "KIND",
    "PLURAL",
    "READY",
    "SUSPENDED",
    "Concurrency",
    "ConcurrencyPolicy",
    "FlowDeploymentSpec",
    "FlowDeploymentStatus",
    "LastRun",
    "RunHistory",
]

KIND = "FlowDeployment"
PLURAL = "flowdeployments"
READY = "Ready"
"""Type of the condition that says whether runs can be made."""
SUSPENDED = "Suspended"
"""Type of the condition that says whether its schedules rest, and on whose word."""

_YEARS = 10 * 365 * 86_400


class ConcurrencyPolicy(StrEnum):
    """What happens to a run that is due when no slot is free."""

    QUEUE = "Queue"
    """It waits."""
    SKIP = "Skip"
    """It is cancelled."""
    REPLACE = "Replace"
    """The oldest runs are cancelled, so that the newest `limit` go on."""


class Concurrency(Model):
    """How many runs may be live at once."""

    limit: int = Field(ge=1, le=10_000, description="Runs that may be live at once.")
    policy: ConcurrencyPolicy = Field(
        default=ConcurrencyPolicy.QUEUE,
        description="What happens to one more: Queue lets it wait, Skip cancels it, Replace cancels the oldest.",
    )


class RunHistory(Model):
    """How long finished runs are kept."""

    successful: int = Field(default=10, ge=0, le=10_000, description="Newest completed runs that are kept.")
    failed: int = Field(default=10, ge=0, le=10_000, description="Newest other finished runs that are kept.")
    ttl_seconds_after_finished: int | None = Field(
        default=None, ge=0, le=_YEARS, description="A finished run is deleted after this time at the latest."
    )


class FlowDeploymentSpec(RunTemplate):
    """What to run and how, when, and how often at once."""

    description: str | None = Field(default=None, max_length=4096, description="Free text.")
    version: str | None = Field(default=None, max_length=256, description="Free text.")
    owner: str | None = Field(default=None, max_length=256, description="Free text.")
    severity: str | None = Field(default=None, max_length=256, description="Free text.")
    schedules: list[ScheduleSpec] = Field(
        default_factory=list,
        max_length=32,
        description="When runs are due.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    suspend: bool = Field(default=False, description="No scheduled runs while true.")
    concurrency: Concurrency | None = Field(
        default=None, description="How many runs may be live at once; unset for no limit."
    )
    priority: int = Field(
        default=0,
        ge=-PRIORITY_BOUND,
        le=PRIORITY_BOUND,
        description="Of its runs among those that wait: higher comes first.",
    )
    run_history: RunHistory = Field(
        default_factory=RunHistory, description="How long finished runs are kept."
    )

    def template(self) -> RunTemplate:
        """Give the part that a run freezes."""
        return RunTemplate.model_construct(
            self.model_fields_set & RunTemplate.model_fields.keys(),
            **{name: getattr(self, name) for name in RunTemplate.model_fields},
        )


class LastRun(StoredModel):
    """The run that finished last."""

    name: str = Field(max_length=253, description="Name of the FlowRun.")
    state: RunState = Field(description="Its final state.")
    completion_time: AwareDatetime = Field(description="When it became final.")


class FlowDeploymentStatus(StoredModel):
    """What the operator found."""

    observed_generation: int = Field(default=0, description="The metadata.generation that this is about.")
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="Ready says whether runs can be made, and if not, why; Stalled is True while it must be mended.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    schedules: list[ScheduleStatus] = Field(
        default_factory=list,
        max_length=32,
        description="When each schedule was due last, and is next.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    next_time: AwareDatetime | None = Field(
        default=None, description="When the next of all schedules is due."
    )
    active: int = Field(default=0, description="Runs that hold a slot, as of some seconds ago.")
    queued: int = Field(default=0, description="Runs that wait for a slot, as of some seconds ago.")
    last_run: LastRun | None = Field(default=None, description="The run that finished last.")
    last_success_time: AwareDatetime | None = Field(default=None, description="When a run completed last.")
    ticks_fired: int = Field(default=0, description="Ticks of all schedules so far that made a run.")
    ticks_missed: int = Field(
        default=0,
        description="Ticks so far that did not, since they were late and missed or its limits say so.",
    )
