"""What the flow's process does upon the signals of its supervisor, and what its copies do."""

import os
import signal
import threading

from millstream._engine import stop

__all__ = ["listen"]

_SIGTERM = frozenset({signal.SIGTERM})
_masks = threading.local()


def listen(mask: set[int]) -> None:
    """Handle SIGTERM, which lets nothing new start, and SIGINT, which raises KeyboardInterrupt.

    Args:
        mask: signals to go on blocking, now that there are handlers for the others.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    # `multiprocessing` ends copies of this process by SIGTERM. Blocking it around the fork closes the gap in which a
    # copy would still have the handler, which ends nothing.
    os.register_at_fork(
        before=_hold_sigterm, after_in_parent=_release_sigterm, after_in_child=_end_by_sigterm
    )


def _stop(*_: object) -> None:
    stop()


def _hold_sigterm() -> None:
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGTERM)


def _release_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)


def _end_by_sigterm() -> None:
    if signal.getsignal(signal.SIGTERM) is _stop:  # else the flow has a handler of its own
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _release_sigterm()
