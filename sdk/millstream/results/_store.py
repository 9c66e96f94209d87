"""Results by keys, in a storage."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millstream import _surroundings
from millstream.filesystems import storage_of
from millstream.results._record import CorruptEntryError, Entry, ResultRecord
from millstream.serializers import serializer_of

if TYPE_CHECKING:
    from os import PathLike

    from millstream.filesystems import Lock, Storage
    from millstream.serializers import Serializer

_logger = logging.getLogger("millstream.results")


class ResultStore:
    """Reads and writes results.

    All methods raise what the storage raises when it cannot be reached. What is there and cannot be read is logged
    and counts as missing, so that it is computed again.

    Args:
        storage: Where; the default folder if not given.
        serializer: How values become bytes; by pickle if not given. Reading takes the one that wrote the value.
    """

    def __init__(self, storage: Storage | None = None, serializer: Serializer | None = None) -> None:
        self.storage = storage_of(storage)
        self.serializer = serializer_of(serializer)

    def read(self, key: str) -> ResultRecord | None:
        """The result, or None if there is none that is valid."""
        try:
            entry = self.entry(key)
            if entry is None:
                return None
            value = entry.value(self.serializer)
        except CorruptEntryError as error:
            _logger.warning("The result %r in %r is ignored, because %s.", key, self.storage, error)
            return None
        return ResultRecord(value, key, entry.expiration, entry.created, entry.serializer)

    def entry(self, key: str) -> Entry | None:
        """The result as it is kept, or None if there is none that is valid; nothing of it is run or loaded.

        Raises:
            CorruptEntryError: It cannot be read.
        """
        try:
            data = self.storage.read(key)
        except KeyError:
            return None
        entry = Entry.of_bytes(data)
        return None if entry.expiration is not None and entry.expiration <= _now() else entry

    def write(self, key: str, value: Any, expiration: datetime | None = None) -> ResultRecord:
        """Keep a result in place of what is there.

        Args:
            key: Where.
            value: What was returned.
            expiration: When it ends to be valid, with a time zone.

        Raises:
            SerializationError: The value would not come back.
        """
        if expiration is not None and expiration.tzinfo is None:
            raise ValueError(f"The expiration {expiration} has no time zone: write datetime.now(UTC) + ...")
        entry = Entry(self.serializer.dumps(value), expiration, _now(), self.serializer.type)
        self.storage.write(key, entry.to_bytes())
        return ResultRecord(value, key, entry.expiration, entry.created, entry.serializer)

    def exists(self, key: str) -> bool:
        """Whether there is a result that is valid."""
        try:
            return self.entry(key) is not None
        except CorruptEntryError:
            return False

    def delete(self, key: str) -> None:
        """Remove the result, if there is one."""
        self.storage.delete(key)

    def lock(self, key: str, timeout: float | None = None) -> Lock:
        """Wait until nobody else holds the lock of this key, and take it.

        Args:
            key: That of a result; reading and writing go on regardless of the lock.
            timeout: The longest wait in seconds; 0 tries once, None waits for ever.

        Raises:
            TimeoutError: Somebody else still holds it.
        """
        return self.storage.acquire(key, timeout)

    def __repr__(self) -> str:
        return f"ResultStore({self.storage!r}, {self.serializer.type!r})"


def open_store(
    storage: Storage | str | PathLike[str] | None = None,
    serializer: Serializer | str | None = None,
) -> ResultStore:
    """The store that the options `result_storage` and `result_serializer` name.

    Args:
        storage: A storage, a path or a URL, as `storage_of` takes it.
        serializer: A serializer or its name, as `serializer_of` takes it.
    """
    return ResultStore(storage_of(storage), serializer_of(serializer))


def _now() -> datetime:
    return datetime.fromtimestamp(_surroundings.current.time(), UTC)
