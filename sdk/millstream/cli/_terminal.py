"""Text of others on a terminal."""

from __future__ import annotations

import re
import sys

import click

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """A line without what a terminal would do in place of showing it; in a pipe it is left as it is."""
    return _CONTROL.sub("", click.unstyle(text)) if sys.stdout.isatty() else text
