"""Keys as paths that files, objects and rows can have alike."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

from millstream.exceptions import MillstreamError

_LONGEST = 200  # of a part; file systems take 255 bytes
_KEPT = 120


class StorageKeyError(MillstreamError, ValueError):
    """A text cannot be a key."""


def path_of(key: str) -> str:
    """The relative path for a key: ASCII, no part too long for a file, none beginning with a dot.

    Different keys have different paths, and no path leads out of the folder that it is relative to.

    Raises:
        StorageKeyError: The key is absolute, or has a part that is empty, `.` or `..`.
    """
    parts = key.split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise StorageKeyError(
            f"{key!r} is no key of a storage: write parts separated by single slashes, without one at the ends, "
            "and no part that is '.' or '..'.",
        )
    return "/".join(map(_encoded, parts))


def _encoded(part: str) -> str:
    encoded = quote(part, safe="=,@")
    if encoded.startswith("."):
        encoded = f"%2E{encoded[1:]}"  # names that begin with a dot are the storages' own
    if len(encoded) <= _LONGEST:
        return encoded
    return f"{encoded[:_KEPT]}%~{sha256(part.encode()).hexdigest()}"  # nothing is ever encoded as %~
