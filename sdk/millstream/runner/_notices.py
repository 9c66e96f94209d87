"""The runner's own lines in the container's log: only when something went otherwise than planned."""

import contextlib
import os

__all__ = ["say"]


def say(notice: str) -> None:
    """Add a line to the container's log, past any buffer, and without failing if nobody takes it."""
    with contextlib.suppress(OSError):
        os.write(2, f"millstream.runner: {notice}\n".encode("utf-8", "replace"))
