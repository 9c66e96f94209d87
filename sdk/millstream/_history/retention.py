"""What is forgotten: runs that are too old, and the oldest ones when there is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from millstream._history.recorder import Bounds

PAUSE = 3600.0
"""Seconds from one clean-up to the next, whatever process does it."""
_AT_ONCE = 50
_ROWS_AT_ONCE = 5_000
_DAY = 86_400.0
_PAGES_AT_ONCE = 2_000
_ENDED = "state_type NOT IN ('RUNNING', 'SCHEDULED')"


def forget(connection: sqlite3.Connection, now: float, bounds: Bounds) -> None:
    """Forget what is beyond the bounds, if nobody did so within the last hour.

    In small transactions, so that nobody who writes meanwhile waits for long. Runs that have not ended stay.
    """
    due = connection.execute(
        "INSERT INTO facts VALUES ('forgot', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1 "
        "WHERE value < ?2 OR value > ?1",
        (now, now - PAUSE),
    )
    if not due.rowcount:
        return
    before = now - bounds.days * _DAY
    while _forget_some(connection, before):
        pass
    while _size(connection) > bounds.megabytes * 1e6 and _forget_some(connection, now + _DAY):
        pass
    _give_back(connection)


def forget_all(connection: sqlite3.Connection, now: float) -> None:
    """Forget all runs that have ended, and what belongs to none."""
    while _forget_some(connection, now + _DAY):
        pass
    _give_back(connection)


def _forget_some(connection: sqlite3.Connection, before: float) -> bool:
    return (
        _forget_flow_runs(connection, before)
        or _forget_alone(connection, "task_runs", f"updated < ? AND {_ENDED}", before)
        or _forget_alone(connection, "artifacts", "written < ?", before)
    )


def _give_back(connection: sqlite3.Connection) -> None:
    """Make the file smaller, as far as it was made so that it can be."""
    free = _asked(connection, "freelist_count")
    while free > _PAGES_AT_ONCE:
        connection.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
        before, free = free, _asked(connection, "freelist_count")
        if free >= before:
            return


def _size(connection: sqlite3.Connection) -> float:
    pages = _asked(connection, "page_count") - _asked(connection, "freelist_count")
    return float(pages * _asked(connection, "page_size"))


def _asked(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _forget_flow_runs(connection: sqlite3.Connection, before: float) -> bool:
    """Forget the flow runs that changed longest ago, and what belongs to them; false if there are none."""
    runs = connection.execute(
        f"SELECT id FROM flow_runs WHERE updated < ? AND {_ENDED} ORDER BY updated LIMIT ?",
        (before, _AT_ONCE),
    ).fetchall()
    for run in runs:
        while connection.execute(
            "DELETE FROM task_runs WHERE id IN (SELECT id FROM task_runs WHERE flow_run_id = ? LIMIT ?)",
            (*run, _ROWS_AT_ONCE),
        ).rowcount:
            pass
        # Dying before this leaves a run without its task runs, which is the next to be forgotten.
        connection.execute("DELETE FROM artifacts WHERE flow_run_id = ?", run)
        connection.execute("DELETE FROM flow_runs WHERE id = ?", run)
    return bool(runs)


def _forget_alone(connection: sqlite3.Connection, table: str, condition: str, before: float) -> bool:
    """Forget rows that belong to no flow run; false if there are none."""
    return bool(
        connection.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {condition} "
            "AND (flow_run_id IS NULL OR flow_run_id NOT IN (SELECT id FROM flow_runs)) LIMIT ?)",
            (before, _ROWS_AT_ONCE),
        ).rowcount
    )
