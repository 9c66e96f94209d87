"""What a client reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from millstream.states import State, StateType

__all__ = ["Artifact", "Deployment", "Flow", "FlowRun", "State", "StateType", "TaskRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow of which there are runs.

    Attributes:
        id: Made of the name: the same for all that have it.
        name: Its name.
        created: When its first run began.
        updated: When a run of it last changed.
    """

    id: str
    name: str
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    id: str
    name: str
    tags: list[str]
    state: State[Any] = field(compare=False)  # states are equal to themselves only
    start_time: datetime | None
    end_time: datetime | None
    run_count: int
    updated: datetime

    @property
    def state_type(self) -> StateType:
        """The type of its state."""
        return self.state.type

    @property
    def state_name(self) -> str:
        """The name of its state."""
        return self.state.name

    @property
    def total_run_time(self) -> timedelta:
        """From its begin to its end, waits between attempts included; nothing if it has not ended."""
        if self.start_time is None or self.end_time is None:
            return timedelta()
        return self.end_time - self.start_time


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRun(_Run):
    """A flow run.

    Attributes:
        id: Its id.
        name: Its name.
        tags: Its tags, in order.
        state: Its state. The history keeps no results: there `state.data` is None. `state.result()` of a cluster's run
            gives the result that is in the FlowRun, or fetches it from where the FlowRun says.
        start_time: When its first attempt began.
        end_time: When it ended.
        run_count: How many attempts there were.
        updated: When this was last written.
        flow_id: The id of its flow.
        flow_name: The name of its flow.
        flow_version: The version of its flow.
        deployment_name: The name of its deployment.
        parameters: Its parameters; what is no JSON is there by its type, and what is long is cut.
        expected_start_time: When it was due.
        created: When it was made.
        parent_flow_run_id: The flow run around it.
        parent_task_run_id: The task run around it.
        task_counts: How many of its task runs ended in which state, subflows' included.
    """

    flow_id: str
    flow_name: str
    flow_version: str | None
    deployment_name: str | None
    parameters: dict[str, Any]
    expected_start_time: datetime | None
    created: datetime
    parent_flow_run_id: str | None
    parent_task_run_id: str | None
    task_counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun(_Run):
    """A task run.

    Attributes:
        id: Its id.
        name: Its name.
        tags: Its tags, in order.
        state: Its state, without a result.
        start_time: When its first attempt began.
        end_time: When it ended.
        run_count: How many attempts there were.
        updated: When this was last written.
        task_name: The name of its task.
        flow_run_id: The flow run that it belongs to.
    """

    task_name: str
    flow_run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment of a cluster.

    Attributes:
        id: Its id.
        name: Its name.
        flow_id: The id of its flow.
        flow_name: The name of its flow.
        entrypoint: Where the flow is.
        version: Its version.
        description: What it is about.
        tags: The tags of all its runs, in order.
        parameters: The parameters of all its runs, unless a run has others.
        parameter_openapi_schema: What the flow takes, as JSON schema.
        schedules: When its runs are due, as in `spec.schedules`.
        paused: Whether its schedules rest.
        concurrency_limit: How many of its runs may be live at the same time.
        created: When it was made.
        updated: When it last changed.
    """

    id: str
    name: str
    flow_id: str
    flow_name: str
    entrypoint: str
    version: str | None
    description: str | None
    tags: list[str]
    parameters: dict[str, Any]
    parameter_openapi_schema: dict[str, Any] | None
    schedules: list[dict[str, Any]]
    paused: bool
    concurrency_limit: int | None
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something that a run left for people to look at.

    Attributes:
        id: Its id.
        key: The name that it shares with others of its kind, of which it is one version.
        type: `markdown`, `table`, `link`, `progress` or `image`.
        data: What it shows.
        description: What it is about, in Markdown.
        flow_run_id: The flow run that made it.
        task_run_id: The task run that made it.
        created: When it was made.
        updated: When it last changed.
    """

    id: str
    key: str | None
    type: str
    data: Any
    description: str | None
    flow_run_id: str | None
    task_run_id: str | None
    created: datetime
    updated: datetime
