"""A storage in a folder."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from millstream.filesystems._file_lock import FileLock
from millstream.filesystems._keys import path_of
from millstream.filesystems._storage import Lock, Storage, wait_for_lock

if TYPE_CHECKING:
    from os import PathLike

_NOTHING_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalFileSystem(Storage):
    """Keeps every key in a file of its own, which only the user who runs this can read.

    A key cannot be the folder of another: of `a` and `a/b`, only one can be written.

    The folder `.incomplete` holds what is being written, and `.locks` the locks. A writer that was killed leaves its
    file in `.incomplete`, where it can be removed at any time.

    Args:
        basepath: The folder, made when it is first written to; `storage` in the folder that `MILLSTREAM_HOME` names
            (`~/.millstream` unless set) if not given.
    """

    def __init__(self, basepath: str | PathLike[str] | None = None) -> None:
        if basepath is None:
            basepath = Path(os.environ.get("MILLSTREAM_HOME") or "~/.millstream", "storage")
        self.basepath = Path(basepath).expanduser().absolute()

    @property
    def address(self) -> str:
        """The folder's URL."""
        return self.basepath.as_uri()

    def read(self, key: str) -> bytes:
        """What was written last."""
        try:
            return self._file(key).read_bytes()
        except _NOTHING_THERE:
            raise KeyError(key) from None

    def write(self, key: str, data: bytes) -> None:
        """Put this in place of what is there, at once."""
        file = self._file(key)
        part = self.basepath / ".incomplete" / os.urandom(16).hex()
        _make_folder(part.parent)
        _make_folder(file.parent)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())  # else the new name may outlive a power cut, and the content not
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Whether there is something to read."""
        return self._file(key).is_file()

    def delete(self, key: str) -> None:
        """Remove what is there, if anything is."""
        file = self._file(key)
        if file.is_file():
            file.unlink(missing_ok=True)

    def acquire(self, key: str, timeout: float | None = None) -> Lock:
        """Take a lock, which excludes all processes that see the folder, also over NFS."""
        name = sha256(path_of(key).encode()).hexdigest()
        file = self.basepath / ".locks" / name
        _make_folder(file.parent)
        return wait_for_lock(lambda: FileLock.attempt(file), key, timeout)

    def _file(self, key: str) -> Path:
        return self.basepath / path_of(key)

    def __repr__(self) -> str:
        return f"LocalFileSystem({str(self.basepath)!r})"


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
