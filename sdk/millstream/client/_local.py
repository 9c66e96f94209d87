"""The runs of this machine, as the history has them."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from millstream._history.processes import end_runs_of_the_dead
from millstream._history.recorder import flush, in_use
from millstream._history.retention import forget_all
from millstream._history.schema import FILE, OtherVersionError, connect_if_there
from millstream.client._flow_ids import flow_id
from millstream.client._rows import artifact_of, flow_of, flow_run_of, states_of, task_run_of
from millstream.client._sql import Condition, condition, flow_runs_condition, order
from millstream.exceptions import HistoryError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import NoReturn

    from millstream.client._query import Query
    from millstream.client.schemas.objects import Artifact, Flow, FlowRun, TaskRun
    from millstream.states import State


_ALL = 2**63 - 1


class LocalRuns:
    """What is remembered below a `MILLSTREAM_HOME`, of this process up to this moment."""

    where = "the history"

    def __init__(self, home: Path) -> None:
        self._home = home

    def flow_runs(self, query: Query) -> list[FlowRun]:
        """Flow runs; with a filter of task runs, those that have such a task run."""
        return self._read(
            "SELECT * FROM flow_runs", flow_runs_condition(query), "flow_runs", query, flow_run_of
        )

    def task_runs(self, query: Query) -> list[TaskRun]:
        """Task runs."""
        select = (
            "SELECT task_runs.* FROM task_runs LEFT JOIN flow_runs ON flow_runs.id = task_runs.flow_run_id"
        )
        return self._read(select, condition(query), "task_runs", query, task_run_of)

    def flows(self, query: Query) -> list[Flow]:
        """Flows of which there are such flow runs."""
        where = flow_runs_condition(query)
        select = (
            "SELECT * FROM (SELECT flow_name AS id, flow_name AS name, min(created) AS created, "
            f"max(updated) AS updated FROM flow_runs WHERE {where.text} GROUP BY flow_name) AS flows"
        )
        return self._read(select, Condition("true", where.parameters), "flows", query, flow_of)

    def artifacts(self, query: Query) -> list[Artifact]:
        """Artifacts that such flow runs have made, or nobody."""
        select = (
            "SELECT artifacts.* FROM artifacts LEFT JOIN flow_runs ON flow_runs.id = artifacts.flow_run_id "
            "LEFT JOIN task_runs ON task_runs.id = artifacts.task_run_id"
        )
        return self._read(select, condition(query), "artifacts", query, artifact_of)

    def flow_run_states(self, run_id: str) -> list[State[Any]]:
        """The states that a flow run was in, oldest first; none if there is no such run."""
        return self._states("flow_runs", run_id)

    def task_run_states(self, run_id: str) -> list[State[Any]]:
        """The states that a task run was in, oldest first; none if there is no such run."""
        return self._states("task_runs", run_id)

    def update_flow_run(self, run_id: str, *, name: str | None, tags: list[str] | None) -> bool:
        """Give a flow run another name or other tags; false if there is no such run."""
        changed = "UPDATE flow_runs SET name = coalesce(?, name), tags = coalesce(?, tags), updated = ? WHERE id = ?"
        values = (name, None if tags is None else json.dumps(tags, ensure_ascii=False), time.time(), run_id)
        with self._connection() as connection:
            return connection is not None and bool(connection.execute(changed, values).rowcount)

    def delete_flow_run(self, run_id: str) -> bool:
        """Forget a flow run and all that belongs to it; false if there is no such run."""
        with self._connection() as connection:
            if connection is None:
                return False
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM task_runs WHERE flow_run_id = ?", (run_id,))
            connection.execute("DELETE FROM artifacts WHERE flow_run_id = ?", (run_id,))
            found = connection.execute("DELETE FROM flow_runs WHERE id = ?", (run_id,)).rowcount
            connection.execute("COMMIT")
            return bool(found)

    def cancel_flow_run(self, run_id: str) -> NoReturn:
        """Nothing: runs of this machine are cancelled where they run."""
        raise UnsupportedError(
            f"The flow run {run_id} is of the history of this machine, which only remembers: interrupt its process."
        )

    def forget_all(self) -> None:
        """Forget all flow runs that have ended, and what belongs to them."""
        with self._connection() as connection:
            if connection is not None:
                forget_all(connection, time.time())

    def _states(self, table: str, run_id: str) -> list[State[Any]]:
        with self._connection() as connection:
            if connection is None:
                return []
            row = connection.execute(f"SELECT * FROM {table} WHERE id = ?", (run_id,)).fetchone()
            return [] if row is None else states_of(row)

    def _read(
        self,
        select: str,
        where: Condition,
        table: str,
        query: Query,
        made_of: Callable[[sqlite3.Row], Any],
    ) -> list[Any]:
        statement = f"{select} WHERE {where.text} ORDER BY {order(query.sort, table)} LIMIT ? OFFSET ?"
        limit = _ALL if query.limit is None else min(query.limit, _ALL)
        values = [*where.parameters, limit, min(query.offset, _ALL)]
        with self._connection() as connection:
            if connection is None:
                return []
            return [made_of(row) for row in connection.execute(statement, values)]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection | None]:
        """The file, with what this process had still to write; None if there is none."""
        flush(self._home)
        with in_use:
            try:
                connection = connect_if_there(self._home)
                if connection is None:
                    yield None
                    return
                with closing(connection):
                    connection.row_factory = sqlite3.Row
                    connection.create_function("flow_id", 1, flow_id, deterministic=True)
                    connection.create_function("casefold", 1, _casefold, deterministic=True)
                    _end_runs_of_the_dead(connection, self._home)
                    yield connection
            except (OSError, sqlite3.Error) as error:
                told = str(error) if isinstance(error, OtherVersionError) else f"{self._home / FILE}: {error}"
                raise HistoryError(f"The history cannot be read: {told}") from None


def _end_runs_of_the_dead(connection: sqlite3.Connection, home: Path) -> None:
    """Do so if nobody else writes just now: the next one who reads can do it as well."""
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 100")
    with suppress(sqlite3.OperationalError):
        end_runs_of_the_dead(connection, home, time.time())
    connection.execute(f"PRAGMA busy_timeout = {patience}")


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()
