"""The flow's process, as its supervisor sees it: a fork of this process, to be signalled and reaped."""

import contextlib
import os
import signal
import sys
from typing import NoReturn

from millstream.resources.run_document import RunDocument
from millstream.runner._handover import Handover
from millstream.runner._relay import Relay

__all__ = ["fork", "reap", "tell"]


def fork(document: RunDocument, handover: Handover, relay: Relay | None, mask: set[int]) -> int:
    """Start the flow's process, and return its id.

    Args:
        document: what to run.
        handover: how it reports.
        relay: where its output goes, None for straight to where this process's goes.
        mask: its signal mask, once it has its handlers.
    """
    child = os.fork()
    if child == 0:
        _become_child(document, handover, relay, mask)
    handover.open_in_supervisor()
    if relay:
        relay.open_in_supervisor()
    return child


def _become_child(document: RunDocument, handover: Handover, relay: Relay | None, mask: set[int]) -> NoReturn:
    # Its own session: a terminal's Ctrl-C reaches it only through the supervisor, and the supervisor can kill it
    # along with the processes that it started.
    os.setsid()
    handover.open_in_child()
    if relay:
        relay.open_in_child()
    from millstream.runner import _child  # noqa: PLC0415  the supervisor stays small

    _child.run(document, handover, mask)
    sys.exit()


def tell(child: int, step: signal.Signals) -> None:
    """Send a signal to the flow's process; SIGKILL also to what it started and still belongs to it."""
    if step is signal.SIGKILL:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, step)
    os.kill(child, step)


def reap(child: int) -> int | None:
    """Collect all processes that have ended: PID 1 inherits the orphans of its container.

    Returns:
        The exit code of `child`, minus the signal that ended it, or None if it goes on.
    """
    status = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                status = os.waitstatus_to_exitcode(ended[1])
    return status
