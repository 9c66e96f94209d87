"""Limits on what happens at the same time, and on how often, over all threads, processes and hosts.

`MILLSTREAM_CONCURRENCY_LIMITS={"database": 5}` says how many slots a limit has. Slots are locks in the storage of the
results, so a limit reaches as far as `MILLSTREAM_RESULTS_STORAGE` does, and a process that is killed gives its slots
back. Asynchronous code takes `millstream.concurrency.asyncio`.

Usage:
    ```python
    from millstream.concurrency import concurrency, rate_limit

    with concurrency("database", occupy=2, timeout_seconds=60):
        copy_rows()

    for page in pages:
        rate_limit("api")
        fetch(page)
    ```
"""

from millstream.concurrency.sync import concurrency, rate_limit
from millstream.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencyLimitNotFoundError,
    ConcurrencySlotAcquisitionError,
)

__all__ = [
    "AcquireConcurrencySlotTimeoutError",
    "ConcurrencyLimitNotFoundError",
    "ConcurrencySlotAcquisitionError",
    "concurrency",
    "rate_limit",
]
