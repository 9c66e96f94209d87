"""The signals that the supervisor fetches, one after the other, rather than has a handler for.

They are held from the first moment on: the kernel throws away what reaches the first process of a container while it
neither blocks nor handles it, and a SIGTERM comes only once. Imports nothing but `signal`, which all that follows
needs as well.
"""

import signal

__all__ = ["STOP_SIGNALS", "WATCHED", "hold_signals"]

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
WATCHED = STOP_SIGNALS | {signal.SIGCHLD}

_mask_before: set[int] | None = None


def hold_signals() -> set[int]:
    """Let the signals wait until they are fetched; calling this again does nothing.

    Returns:
        The signals that were blocked before.
    """
    global _mask_before  # noqa: PLW0603 - there is one mask
    if _mask_before is None:
        _mask_before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    return _mask_before
