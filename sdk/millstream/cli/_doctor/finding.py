"""Findings: what is wrong, or is not, and what to do."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad something is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        check: What was looked at, in a word.
        level: How bad it is.
        message: What there is, or is wrong.
        advice: What to do.
    """

    check: str
    level: Level
    message: str
    advice: str = ""
