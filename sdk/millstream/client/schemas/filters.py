"""What a client is to look for. All that a filter says has to hold, unless its `operator` is `or_`.

Usage:
    ```python
    from millstream.client.schemas.filters import FlowRunFilter, FlowRunFilterName, FlowRunFilterTags

    FlowRunFilter(name=FlowRunFilterName(like_="report"), tags=FlowRunFilterTags(all_=["env:prod"]))
    ```
"""

from __future__ import annotations

import difflib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from millstream.states import StateType

__all__ = [
    "ArtifactFilter",
    "ArtifactFilterFlowRunId",
    "ArtifactFilterId",
    "ArtifactFilterKey",
    "ArtifactFilterTaskRunId",
    "ArtifactFilterType",
    "DeploymentFilter",
    "DeploymentFilterId",
    "DeploymentFilterName",
    "DeploymentFilterTags",
    "FlowFilter",
    "FlowFilterId",
    "FlowFilterName",
    "FlowRunFilter",
    "FlowRunFilterEndTime",
    "FlowRunFilterExpectedStartTime",
    "FlowRunFilterFlowVersion",
    "FlowRunFilterId",
    "FlowRunFilterName",
    "FlowRunFilterParentFlowRunId",
    "FlowRunFilterParentTaskRunId",
    "FlowRunFilterStartTime",
    "FlowRunFilterState",
    "FlowRunFilterStateName",
    "FlowRunFilterStateType",
    "FlowRunFilterTags",
    "Operator",
    "TaskRunFilter",
    "TaskRunFilterEndTime",
    "TaskRunFilterFlowRunId",
    "TaskRunFilterId",
    "TaskRunFilterName",
    "TaskRunFilterStartTime",
    "TaskRunFilterState",
    "TaskRunFilterStateName",
    "TaskRunFilterStateType",
    "TaskRunFilterTags",
]


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"a list is wanted, as in [{value!r}]")  # noqa: TRY004 - pydantic wants it so
    return list(value) if isinstance(value, set | frozenset | tuple) else value


def _in_a_zone(moment: datetime) -> datetime:
    """Times without a zone are local ones, as `datetime.now()` gives them."""
    return moment.astimezone()


Id = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, UUID) else value)]
Ids = Annotated[list[Id], BeforeValidator(_listed)]
Texts = Annotated[list[str], BeforeValidator(_listed)]
StateTypes = Annotated[list[StateType], BeforeValidator(_listed)]
Moment = Annotated[datetime, AfterValidator(_in_a_zone)]


class Operator(StrEnum):
    """How the conditions of a filter are joined."""

    and_ = "and_"
    or_ = "or_"


class Filter(BaseModel):
    """What all filters have in common: a field that they do not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields_only(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name in values:
                if name not in cls.model_fields:
                    close = difflib.get_close_matches(str(name), cls.model_fields, 1)
                    hint = f"Did you mean {close[0]}?" if close else f"It has {', '.join(cls.model_fields)}."
                    raise ValueError(f"{cls.__name__} has no field {name!r}. {hint}")
        return values


class Among(Filter):
    """Conditions for ids and other names that are compared as a whole.

    Attributes:
        any_: It is one of these.
        not_any_: It is none of these.
        is_null_: Whether there is none.
    """

    any_: Ids | None = None
    not_any_: Ids | None = None
    is_null_: bool | None = None


class Name(Filter):
    """Conditions for names.

    Attributes:
        any_: It is one of these.
        like_: It has this text in it, in capitals or not; `%` stands for any characters and `_` for any one.
    """

    any_: Texts | None = None
    like_: str | None = None


class Tags(Filter):
    """Conditions for tags.

    Attributes:
        all_: All of these are among them.
        any_: At least one of these is among them.
        is_null_: Whether there are none.
    """

    all_: Texts | None = None
    any_: Texts | None = None
    is_null_: bool | None = None


class OfTypes(Filter):
    """Conditions for the type of a state.

    Attributes:
        any_: It is one of these.
        not_any_: It is none of these.
    """

    any_: StateTypes | None = None
    not_any_: StateTypes | None = None


class Time(Filter):
    """Conditions for a time; without a zone it is a local one.

    Attributes:
        before_: It is then or earlier.
        after_: It is then or later.
        is_null_: Whether there is none.
    """

    before_: Moment | None = None
    after_: Moment | None = None
    is_null_: bool | None = None


class FlowRunFilterId(Among):
    """By a flow run's id."""


class FlowRunFilterName(Name):
    """By a flow run's name."""


class FlowRunFilterTags(Tags):
    """By a flow run's tags."""


