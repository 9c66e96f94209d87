"""What every storage can do, and how to wait for a lock."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from millstream import _stopping, _surroundings
from millstream._pool import blocked
from millstream.exceptions import LockHeldError, RunInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.5


class Lock(ABC):
    """An exclusive lock that is held until it is released, or until its holder dies."""

    @abstractmethod
    def release(self) -> None:
        """Let others have it. A second time does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Storage(ABC):
    """Bytes by keys. Every method may be called from any thread, and raises what it will if it cannot be reached."""

    @property
    def address(self) -> str | None:
        """The URL by which others find it, without credentials; None if there is none."""
        return None

    @abstractmethod
    def read(self, key: str) -> bytes:
        """What was written last.

        Raises:
            KeyError: There is nothing.
        """

    @abstractmethod
    def write(self, key: str, data: bytes) -> None:
        """Put this in place of what is there, at once: nobody ever reads a part of it."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Whether there is something to read."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove what is there, if anything is."""

    @abstractmethod
    def acquire(self, key: str, timeout: float | None = None) -> Lock:
        """Wait until nobody else holds the lock of this name, and take it. It is not reentrant.

        Args:
            key: The name, which has nothing to do with what is stored under the same key.
            timeout: The longest wait in seconds; 0 tries once, None waits for ever.

        Raises:
            LockHeldError: Somebody else still holds it.
            RunInterrupted: The process was asked to stop while this waited.
        """


def wait_for_lock(attempt: Callable[[], Lock | None], key: str, timeout: float | None) -> Lock:
    """Attempt it at growing intervals until there is a lock: what `Storage.acquire` promises."""
    deadline = math.inf if timeout is None else _surroundings.current.time() + timeout
    pause = _FIRST_PAUSE
    while (lock := attempt()) is None:
        left = deadline - _surroundings.current.time()
        if left <= 0:
            waited = f" after {timeout:g} s" if timeout else ""
            raise LockHeldError(
                f"The lock {key!r} is still held by another run{waited}. Allow a longer wait, or try later."
            )
        if _stopping.stopped:
            raise RunInterrupted(
                f"The wait for the lock {key!r} was given up: the process was asked to stop."
            )
        with blocked():
            _surroundings.current.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return lock
