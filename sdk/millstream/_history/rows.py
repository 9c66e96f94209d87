"""What the recorder is told, as rows of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from millstream.states import StateType

    PlainTaskRun = tuple[int, int, float, float, Any, Any, frozenset[str]]
    """A task run that completed at once and has the name that follows from its number, as most of them, in few words:
    its serial number, its number in the flow run, begin and end, the task, the flow run (or None), its tags."""
    Transition = tuple[str, str, float, str | None]
    """A state that a run was in: type, name, when it was entered, message."""


class TaskRunRow(NamedTuple):
    """A task run that began, or ended.

    Attributes:
        name: Its name; or its number, if it has the name that follows from it.
        past: The states that it was in before, if they are others than Running.
    """

    id: str
    name: str | int
    task_name: str
    flow_run_id: str | None
    tags: frozenset[str]
    state_type: StateType
    state_name: str
    state_message: str | None
    past: list[Transition] | None
    start_time: float | None
    end_time: float | None
    run_count: int


class FlowRunRow(NamedTuple):
    """A flow run that began, has another attempt before it, or ended."""

    id: str
    name: str
    flow_name: str
    flow_version: str | None
    deployment_name: str | None
    tags: frozenset[str]
    parameters: str
    parent_flow_run_id: str | None
    parent_task_run_id: str | None
    state_type: StateType
    state_name: str
    state_message: str | None
    past: list[Transition] | None
    expected_start_time: float | None
    start_time: float | None
    end_time: float | None
    run_count: int
    task_counts: dict[str, int]
    created: float


class ArtifactRow(NamedTuple):
    """An artifact that was made or changed; `data` is JSON."""

    id: str
    key: str | None
    type: str
    data: str
    description: str | None
    flow_run_id: str | None
    task_run_id: str | None
    created: float
    updated: float


def is_about_flows(entry: Entry) -> bool:
    """Whether it is a row of which there are few, and which matters more than a task run's."""
    return isinstance(entry, FlowRunRow | ArtifactRow)


if TYPE_CHECKING:
    Entry = TaskRunRow | FlowRunRow | ArtifactRow | PlainTaskRun
