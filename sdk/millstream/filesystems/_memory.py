"""A storage that lasts as long as the process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NoReturn

from millstream.filesystems._keys import path_of
from millstream.filesystems._storage import Lock, Storage, wait_for_lock

if TYPE_CHECKING:
    from collections.abc import Callable


class InMemoryStorage(Storage):
    """Keeps everything in memory, for tests.

    It cannot be pickled: another process would have a storage of its own and neither would notice.
    """

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._held: set[str] = set()
        self._access = threading.Lock()

    def read(self, key: str) -> bytes:
        """What was written last."""
        path_of(key)
        return self._contents[key]

    def write(self, key: str, data: bytes) -> None:
        """Put this in place of what is there."""
        path_of(key)
        self._contents[key] = bytes(data)

    def exists(self, key: str) -> bool:
        """Whether there is something to read."""
        path_of(key)
        return key in self._contents

    def delete(self, key: str) -> None:
        """Remove what is there, if anything is."""
        path_of(key)
        self._contents.pop(key, None)

    def acquire(self, key: str, timeout: float | None = None) -> Lock:
        """Take a lock, which excludes the other threads of this process."""
        path_of(key)
        return wait_for_lock(lambda: self._attempt(key), key, timeout)

    def _attempt(self, key: str) -> Lock | None:
        with self._access:
            if key in self._held:
                return None
            self._held.add(key)
        return _MemoryLock(lambda: self._held.discard(key))

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "An InMemoryStorage belongs to one process and cannot be sent to another: use a LocalFileSystem.",
        )

    def __repr__(self) -> str:
        return "InMemoryStorage()"


class _MemoryLock(Lock):
    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def release(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()
