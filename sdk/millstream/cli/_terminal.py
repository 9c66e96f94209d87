"""Text of others on a terminal, and lines above one that stays at the bottom."""

from __future__ import annotations

import os
import re
import sys

import click

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str, *, err: bool = False) -> str:
    """A text without what a terminal would do in place of showing it; in a pipe it is left as it is.

    Args:
        text: The text.
        err: Whether it goes to stderr, and not to stdout.
    """
    stream = sys.stderr if err else sys.stdout
    return _CONTROL.sub("", click.unstyle(text)) if stream.isatty() else text


def say(text: str) -> None:
    """Print a line at once; unlike Click's `echo`, through what keeps a line at the bottom of a terminal."""
    sys.stdout.write(f"{harmless(text)}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a line on stderr, of `styled` parts and those that are `harmless`; as `say` does."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def styled(text: str, *, colour: str | None = None, bold: bool = False, dim: bool = False) -> str:
    """A text for `note` as it looks on a terminal."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour, bold=bold or None, dim=dim or None)