class FlowRunFilterStateType(OfTypes):
    """By the type of a flow run's state."""


class FlowRunFilterStateName(Among):
    """By the name of a flow run's state, such as `TimedOut`."""


class FlowRunFilterState(Filter):
    """By a flow run's state."""

    operator: Operator = Operator.and_
    type: FlowRunFilterStateType | None = None
    name: FlowRunFilterStateName | None = None


class FlowRunFilterFlowVersion(Among):
    """By the version of a flow run's flow."""


class FlowRunFilterStartTime(Time):
    """By when a flow run began; by when it was to begin, if it has not."""


class FlowRunFilterEndTime(Time):
    """By when a flow run ended."""


class FlowRunFilterExpectedStartTime(Time):
    """By when a flow run was to begin."""


class FlowRunFilterParentFlowRunId(Among):
    """By the flow run around a subflow."""


class FlowRunFilterParentTaskRunId(Among):
    """By the task run around a subflow."""


class FlowRunFilter(Filter):
    """Which flow runs."""

    operator: Operator = Operator.and_
    id: FlowRunFilterId | None = None
    name: FlowRunFilterName | None = None
    tags: FlowRunFilterTags | None = None
    state: FlowRunFilterState | None = None
    flow_version: FlowRunFilterFlowVersion | None = None
    start_time: FlowRunFilterStartTime | None = None
    end_time: FlowRunFilterEndTime | None = None
    expected_start_time: FlowRunFilterExpectedStartTime | None = None
    parent_flow_run_id: FlowRunFilterParentFlowRunId | None = None
    parent_task_run_id: FlowRunFilterParentTaskRunId | None = None


class TaskRunFilterId(Among):
    """By a task run's id."""


class TaskRunFilterName(Name):
    """By a task run's name."""


class TaskRunFilterTags(Tags):
    """By a task run's tags."""


class TaskRunFilterStateType(OfTypes):
    """By the type of a task run's state."""


class TaskRunFilterStateName(Among):
    """By the name of a task run's state, such as `Cached`."""


class TaskRunFilterState(Filter):
    """By a task run's state."""

    operator: Operator = Operator.and_
    type: TaskRunFilterStateType | None = None
    name: TaskRunFilterStateName | None = None


class TaskRunFilterStartTime(Time):
    """By when a task run began."""


class TaskRunFilterEndTime(Time):
    """By when a task run ended."""


class TaskRunFilterFlowRunId(Among):
    """By the flow run that a task run belongs to."""


class TaskRunFilter(Filter):
    """Which task runs."""

    operator: Operator = Operator.and_
    id: TaskRunFilterId | None = None
    name: TaskRunFilterName | None = None
    tags: TaskRunFilterTags | None = None
    state: TaskRunFilterState | None = None
    start_time: TaskRunFilterStartTime | None = None
    end_time: TaskRunFilterEndTime | None = None
    flow_run_id: TaskRunFilterFlowRunId | None = None


class FlowFilterId(Among):
    """By a flow's id."""


class FlowFilterName(Name):
    """By a flow's name."""


class FlowFilter(Filter):
    """Which flows, or the runs of which flows."""

    operator: Operator = Operator.and_
    id: FlowFilterId | None = None
    name: FlowFilterName | None = None


class DeploymentFilterId(Among):
    """By a deployment's id."""


class DeploymentFilterName(Name):
    """By a deployment's name."""


class DeploymentFilterTags(Tags):
    """By a deployment's tags."""


class DeploymentFilter(Filter):
    """Which deployments, or the runs of which deployments."""

    operator: Operator = Operator.and_
    id: DeploymentFilterId | None = None
    name: DeploymentFilterName | None = None
    tags: DeploymentFilterTags | None = None


class ArtifactFilterId(Among):
    """By an artifact's id."""


class ArtifactFilterKey(Name):
    """By an artifact's key.

    Attributes:
        exists_: Whether there is one.
    """

    exists_: bool | None = None


class ArtifactFilterType(Among):
    """By an artifact's type: `markdown`, `table`, `link`, `progress` or `image`."""


class ArtifactFilterFlowRunId(Among):
    """By the flow run that an artifact was made in."""


class ArtifactFilterTaskRunId(Among):
    """By the task run that an artifact was made in."""


class ArtifactFilter(Filter):
    """Which artifacts."""

    operator: Operator = Operator.and_
    id: ArtifactFilterId | None = None
    key: ArtifactFilterKey | None = None
    type: ArtifactFilterType | None = None
    flow_run_id: ArtifactFilterFlowRunId | None = None
    task_run_id: ArtifactFilterTaskRunId | None = None
