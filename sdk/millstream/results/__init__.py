"""Results: what runs returned, kept in a storage for retries, caches and other processes.

Usage:
    ```python
    from millstream.results import open_store

    store = open_store("s3://bucket/results", "json")
    store.write("sales/2026", {"total": 3})
    store.read("sales/2026").value
    ```
"""

from millstream.results._options import check_serializer_option, check_storage_option, chosen_store
from millstream.results._record import CorruptEntryError, Entry, ResultRecord
from millstream.results._store import ResultStore, open_store

__all__ = [
    "CorruptEntryError",
    "Entry",
    "ResultRecord",
    "ResultStore",
    "check_serializer_option",
    "check_storage_option",
    "chosen_store",
    "open_store",
]
