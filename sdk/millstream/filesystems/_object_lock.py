"""A lock in a bucket: an object that says who holds it and until when.

Its holder writes a later time again and again. All writes are on the condition that the object is still the one that
was read, so that of several who see an expired lock one gets it.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from typing import TYPE_CHECKING

from millstream import _surroundings
from millstream.filesystems._storage import Lock

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion
    from obstore.store import ObjectStore

_RELEASED = 0.0
_logger = logging.getLogger("millstream.filesystems")


class ObjectLock(Lock):
    """The lock that an object is."""

    def __init__(self, store: ObjectStore, path: str, lease: float) -> None:
        self._store = store
        self._path = path
        self._lease = lease
        self._owner = os.urandom(16).hex()
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name=f"lock {path}", daemon=True)

    def attempt(self) -> ObjectLock | None:
        """This lock once it is held, or None if somebody else holds it."""
        if not self._claim(_surroundings.current.time() + self._lease):
            return None
        self._renewing.start()
        return self

    def release(self) -> None:
        """Let others have it."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra

        if self._ended.is_set():
            return
        self._ended.set()
        self._renewing.join()
        try:
            self._claim(_RELEASED)
        except BaseError as error:
            _logger.warning(
                "The lock %s could not be released, and is free in %g s: %s",
                self._path,
                self._lease,
                error,
            )

    def _renew(self) -> None:
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra

        while not self._ended.wait(self._lease / 3):
            try:
                if not self._claim(_surroundings.current.time() + self._lease):
                    _logger.error(
                        "The lock %s was lost: it could not be renewed for %g s and somebody else has it now.",
                        self._path,
                        self._lease,
                    )
                    return
            except BaseError as error:
                _logger.warning("The lock %s could not be renewed, will try again: %s", self._path, error)

    def _claim(self, until: float) -> bool:
        """Write this owner into the object unless somebody else holds the lock; whether it was written."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415 - an extra

        mode = self._seen()
        if mode is None:
            return False
        content = json.dumps({"owner": self._owner, "expires": until}).encode()
        try:
            self._store.put(self._path, content, mode=mode)
        except (AlreadyExistsError, PreconditionError):
            # Somebody else's write came first, or our own did and its answer got lost: the next look tells.
            return False
        return True

    def _seen(self) -> PutMode | None:
        """The condition under which the object may be written, None if somebody else holds the lock."""
        try:
            found = self._store.get(self._path)
        except FileNotFoundError:
            return "create"
        holder = json.loads(found.bytes().to_bytes())
        if holder["owner"] != self._owner and holder["expires"] > _surroundings.current.time():
            return None
        seen: UpdateVersion = {"e_tag": found.meta["e_tag"]}
        if found.meta["version"] is not None:
            seen["version"] = found.meta["version"]
        return seen
