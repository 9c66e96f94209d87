"""The one who writes to the file, and what is done when that fails."""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from millstream._history import retention, tables
from millstream._history.processes import Presence
from millstream._history.schema import FILE, OtherVersionError, connect
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from pathlib import Path

_logger = logging.getLogger("millstream.history")
_OFF = "MILLSTREAM_HISTORY_ENABLED=false switches the history off."


class Writer:
    """Writes rows to the history below a `MILLSTREAM_HOME`. Used by one thread at a time."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._connection: sqlite3.Connection | None = None
        self._presence: Presence | None = None
        self._told = ""

    def write(self, batch: list[Any]) -> bool:
        """Write rows; false, with a line in the log, if they cannot be written now."""
        try:
            self._write(batch)
        except OtherVersionError as error:
            self._tell(str(error).rstrip("."))
        except sqlite3.DatabaseError as error:
            self._close()
            if _is_damaged(error):
                return self._put_aside(error)
            self._tell(f"{self._home / FILE}: {error}")
        except OSError as error:
            self._close()
            self._tell(str(error))
        else:
            self._told = ""
            return True
        return False

    def _write(self, batch: list[Any]) -> None:
        # Dates of runs are what the clock of the runs says; whether an hour has passed is this machine's affair.
        now = time.time()
        if self._presence is None:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._presence = Presence(self._home)
        if self._connection is None:
            self._connection = connect(self._home)
            tables.write(self._connection, batch, now, self._presence.name)
            self._forget(now)
            return
        tables.write(self._connection, batch, now, self._presence.name)

    def _forget(self, now: float) -> None:
        assert self._connection is not None  # noqa: S101 - called with one
        settings = get_current_settings()
        try:
            retention.forget(
                self._connection,
                now,
                days=settings.history_max_days,
                megabytes=settings.history_max_megabytes,
            )
        except sqlite3.OperationalError as error:  # what was to be written is written
            _logger.debug("Old runs stay in the history for now: %s", error)

    def _put_aside(self, error: sqlite3.DatabaseError) -> bool:
        """Begin a new file in place of one that is no database."""
        path = self._home / FILE
        aside = path.with_name(f"{FILE}.damaged-{int(time.time())}")
        try:
            path.replace(aside)
        except OSError as problem:
            self._tell(str(problem))
            return False
        for leftover in ("-wal", "-shm"):
            with suppress(OSError):
                path.with_name(FILE + leftover).unlink()
        _logger.warning("The history begins anew: %s is damaged (%s). It is %s now.", path, error, aside.name)
        return False  # the next try finds the new one

    def _tell(self, problem: str) -> None:
        if problem != self._told:
            _logger.warning("The history cannot be written for now: %s. %s", problem, _OFF)
        self._told = problem

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Close the file."""
        self._close()
        if self._presence is not None:
            self._presence.end()


def _is_damaged(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorname", "") in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
