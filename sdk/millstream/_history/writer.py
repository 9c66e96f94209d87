"""The one who writes to the file, and what is done when that fails."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from millstream._history import retention, tables
from millstream._history.processes import Presence
from millstream._history.schema import FILE, OtherVersionError, connect

if TYPE_CHECKING:
    from pathlib import Path

    from millstream._history.recorder import Bounds
    from millstream._history.rows import Entry

_logger = logging.getLogger("millstream.history")
_OFF = "MILLSTREAM_HISTORY_ENABLED=false switches the history off."


class Writer:
    """Writes rows to the history below a `MILLSTREAM_HOME`. Used by one thread at a time."""

    def __init__(self, home: Path, bounds: Bounds) -> None:
        self._home = home
        self._bounds = bounds
        self._connection: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None
        self._presence: Presence | None = None
        self._forgets_at = 0.0
        self._told = ""

    def write(self, batch: list[Entry]) -> bool:
        """Write rows; false, with a line in the log, if they cannot be written now."""
        try:
            self._write(batch)
        except (OtherVersionError, sqlite3.OperationalError, OSError) as error:
            self.let_go()
            self._tell(
                str(error) if isinstance(error, OSError | OtherVersionError) else f"{self._path}: {error}"
            )
            return False
        except sqlite3.DatabaseError as error:
            self.let_go()
            if _is_damaged(error):
                self._put_aside(error)  # the next try finds a new one
                return False
            self._write_what_can_be(batch)
        except Exception:  # noqa: BLE001 - a name or a message that nobody thought of
            self._write_what_can_be(batch)
        self._told = ""
        self._forget_now_and_then()
        return True

    def _write(self, batch: list[Entry]) -> None:
        if self._presence is None:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._presence = Presence(self._home)
        if self._connection is not None and not self._is_still_there():
            self.let_go()
        if self._connection is None:
            self._connection = connect(self._home)
            self._file = self._path.stat()
        # Dates of runs are what the clock of the runs says; when they were written is this machine's affair.
        tables.write(self._connection, batch, time.time(), self._presence.name)

    def _write_what_can_be(self, batch: list[Entry]) -> None:
        """Write row by row what cannot be written together, so that one that is refused takes no others with it."""
        for entry in batch:
            try:
                self._write([entry])
            except Exception as error:  # noqa: BLE001 - as above
                _logger.warning("A change of a run cannot be written to the history: %s", error)

    def _is_still_there(self) -> bool:
        try:
            return self._file is not None and os.path.samestat(self._file, self._path.stat())
        except FileNotFoundError:
            return False

    def _forget_now_and_then(self) -> None:
        now = time.monotonic()
        if now < self._forgets_at or self._connection is None:
            return
        self._forgets_at = now + retention.PAUSE
        try:
            retention.forget(self._connection, time.time(), self._bounds)
        except sqlite3.Error as error:  # what was to be written is written
            _logger.debug("Old runs stay in the history for now: %s", error)

    def _put_aside(self, error: sqlite3.DatabaseError) -> None:
        """Make place for a new file where there is one that is no database."""
        aside = self._path.with_name(f"{FILE}.damaged-{int(time.time())}")
        try:
            self._path.replace(aside)
        except OSError as problem:
            self._tell(str(problem))
            return
        for leftover in ("-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(FILE + leftover).unlink()
        _logger.warning(
            "The history begins anew: %s is damaged (%s). It is %s now.", self._path, error, aside.name
        )

    @property
    def _path(self) -> Path:
        return self._home / FILE

    def _tell(self, problem: str) -> None:
        if problem != self._told:
            _logger.warning("The history cannot be written for now: %s. %s", problem.rstrip("."), _OFF)
        self._told = problem

    def let_go(self) -> None:
        """Close the file, until there is something to write again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Close the file."""
        self.let_go()
        if self._presence is not None:
            self._presence.end()


def _is_damaged(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorname", "") in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
