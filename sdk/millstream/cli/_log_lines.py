"""Lines of a log, and the state that a run is in, as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millstream._cluster.log_positions import LogLine
from millstream.cli._output import STYLES
from millstream.cli._terminal import harmless, note, say, styled

if TYPE_CHECKING:
    from millstream._cluster.run_logs import LogNote
    from millstream._cluster.runs import Run


def print_said(said: LogLine | LogNote, *, with_times: bool = False) -> None:
    """Print a line of a log, or on stderr a note about it."""
    if isinstance(said, LogLine):
        time = f"{said.time} " if with_times and said.time else ""
        say(f"{time}{said.text}")
    else:
        note(styled(harmless(said.text, err=True), dim=True))


def print_state(run: Run) -> None:
    """Print on stderr in which state a run is, and why."""
    attempt = f", attempt {run.status.attempt}" if run.status.attempt > 1 else ""
    reason = f" ({run.status.reason})" if run.status.reason else ""
    why = f": {harmless(run.status.message, err=True)}" if run.status.message else ""
    state = styled(run.state, colour=STYLES.get(run.state), bold=True)
    note(f"{run.name} is {state}{attempt}{reason}{why}")
