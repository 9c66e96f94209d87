"""Names of blocks: those that differ in nothing but capitals, `-`, `_`, `.` and blanks are the same."""

from __future__ import annotations

import re

from millstream.exceptions import BlockError

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 _.-]*[A-Za-z0-9])?")

_LONGEST = 190
"""File systems, and what keeps files elsewhere, have bounds."""


def canonical(name: object) -> str:
    """The form of a name that all places can have.

    Raises:
        BlockError: It cannot be a name.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BlockError(
            f"A block cannot be called {name!r}: names have letters, digits, and `-`, `_`, `.` or blanks between."
        )
    if len(name) > _LONGEST:
        raise BlockError(
            f"A block cannot be called {name[:20]!r}...: names have at most {_LONGEST} characters."
        )
    return plain(name)


def plain(name: str) -> str:
    """That form of what is a name."""
    return re.sub(r"[ _.]", "-", name.lower())
