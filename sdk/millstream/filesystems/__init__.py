"""Where results are kept: folders, buckets, PostgreSQL.

A storage keeps bytes by keys and has exclusive locks by keys, which exclude all that can reach it: the threads and
processes of one machine for a folder, every pod for a bucket or a database.

Keys are texts of parts separated by `/`, as paths are. A part may have any characters; parts that are empty, `.` or
`..` are refused. In files, objects and rows, what is no letter, digit or one of `-._~=,@` is percent-encoded.

Usage:
    ```python
    from millstream.filesystems import LocalFileSystem

    storage = LocalFileSystem("/data/results")
    with storage.acquire("sales/2026", timeout=60):
        storage.write("sales/2026", b"...")
    ```
"""

from millstream.filesystems._local import LocalFileSystem
from millstream.filesystems._memory import InMemoryStorage
from millstream.filesystems._objects import ObjectStorage
from millstream.filesystems._options import check_storage, storage_of
from millstream.filesystems._postgres import PostgresStorage
from millstream.filesystems._storage import Lock, Storage

__all__ = [
    "InMemoryStorage",
    "LocalFileSystem",
    "Lock",
    "ObjectStorage",
    "PostgresStorage",
    "Storage",
    "check_storage",
    "storage_of",
]
