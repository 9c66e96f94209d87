"""The tables, and how a file gets them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
FILE = "history.db"
_SECONDS_TO_WAIT = 10.0  # for another process that writes
_PAUSE = 0.02
_TABLES = """
CREATE TABLE flow_runs (
  id TEXT PRIMARY KEY, name TEXT, flow_name TEXT NOT NULL, flow_version TEXT, deployment_name TEXT,
  tags TEXT NOT NULL, parameters TEXT NOT NULL, parent_flow_run_id TEXT, parent_task_run_id TEXT,
  state_type TEXT NOT NULL, state_name TEXT NOT NULL, state_message TEXT, states TEXT,
  expected_start_time REAL, start_time REAL, end_time REAL, run_count INTEGER NOT NULL, task_counts TEXT NOT NULL,
  created REAL NOT NULL, updated REAL NOT NULL, process TEXT
) WITHOUT ROWID;
CREATE INDEX flow_runs_by_start ON flow_runs (coalesce(start_time, expected_start_time));
CREATE INDEX flow_runs_by_change ON flow_runs (updated);
CREATE INDEX flow_runs_by_flow ON flow_runs (flow_name);
CREATE INDEX flow_runs_alive ON flow_runs (process) WHERE state_type IN ('RUNNING', 'SCHEDULED');
CREATE TABLE task_runs (
  id TEXT PRIMARY KEY, name TEXT, task_name TEXT NOT NULL, flow_run_id TEXT, tags TEXT NOT NULL,
  state_type TEXT NOT NULL, state_name TEXT NOT NULL, state_message TEXT, states TEXT,
  start_time REAL, end_time REAL, run_count INTEGER NOT NULL, updated REAL NOT NULL, process TEXT
) WITHOUT ROWID;
CREATE INDEX task_runs_by_flow_run ON task_runs (flow_run_id);
CREATE INDEX task_runs_alive ON task_runs (process) WHERE state_type IN ('RUNNING', 'SCHEDULED');
CREATE TABLE artifacts (
  id TEXT PRIMARY KEY, key TEXT, type TEXT NOT NULL, data TEXT, description TEXT,
  flow_run_id TEXT, task_run_id TEXT, created REAL NOT NULL, updated REAL NOT NULL, written REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX artifacts_by_key ON artifacts (key, created);
CREATE INDEX artifacts_by_flow_run ON artifacts (flow_run_id);
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


class OtherVersionError(sqlite3.DatabaseError):
    """The file was written by a later version of Millstream."""


def connect(home: Path) -> sqlite3.Connection:
    """Open the file below `MILLSTREAM_HOME`, which is made if it is not there.

    Raises:
        OSError: The folder cannot be made.
        sqlite3.Error: The file cannot be opened, or is none of ours.
        OtherVersionError: It has tables that this version does not know.
    """
    if not home.is_dir():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = _opened(home / FILE)
    try:
        if not _has_tables(connection, home / FILE):
            _make_tables(connection, home / FILE)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_if_there(home: Path) -> sqlite3.Connection | None:
    """Open the file if there is one, and somebody has made its tables."""
    if not (home / FILE).is_file():
        return None
    connection = _opened(home / FILE)
    try:
        if _has_tables(connection, home / FILE):
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def _has_tables(connection: sqlite3.Connection, path: Path) -> bool:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {0, VERSION}:
        raise OtherVersionError(
            f"{path} was written by another version of Millstream (its tables are version {version}, and this "
            f"one knows {VERSION}). Move the file away, or use that version."
        )
    return bool(version)


def _opened(path: Path) -> sqlite3.Connection:
    # Transactions are begun where they are needed; threads take turns by a lock of their own.
    connection = sqlite3.connect(
        path, timeout=_SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -400")  # kB: it is the flow's memory
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    path.chmod(0o600)  # parameters and messages are the user's own affair
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _write_ahead(connection)
    connection.execute("BEGIN IMMEDIATE")  # of two processes that begin at once, one makes the tables
    with closing(connection.cursor()) as cursor:
        if not _has_tables(connection, path):
            for statement in _TABLES.split(";"):
                if statement.strip():
                    cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {VERSION}")
        cursor.execute("COMMIT")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let those who read and the one who writes not wait for each other.

    While somebody else has the file open SQLite refuses this at once, whatever the time that others are waited for.
    """
    deadline = time.monotonic() + _SECONDS_TO_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return
