"""A lock between the processes that see the same file.

It is the kernel's, so it ends with its holder, however that dies.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, BinaryIO
from weakref import WeakSet

from millstream.filesystems._storage import Lock

if TYPE_CHECKING:
    from pathlib import Path


class FileLock(Lock):
    """The lock of a file that exists for nothing else."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self.file = file
        _held.add(self)

    @classmethod
    def attempt(cls, path: Path) -> FileLock | None:
        """The lock, or None if somebody else holds it."""
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return cls(path, file)
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def release(self) -> None:
        """Remove the file and let others have the lock."""
        if not self.file.closed:
            # Still locked: who has opened the file meanwhile sees, once it is free, that its name is gone.
            self._path.unlink(missing_ok=True)
            self.file.close()


def _forget_all() -> None:
    """Leave the locks to the parent of this process: an open file would keep them when the parent has died."""
    for lock in tuple(_held):
        lock.file.close()


_held: WeakSet[FileLock] = WeakSet()
os.register_at_fork(after_in_child=_forget_all)
