"""Connections to PostgreSQL that a forked child leaves to its parent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_opened: WeakSet[Connection] = WeakSet()
_inherited: list[Connection] = []  # kept, since a connection that is dropped while open warns


def connect(dsn: str) -> Connection:
    """A new connection, without transactions unless asked for.

    Raises:
        ImportError: The library is not installed.
        ValueError: The DSN cannot be read.
    """
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError:
        raise ImportError(
            "A PostgresStorage needs the library psycopg: pip install 'millstream[postgres]'",
        ) from None
    _check(dsn)
    connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
    _opened.add(connection)
    return connection


def is_usable(connection: Connection) -> bool:
    """Whether it is open and this process's own."""
    return connection in _opened and not connection.closed


def close(connection: Connection) -> None:
    """Close it, unless it is the parent's."""
    if is_usable(connection):
        connection.close()


def _check(dsn: str) -> None:
    """Refuse what libpq would quote in its message: with an `@` in a password, a part of that as the host's name."""
    from psycopg import ProgrammingError, conninfo  # noqa: PLC0415 - an extra

    try:
        parts = conninfo.conninfo_to_dict(dsn)
        host, ports = str(parts.get("host", "")), str(parts.get("port", "")).split(",")
        # A name that begins with an @ is that of a socket.
        readable = "@" not in host[1:] and all(port.isdigit() for port in ports if port)
    except ProgrammingError:
        readable = False
    if not readable:
        raise ValueError(
            "The DSN of a PostgresStorage cannot be read (it is not shown, for it may hold a password): write "
            "postgresql://user:password@host:5432/database, and special characters in the password as percent-codes, "
            "such as %40 for @.",
        )


def _leave_all() -> None:
    """Let go of the sockets: an open one would keep the locks of the parent when that has died."""
    for connection in tuple(_opened):
        if not connection.closed:
            os.close(connection.fileno())
            _inherited.append(connection)
    _opened.clear()


os.register_at_fork(after_in_child=_leave_all)
