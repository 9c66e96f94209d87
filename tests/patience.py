"""How long a test waits for what has to come: a hang may cost minutes, and a busy machine is no failure."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["HANG_SECONDS", "PATIENTLY", "eventually"]

T = TypeVar("T")

HANG_SECONDS = 240
"""What has not come by then hangs. For whatever a test waits; no test is about how long something takes."""
PATIENTLY = f"--timeout={HANG_SECONDS}s"
"""To kubectl and helm, which give up earlier by themselves."""


def eventually(probe: Callable[[], T], what: str = "", pause: float = 0.02) -> T:
    """Ask until the answer is true; fail with the last one when that does not happen.

    Args:
        probe: gives the answer.
        what: is awaited.
        pause: seconds between two questions.
    """
    deadline = time.monotonic() + HANG_SECONDS
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {HANG_SECONDS} s: {what or probe}; last: {answer!r}")
        time.sleep(pause)
    return answer
