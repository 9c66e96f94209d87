"""How rows are written.

A batch of runs goes to SQLite as one JSON text: so it costs one step, in which other threads go on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from millstream._history.rows import ArtifactRow, FlowRunRow, TaskRunRow
from millstream._history.snapshots import text
from millstream._run_ids import prefix_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from millstream._history.rows import Entry, Transition


_LONGEST_MESSAGE = 4_000
_LONGEST_PAST_MESSAGE = 500


def _states(row: TaskRunRow | FlowRunRow) -> list[Transition] | None:
    """The states that a run was in; None for one attempt, of which the other columns say it all."""
    if not row.past:
        return None
    past = [
        (kind, text(name), entered, message and text(message, _LONGEST_PAST_MESSAGE))
        for kind, name, entered, message in row.past
    ]
    if row.end_time is None:
        return past
    return [*past, (row.state_type.value, text(row.state_name), row.end_time, _message(row))]


def _message(row: TaskRunRow | FlowRunRow) -> str | None:
    return None if row.state_message is None else text(row.state_message, _LONGEST_MESSAGE)


def _tags(tags: Iterable[str]) -> list[str]:
    return sorted(map(text, tags))


def _task_run(row: TaskRunRow, now: float, process: str) -> list[Any]:
    name = row.name if isinstance(row.name, str) else f"{row.task_name}-{row.name}"
    return [
        row.id,
        text(name),
        text(row.task_name),
        row.flow_run_id,
        _tags(row.tags),
        row.state_type.value,
        text(row.state_name),
        _message(row),
        _states(row),
        row.start_time,
        row.end_time,
        row.run_count,
        now,
        process,
    ]


def _flow_run(row: FlowRunRow, now: float, process: str) -> list[Any]:
    return [
        row.id,
        text(row.name),
        text(row.flow_name),
        row.flow_version and text(row.flow_version),
        row.deployment_name and text(row.deployment_name),
        _tags(row.tags),
        row.parameters,
        row.parent_flow_run_id,
        row.parent_task_run_id,
        row.state_type.value,
        text(row.state_name),
        _message(row),
        _states(row),
        row.expected_start_time,
        row.start_time,
        row.end_time,
        row.run_count,
        row.task_counts,
        row.created,
        now,
        process,
    ]


def _upsert(table: str, columns: str, kept: set[str]) -> str:
    """Insert rows, and change what is there of them already but for some columns."""
    names = columns.split()
    values = ", ".join(f"json_extract(value, '$[{number}]')" for number in range(len(names)))
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in kept)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM json_each(?) WHERE true "
        f"ON CONFLICT (id) DO UPDATE SET {changes}"
    )


# What others may have changed since, as by a client, stays.
_TASK_RUNS = _upsert(
    "task_runs",
    "id name task_name flow_run_id tags state_type state_name state_message states start_time end_time run_count "
    "updated process",
    {"id", "tags"},
)
_FLOW_RUNS = _upsert(
    "flow_runs",
    "id name flow_name flow_version deployment_name tags parameters parent_flow_run_id parent_task_run_id state_type "
    "state_name state_message states expected_start_time start_time end_time run_count task_counts created updated "
    "process",
    {"id", "name", "tags", "parameters", "created", "expected_start_time"},
)
# Row by row: they are few, and may be large.
_ARTIFACTS = """
INSERT INTO artifacts (id, key, type, data, description, flow_run_id, task_run_id, created, updated, written)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET data = excluded.data, description = excluded.description, updated = excluded.updated,
  written = excluded.written
"""
_PLAIN_TASK_RUNS = """
INSERT INTO task_runs (id, name, task_name, flow_run_id, tags, state_type, state_name, start_time, end_time, run_count,
  updated, process)
SELECT :prefix || printf('%012x', json_extract(value, '$[0]')), :task || '-' || json_extract(value, '$[1]'), :task,
  :flow_run, :tags, 'COMPLETED', 'Completed', json_extract(value, '$[2]'), json_extract(value, '$[3]'), 1, :now, :process
FROM json_each(:rows) WHERE true
ON CONFLICT (id) DO UPDATE SET state_type = excluded.state_type, state_name = excluded.state_name,
  end_time = excluded.end_time, updated = excluded.updated
"""


def write(connection: sqlite3.Connection, entries: Iterable[Entry], now: float, process: str) -> None:
    """Write in one transaction; of rows with the same id, the last one holds."""
    rows: dict[str, TaskRunRow | FlowRunRow | ArtifactRow] = {}
    plain: dict[Any, list[Any]] = {}
    for entry in entries:
        if isinstance(entry, TaskRunRow | FlowRunRow | ArtifactRow):
            rows[entry.id] = entry
        else:
            serial, number, began, ended, *same = entry
            plain.setdefault((prefix_of(serial), *same), []).append((serial, number, began, ended))
    flows = [_flow_run(row, now, process) for row in rows.values() if isinstance(row, FlowRunRow)]
    tasks = [_task_run(row, now, process) for row in rows.values() if isinstance(row, TaskRunRow)]
    artifacts = [[*row, now] for row in rows.values() if isinstance(row, ArtifactRow)]
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_ARTIFACTS, artifacts)
        for statement, values in ((_FLOW_RUNS, flows), (_TASK_RUNS, tasks)):
            if values:
                connection.execute(statement, (json.dumps(values),))
        for (prefix, task, flow_run, tags), some in plain.items():
            said = {
                "prefix": prefix,
                "task": text(task.name),
                "flow_run": None if flow_run is None else flow_run.id,
                "tags": json.dumps(_tags(task.tags | tags)),
                "now": now,
                "process": process,
                "rows": json.dumps(some),
            }
            connection.execute(_PLAIN_TASK_RUNS, said)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
