"""Where a thread may be interrupted, and where that would leave something half done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_OURS = ("millstream._engine", "millstream._pool", "millstream._processes")
_OUTERMOST = frozenset({"millstream._engine.timeouts", "millstream._pool"})
"""What calls the user's code: what is further out has begun before."""


def may_be_interrupted(frame: FrameType | None) -> bool:
    """Whether an exception may be raised in a thread that is at this frame.

    Not while something is logged, as a lock of logging that is left locked would stop the whole process; and not in
    the engine itself, where a run might be left without an end, but for where it waits.
    """
    if frame is None:
        return False
    if frame.f_globals.get("__name__", "").startswith(_OURS) and frame.f_code.co_name != "wait":
        return False
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module == "logging" or module.startswith("logging."):
            return False
        if module in _OUTERMOST:
            return True
        frame = frame.f_back
    return True
