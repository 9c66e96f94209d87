"""Lines of a log, as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millstream._cluster.log_positions import LogLine
from millstream.cli._terminal import harmless, note, say, styled

if TYPE_CHECKING:
    from millstream._cluster.run_logs import LogNote


def print_said(said: LogLine | LogNote, *, with_times: bool = False) -> None:
    """Print a line of a log, or on stderr a note about it."""
    if isinstance(said, LogLine):
        time = f"{said.time} " if with_times and said.time else ""
        say(f"{time}{said.text}")
    else:
        note(styled(harmless(said.text, err=True), dim=True))
