"""How runs of this machine are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from millstream import _surroundings
from millstream.cli._output import Column, View, show_fields, show_table
from millstream.cli._times import ago, duration, local

if TYPE_CHECKING:
    from datetime import datetime

    from millstream.cli._runs import Details
    from millstream.client.schemas.objects import Artifact, FlowRun, TaskRun
    from millstream.states import State


def _lasted(run: FlowRun | TaskRun) -> str:
    if run.start_time is None:
        return ""
    end = _surroundings.current.time() if run.end_time is None else run.end_time.timestamp()
    return duration(end - run.start_time.timestamp())


def _counted(run: FlowRun) -> str:
    return ", ".join(f"{number} {state}" for state, number in run.task_counts.items())


def run_document(run: FlowRun) -> dict[str, Any]:
    """A run as a document."""
    return {
        "id": run.id,
        "name": run.name,
        "flow": run.flow_name,
        "flowVersion": run.flow_version,
        "deployment": run.deployment_name,
        "state": _state(run.state),
        "tags": run.tags,
        "parameters": run.parameters,
        "expectedStartTime": _iso(run.expected_start_time),
        "startTime": _iso(run.start_time),
        "endTime": _iso(run.end_time),
        "attempts": run.run_count,
        "taskCounts": run.task_counts,
        "parentFlowRunId": run.parent_flow_run_id,
    }


RUNS: View[FlowRun] = View(
    columns=(
        Column("name", lambda run: run.name),
        Column("flow", lambda run: run.flow_name),
        Column("state", lambda run: run.state_name, is_state=True),
        Column("age", lambda run: ago(run.start_time)),
        Column("duration", _lasted),
        Column("task runs", _counted),
        Column("id", lambda run: run.id, is_wide=True),
        Column("tags", lambda run: ", ".join(run.tags), is_wide=True),
        Column("message", lambda run: run.state.message or "", is_wide=True),
    ),
    name=lambda run: run.id,
    document=run_document,
)
_STATES: tuple[Column[State[Any]], ...] = (
    Column("state", lambda state: state.name, is_state=True),
    Column("since", lambda state: local(state.timestamp)),
    Column("message", lambda state: state.message or "", is_prose=True),
)
_TASK_RUNS: tuple[Column[TaskRun], ...] = (
    Column("task run", lambda run: run.name),
    Column("state", lambda run: run.state_name, is_state=True),
    Column("duration", _lasted),
    Column("attempts", lambda run: str(run.run_count)),
    Column("message", lambda run: run.state.message or "", is_prose=True),
)
_ARTIFACTS: tuple[Column[Artifact], ...] = (
    Column("artifact", lambda artifact: artifact.key or artifact.id),
    Column("type", lambda artifact: artifact.type),
    Column("description", lambda artifact: artifact.description or "", is_prose=True),
)


def print_run(found: Details) -> None:
    """Print all that is known of a run, for people."""
    run = found.run
    show_fields(
        [
            ("Name", run.name),
            ("Id", run.id),
            ("Flow", " ".join(filter(None, [run.flow_name, run.flow_version]))),
            ("Deployment", run.deployment_name or ""),
            ("State", run.state_name),
            ("Message", run.state.message or ""),
            ("Started", local(run.start_time)),
            ("Duration", _lasted(run)),
            ("Attempts", str(run.run_count)),
            ("Task runs", _counted(run)),
            ("Tags", ", ".join(run.tags)),
            *(
                (f"Parameter {name}", json.dumps(value, ensure_ascii=False))
                for name, value in run.parameters.items()
            ),
        ]
    )
    click.echo()
    show_table(_STATES, found.states)
    if found.task_runs:
        click.echo()
        show_table(_TASK_RUNS, found.task_runs)
    if found.is_cut:
        click.echo(f"These are the first {len(found.task_runs)} task runs; --limit shows more.", err=True)
    if found.artifacts:
        click.echo()
        show_table(_ARTIFACTS, found.artifacts)


def document_of(found: Details) -> dict[str, Any]:
    """All that is known of a run, as a document."""
    return {
        **run_document(found.run),
        "states": [_state(state) for state in found.states],
        "taskRuns": [
            {
                "id": run.id,
                "name": run.name,
                "task": run.task_name,
                "state": _state(run.state),
                "startTime": _iso(run.start_time),
                "endTime": _iso(run.end_time),
                "attempts": run.run_count,
            }
            for run in found.task_runs
        ],
        "artifacts": [
            {
                "id": artifact.id,
                "key": artifact.key,
                "type": artifact.type,
                "description": artifact.description,
                "data": artifact.data,
            }
            for artifact in found.artifacts
        ],
    }


def _state(state: State[Any]) -> dict[str, Any]:
    return {
        "type": state.type.value,
        "name": state.name,
        "message": state.message,
        "time": _iso(state.timestamp),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
