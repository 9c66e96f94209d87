"""FlowRun: one run of a flow."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field

from millstream.resources.completion_record import MAX_STORAGE_CHARACTERS
from millstream.resources.model import (
    PRIORITY_BOUND,
    Condition,
    FreeForm,
    Model,
    ObjectName,
    StoredModel,
    Tags,
    validation,
)
from millstream.resources.reasons import Reason
from millstream.resources.run_overrides import RunOverrides
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream.resources.user_metrics import MOST_SERIES, UserSample

__all__ = ["KIND", "PLURAL", "SUCCEEDED", "Attempt", "DeploymentRef", "FlowRunSpec", "FlowRunStatus"]

KIND = "FlowRun"
PLURAL = "flowruns"
SUCCEEDED = "Succeeded"
"""Type of the condition that is Unknown while the run is live."""

MAX_ATTEMPTS_KEPT = 10
_REASONS = frozenset(Reason)
_YEARS = 10 * 365 * 86_400


def _known(reason: object) -> object:
    """After a rollback there may be reasons of a newer release."""
    return reason if reason in _REASONS else None


_StoredReason = Annotated[
    Reason | None,
    BeforeValidator(_known),
    Field(json_schema_extra={"enum": None, "type": "string", "maxLength": 63}),
]


class DeploymentRef(Model):
    """A deployment of the same namespace."""

    name: ObjectName = Field(description="Name of the FlowDeployment.")


class FlowRunSpec(Model):
    """What to run, with what. Only tags, cancel, suspend and ttlSecondsAfterFinished can be changed later."""

    deployment_ref: DeploymentRef | None = Field(default=None, description="The FlowDeployment to run.")
    template: RunTemplate | None = Field(default=None, description="A one-off, in place of a deployment.")
    parameters: FreeForm = Field(default_factory=dict, description="Parameters, over the deployment's.")
    scheduled_time: AwareDatetime | None = Field(
        default=None,
        description="Not to be started before this.",
        # The rule reads it as a time, and so refuses what only looks like one.
        json_schema_extra=validation("self.getFullYear() >= 1970", "scheduledTime must be from 1970 on"),
    )
    schedule_name: str | None = Field(
        default=None, max_length=63, description="The deployment's schedule that made this run."
    )
    priority: int | None = Field(
        default=None,
        ge=-PRIORITY_BOUND,
        le=PRIORITY_BOUND,
        description="Among the runs that wait, higher comes first; by default the deployment's.",
    )
    tags: Tags = Field(default_factory=list, description="Tags of this run.")
    cancel: bool = Field(default=False, description="Set to true to end the run; it cannot be taken back.")
    suspend: bool = Field(
        default=False,
        description="While true nothing of the run runs; when it goes on, it does so with a new attempt.",
    )
    overrides: RunOverrides | None = Field(
        default=None, description="What this run does differently from its deployment."
    )
    ttl_seconds_after_finished: int | None = Field(
        default=None,
        ge=0,
        description="The run is deleted this long after its end was written down; by default as runHistory says.",
        # For what is new; a run that was stored with more can still be read.
        json_schema_extra={"maximum": _YEARS},
    )


class Attempt(StoredModel):
    """One attempt: one Job, one pod."""

    number: int = Field(description="From 1, never reused.")
    job: str = Field(max_length=63, description="Name of its Job.")
    job_uid: str | None = Field(default=None, max_length=64, description="UID of its Job.")
    pod: str | None = Field(default=None, max_length=253, description="Name of its pod.")
    node: str | None = Field(default=None, max_length=253, description="Node that the pod ran on.")
    creation_time: AwareDatetime = Field(description="When the attempt was decided.")
    start_time: AwareDatetime | None = Field(default=None, description="When the flow's container started.")
    end_time: AwareDatetime | None = Field(
        default=None, description="When the flow's container ended, in its node's words."
    )
    completion_time: AwareDatetime | None = Field(
        default=None,
        description="When the attempt ended: with its container, or when the operator learned that it had.",
    )
    reason: _StoredReason = Field(default=None, description="Why it ended.")
    message: str = Field(default="", max_length=4096, description="Why it ended, for people.")
    exit_code: int | None = Field(default=None, description="Exit code of the flow's container.")
    log_tail: str = Field(default="", max_length=4096, description="Last lines of a failed attempt's output.")


class FlowRunStatus(StoredModel):
    """Where the run stands."""

    state: RunState | None = Field(default=None, description="State of the run; a final one never changes.")
    reason: _StoredReason = Field(default=None, description="Why, in one CamelCase word.")
    message: str = Field(default="", max_length=4096, description="Why, and what to do, for people.")
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="Succeeded is Unknown while the run is live; Reconciling and Stalled say the same to kstatus.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    attempt: int = Field(default=0, description="Number of the newest attempt, 0 before the first.")
    failures: int = Field(default=0, description="Attempts that ended because the code failed.")
    disruptions: int = Field(default=0, description="Attempts that ended because the pod was taken away.")
    attempts: list[Attempt] = Field(
        default_factory=list, max_length=MAX_ATTEMPTS_KEPT, description="The newest attempts, oldest first."
    )
    revision: str | None = Field(
        default=None, max_length=253, description="ControllerRevision with what the deployment said."
    )
    admission_time: AwareDatetime | None = Field(
        default=None, description="When its first attempt was decided; totalSeconds count from here."
    )
    paused_time: AwareDatetime | None = Field(default=None, description="Since when the run is paused.")
    paused_seconds: int = Field(default=0, description="How long it was paused before that, all together.")
    start_time: AwareDatetime | None = Field(default=None, description="When the flow first ran.")
    completion_time: AwareDatetime | None = Field(
        default=None, description="When the run ended, with its last attempt if that ended it."
    )
    next_attempt_time: AwareDatetime | None = Field(default=None, description="When the next attempt starts.")
    recorded_attempt: int = Field(
        default=0, description="Number of the attempt that left the completion record which the rest is from."
    )
    tasks: dict[str, int] = Field(default_factory=dict, description="Task runs by final state.")
    task_retries: int = Field(default=0, description="How often tasks were tried again.")
    metrics: list[UserSample] = Field(
        default_factory=list, max_length=MOST_SERIES, description="What the attempt recorded about itself."
    )
    metrics_dropped: int = Field(
        default=0, description="Values that were recorded and are not here, since there was no room."
    )
    metrics_invalid: int = Field(
        default=0, description="Values that are not here, since a flow cannot record such."
    )
    result: Any = Field(
        default=None,
        description="The flow's return value, if it is small JSON.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    result_storage: str | None = Field(
        default=None,
        max_length=MAX_STORAGE_CHARACTERS,
        description="URL of the storage that has the flow's return value by the run's UID, if the flow keeps it.",
    )
    observed_generation: int = Field(default=0, description="The metadata.generation that this is about.")

    @property
    def current(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]
