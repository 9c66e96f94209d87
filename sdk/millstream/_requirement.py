"""A requirement as in PEP 508, and nothing that an installer would read into it."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement

__all__ = ["parsed"]

_OF_FILES = (" -", " #", "\\")
"""Begin options and comments in a file of requirements, and continue a line."""


def parsed(text: str) -> Requirement:
    """Read a requirement that may stand as a line in a file of requirements.

    Raises:
        InvalidRequirement: It is none. So is one that breaks the line, as `str.splitlines` does and so pip, for instance
            at U+2028: what follows would be an option.
    """
    if text.splitlines() != [text] or any(part in text for part in _OF_FILES):
        raise InvalidRequirement("it takes one line, without options, comments and backslashes")
    return Requirement(text)
