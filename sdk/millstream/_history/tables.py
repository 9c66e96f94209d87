"""How rows are written.

A batch goes to SQLite as one JSON text for each table: so a batch costs one step, in which other threads go on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from millstream._history.rows import ArtifactRow, FlowRunRow, TaskRunRow
from millstream._run_ids import prefix_of
from millstream._secrets import mask

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from millstream._history.rows import Entry, Transition


def _states(row: TaskRunRow | FlowRunRow) -> list[Transition] | None:
    """The states that a run was in; None for one attempt, of which the other columns say it all."""
    if not row.past:
        return None
    past = [(kind, name, entered, _told(message)) for kind, name, entered, message in row.past]
    if row.end_time is None:
        return past
    return [*past, (row.state_type.value, row.state_name, row.end_time, _told(row.state_message))]


def _told(message: str | None) -> str | None:
    return None if message is None else mask(message)


def _task_run(row: TaskRunRow, now: float, process: str) -> list[Any]:
    name = row.name if isinstance(row.name, str) else f"{row.task_name}-{row.name}"
    return [
        row.id,
        name,
        row.task_name,
        row.flow_run_id,
        sorted(row.tags),
        row.state_type.value,
        row.state_name,
        _told(row.state_message),
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
        row.name,
        row.flow_name,
        row.flow_version,
        row.deployment_name,
        sorted(row.tags),
        mask(row.parameters),
        row.parent_flow_run_id,
        row.parent_task_run_id,
        row.state_type.value,
        row.state_name,
        _told(row.state_message),
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
_ARTIFACTS = _upsert(
    "artifacts",
    "id key type data description flow_run_id task_run_id created updated written",
    {"id", "key", "type", "flow_run_id", "task_run_id", "created"},
)


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
        for statement, values in ((_FLOW_RUNS, flows), (_TASK_RUNS, tasks), (_ARTIFACTS, artifacts)):
            if values:
                connection.execute(statement, (json.dumps(values),))
        for (prefix, task, flow_run, tags), some in plain.items():
            said = {
                "prefix": prefix,
                "task": task.name,
                "flow_run": None if flow_run is None else flow_run.id,
                "tags": json.dumps(sorted(task.tags | tags)),
                "now": now,
                "process": process,
                "rows": json.dumps(some),
            }
            connection.execute(_PLAIN_TASK_RUNS, said)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
