"""A lock in PostgreSQL: an advisory lock of a session, which ends with its connection."""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

from millstream.filesystems._connections import close, is_usable
from millstream.filesystems._storage import Lock

if TYPE_CHECKING:
    from millstream.filesystems._connections import Connection


def lock_number(name: str) -> int:
    """The number by which PostgreSQL knows the lock of this name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)


class AdvisoryLock(Lock):
    """The lock that a connection holds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def attempt(cls, connection: Connection, number: int) -> AdvisoryLock | None:
        """The lock, or None if another connection holds it."""
        if connection.execute("SELECT pg_try_advisory_lock(%s)", [number]).fetchone() != (True,):
            return None
        # When a host vanishes without a word, the server notices after half a minute instead of two hours.
        connection.execute(
            "SELECT set_config('tcp_keepalives_idle', '15', false), set_config('tcp_keepalives_interval', '5', false),"
            " set_config('tcp_keepalives_count', '3', false)",
        )
        return cls(connection)

    def release(self) -> None:
        """Let others have it."""
        from psycopg import OperationalError  # noqa: PLC0415 - an extra

        if is_usable(self._connection):
            # The server would unlock at the end of the connection too, but nobody waits for it to notice that.
            with suppress(OperationalError):  # a broken connection holds nothing any more
                self._connection.execute("SELECT pg_advisory_unlock_all()")
            close(self._connection)
