"""What is forgotten: runs that are too old, and the oldest ones when there is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_PAUSE = 3600.0  # seconds from one clean-up to the next, whatever process does it
_AT_ONCE = 200
_DAY = 86_400.0
_PAGES_AT_ONCE = 2_000
_ENDED = "state_type NOT IN ('RUNNING', 'SCHEDULED')"


def forget(connection: sqlite3.Connection, now: float, *, days: float, megabytes: float) -> None:
    """Forget what is beyond the bounds, if nobody did so within the last hour.

    In small transactions, so that nobody who writes meanwhile waits for long. Runs that have not ended stay.
    """
    due = connection.execute(
        "INSERT INTO facts VALUES ('forgot', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1 WHERE value < ?2 OR value > ?1",
        (now, now - _PAUSE),
    )
    if not due.rowcount:
        return
    while _forget_some(connection, before=now - days * _DAY):
        pass
    while _size(connection) > megabytes * 1e6 and _forget_some(connection, before=now + _DAY):
        pass
    _give_back_space(connection)


def forget_all(connection: sqlite3.Connection, now: float) -> None:
    """Forget all runs that have ended, and what belongs to none."""
    while _forget_some(connection, before=now + _DAY):
        pass
    _give_back_space(connection)


def _give_back_space(connection: sqlite3.Connection) -> None:
    while connection.execute("PRAGMA freelist_count").fetchone()[0] > _PAGES_AT_ONCE:
        connection.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()


def _size(connection: sqlite3.Connection) -> float:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (bytes_of_page,) = connection.execute("PRAGMA page_size").fetchone()
    return float((pages - free) * bytes_of_page)


def _forget_some(connection: sqlite3.Connection, *, before: float) -> bool:
    """Forget the oldest ones that last changed before some time; false if there are none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        runs = connection.execute(
            f"SELECT id FROM flow_runs WHERE updated < ? AND {_ENDED} ORDER BY id LIMIT ?",
            (before, _AT_ONCE),
        ).fetchall()
        for run in runs:
            connection.execute("DELETE FROM task_runs WHERE flow_run_id = ?", run)
            connection.execute("DELETE FROM artifacts WHERE flow_run_id = ?", run)
            connection.execute("DELETE FROM flow_runs WHERE id = ?", run)
        alone = 0
        for table, condition in (("task_runs", f"updated < ? AND {_ENDED}"), ("artifacts", "written < ?")):
            alone += connection.execute(
                f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {condition} "
                "AND (flow_run_id IS NULL OR flow_run_id NOT IN (SELECT id FROM flow_runs)) ORDER BY id LIMIT ?)",
                (before, _AT_ONCE),
            ).rowcount
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return bool(runs or alone)
