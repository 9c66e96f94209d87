"""A storage in a PostgreSQL database."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from weakref import finalize

from millstream.filesystems._advisory_lock import AdvisoryLock, lock_number
from millstream.filesystems._connections import close, connect, is_usable
from millstream.filesystems._keys import path_of
from millstream.filesystems._storage import Lock, Storage, wait_for_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import LiteralString

    from psycopg.sql import Composed

    from millstream.filesystems._connections import Connection


_TABLE: Final = "millstream_results"


class PostgresStorage(Storage):
    """Keeps every key in a row of a table, which is made when it is first used.

    A lock is a connection of its own that holds a session advisory lock, so a pooler between here and the server must
    not share sessions: PgBouncer needs `pool_mode = session`.

    Args:
        dsn: How to connect, as libpq takes it. A password can also stand in `PGPASSWORD` or a password file.
        table: The name of the table, which may have a schema in front: `flows.results`.
    """

    def __init__(self, dsn: str, table: str = _TABLE) -> None:
        self._dsn = dsn
        self._table = table
        self._connecting = threading.Lock()
        self._connection: Connection | None = None

    @property
    def address(self) -> str | None:
        """The database's URL; None if the table is not the one that others look for."""
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - an extra, and slow to import

        if self._table != _TABLE:
            return None
        known = conninfo_to_dict(self._dsn)
        place = {name: str(known[name]) for name in ("host", "port") if known.get(name)}
        return f"postgresql:///{known.get('dbname') or ''}" + (f"?{urlencode(place)}" if place else "")

    def read(self, key: str) -> bytes:
        """What was written last."""
        row = self._run("SELECT data FROM {} WHERE key = %s", path_of(key))
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def write(self, key: str, data: bytes) -> None:
        """Put this in place of what is there, at once."""
        self._run(
            "INSERT INTO {} (key, data) VALUES (%s, %s)"
            " ON CONFLICT (key) DO UPDATE SET data = excluded.data, written = now()",
            path_of(key),
            data,
        )

    def exists(self, key: str) -> bool:
        """Whether there is something to read."""
        return self._run("SELECT 1 FROM {} WHERE key = %s", path_of(key)) is not None

    def delete(self, key: str) -> None:
        """Remove what is there, if anything is."""
        self._run("DELETE FROM {} WHERE key = %s", path_of(key))

    def acquire(self, key: str, timeout: float | None = None) -> Lock:
        """Take a lock, which excludes all that use the same database and table name."""
        number = lock_number(f"{self._table}/{path_of(key)}")
        with ExitStack() as unless_acquired:
            connection = unless_acquired.enter_context(connect(self._dsn))
            lock = wait_for_lock(partial(AdvisoryLock.attempt, connection, number), key, timeout)
            unless_acquired.pop_all()
        return lock

    def _run(self, query: LiteralString, *parameters: str | bytes) -> tuple[Any, ...] | None:
        """The first row of the answer. If the server had closed the connection, there is a second try with a new one."""
        connection = self._connected()  # first, because it says it if psycopg is missing
        from psycopg import OperationalError  # noqa: PLC0415 - an extra

        statement = self._statement(query)
        try:
            return _first_row(connection, statement, parameters)
        except OperationalError:
            if not connection.closed:
                raise
        return _first_row(self._connected(), statement, parameters)

    def _connected(self) -> Connection:
        with self._connecting:
            if self._connection is None or not is_usable(self._connection):
                with ExitStack() as on_error:
                    self._connection = on_error.enter_context(connect(self._dsn))
                    self._make_table(self._connection)
                    on_error.pop_all()
                finalize(self, close, self._connection)
            return self._connection

    def _make_table(self, connection: Connection) -> None:
        name = self._statement("{}").as_string(connection)
        # Asked first, because CREATE TABLE IF NOT EXISTS wants the right to make tables even if there is one.
        if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
            return
        with connection.transaction():
            # Two that make the same table at once would collide, IF NOT EXISTS or not.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock_number(self._table)])
            connection.execute(
                self._statement(
                    "CREATE TABLE IF NOT EXISTS {} (key text PRIMARY KEY, data bytea NOT NULL,"
                    " written timestamptz NOT NULL DEFAULT now())",
                ),
            )

    def _statement(self, query: LiteralString) -> Composed:
        from psycopg.sql import SQL, Identifier  # noqa: PLC0415 - an extra

        return SQL(query).format(Identifier(*self._table.split(".")))

    def __reduce__(self) -> tuple[Callable[[str, str], PostgresStorage], tuple[str, str]]:
        return type(self), (self._dsn, self._table)

    def __repr__(self) -> str:
        return (
            f"PostgresStorage(table={self._table!r})"  # nothing of the DSN: it may hold a password anywhere
        )


def _first_row(
    connection: Connection, statement: Composed, parameters: tuple[str | bytes, ...]
) -> tuple[Any, ...] | None:
    with connection.execute(statement, parameters, binary=True) as cursor:
        return cursor.fetchone() if cursor.description else None
