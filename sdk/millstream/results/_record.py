"""Results as bytes: a line of JSON that says what follows, and the serialised value."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.serializers import serializer_of

if TYPE_CHECKING:
    from millstream.serializers import Serializer

_VERSION = 1


class ResultRecord(NamedTuple):
    """A result and what is known about it.

    Attributes:
        value: What was returned.
        key: Where it is kept.
        expiration: When it is no longer valid; None for never.
        created: When it was written.
        serializer: The name of the serializer that wrote it.
    """

    value: Any
    key: str
    expiration: datetime | None
    created: datetime
    serializer: str


class Entry(NamedTuple):
    """A result as it is kept."""

    payload: bytes
    expiration: datetime | None
    created: datetime
    serializer: str

    def to_bytes(self) -> bytes:
        """What goes into the storage."""
        header = {
            "version": _VERSION,
            "serializer": self.serializer,
            "created": self.created.isoformat(),
            "expiration": self.expiration.isoformat() if self.expiration else None,
            "sha256": sha256(self.payload).hexdigest(),
        }
        return json.dumps(header).encode() + b"\n" + self.payload

    @classmethod
    def of_bytes(cls, data: bytes) -> Entry:
        """What is in the storage.

        Raises:
            CorruptEntryError: It is no entry, one of another version, or damaged.
        """
        line, newline, payload = data.partition(b"\n")
        try:
            header = json.loads(line)
            version = header["version"]
            if version != _VERSION:
                raise CorruptEntryError(f"its version is {version!r} and this Millstream reads {_VERSION}")
            expiration = header["expiration"]
            entry = cls(
                payload=payload,
                expiration=None if expiration is None else _time(expiration),
                created=_time(header["created"]),
                serializer=header["serializer"],
            )
            checksum = header["sha256"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CorruptEntryError(f"it does not begin as a result does ({error!r})") from None
        if not newline or sha256(payload).hexdigest() != checksum:
            raise CorruptEntryError("its checksum is wrong: it was cut off or changed")
        return entry

    def value(self, preferred: Serializer) -> Any:
        """The value, read by what wrote it.

        Args:
            preferred: The serializer to take if it is of the right type; it may be one of the user's own.

        Raises:
            CorruptEntryError: It cannot be read.
        """
        try:
            serializer = preferred if preferred.type == self.serializer else serializer_of(self.serializer)
            return serializer.loads(self.payload)
        except Exception as error:  # a pickle may raise anything
            raise CorruptEntryError(f"{self.serializer} cannot read it here ({error!r})") from error


class CorruptEntryError(Exception):
    """An entry cannot be read. The message says why, in words that follow "because"."""


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return time
