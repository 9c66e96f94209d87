"""Rows of the history as objects."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millstream.client._flow_ids import flow_id
from millstream.client._states import told_state
from millstream.client.schemas.objects import Artifact, Flow, FlowRun, TaskRun
from millstream.states import StateType

if TYPE_CHECKING:
    from sqlite3 import Row

    from millstream.states import State


def flow_run_of(row: Row) -> FlowRun:
    """A row of `flow_runs`."""
    return FlowRun(
        **_run(row),
        flow_id=flow_id(row["flow_name"]),
        flow_name=row["flow_name"],
        flow_version=row["flow_version"],
        deployment_name=row["deployment_name"],
        parameters=json.loads(row["parameters"]),
        expected_start_time=_time(row["expected_start_time"]),
        created=_moment(row["created"]),
        parent_flow_run_id=row["parent_flow_run_id"],
        parent_task_run_id=row["parent_task_run_id"],
        task_counts=json.loads(row["task_counts"]),
    )


def task_run_of(row: Row) -> TaskRun:
    """A row of `task_runs`."""
    return TaskRun(**_run(row), task_name=row["task_name"], flow_run_id=row["flow_run_id"])


def flow_of(row: Row) -> Flow:
    """A row of what there is of a flow in `flow_runs`."""
    name = row["name"]
    return Flow(id=flow_id(name), name=name, created=_moment(row["created"]), updated=_moment(row["updated"]))


def artifact_of(row: Row) -> Artifact:
    """A row of `artifacts`."""
    return Artifact(
        id=row["id"],
        key=row["key"],
        type=row["type"],
        data=json.loads(row["data"]),
        description=row["description"],
        flow_run_id=row["flow_run_id"],
        task_run_id=row["task_run_id"],
        created=_moment(row["created"]),
        updated=_moment(row["updated"]),
    )


def states_of(row: Row) -> list[State[Any]]:
    """The states that a run was in, oldest first, of a row of `flow_runs` or `task_runs`."""
    if row["states"] is not None:
        return [told_state(*told) for told in json.loads(row["states"])]
    began, last = row["start_time"], _last_state(row)
    if began is None or last.is_running():
        return [last]
    return [told_state("RUNNING", "Running", began, None), last]


def _run(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "tags": json.loads(row["tags"]),
        "state": _last_state(row),
        "start_time": _time(row["start_time"]),
        "end_time": _time(row["end_time"]),
        "run_count": row["run_count"],
        "updated": _moment(row["updated"]),
    }


def _last_state(row: Row) -> State[Any]:
    if row["states"] is not None:
        return told_state(*json.loads(row["states"])[-1])
    kind = row["state_type"]
    entered = row["start_time"] if kind == StateType.RUNNING else row["end_time"]
    return told_state(kind, row["state_name"], entered or row["updated"], row["state_message"])


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
