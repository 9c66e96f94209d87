"""Which of the processes that write to the history are alive.

Each holds the kernel's lock on a file of its own, so that it ends with the process however that dies.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from millstream.filesystems._file_lock import FileLock

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_FOLDER = "alive"
LOST = (
    "The process of this run is gone without a word of how it ended: it was killed, or its machine went down."
)
_NOT_ENDED = "state_type IN ('RUNNING', 'SCHEDULED')"


class Presence:
    """The sign of this process that it is alive."""

    def __init__(self, home: Path) -> None:
        self.name = os.urandom(8).hex()
        folder = home / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock.attempt(folder / self.name)
        assert lock is not None  # noqa: S101 - nobody else knows the name
        self._lock = lock

    def end(self) -> None:
        """Be gone."""
        self._lock.release()


def end_runs_of_the_dead(connection: sqlite3.Connection, home: Path, now: float) -> None:
    """Let the runs of processes that are gone be Crashed."""
    for table in ("flow_runs", "task_runs"):
        rows = connection.execute(f"SELECT DISTINCT process FROM {table} WHERE {_NOT_ENDED}")
        for (process,) in rows.fetchall():
            if not _is_alive(home, process):
                connection.execute(
                    f"UPDATE {table} SET state_type = 'CRASHED', state_name = 'Crashed', state_message = ?1, "
                    "updated = ?2, states = json_insert(states, '$[#]', json_array('CRASHED', 'Crashed', ?2, ?1)) "
                    f"WHERE process IS ?3 AND {_NOT_ENDED}",
                    (LOST, now, process),
                )


def _is_alive(home: Path, process: str | None) -> bool:
    if process is None:
        return False
    path = home / _FOLDER / process
    if not path.exists():
        return False
    lock = FileLock.attempt(path)
    if lock is None:
        return True
    lock.release()
    return False
