"""Ids of runs, which are UUIDs of version 8 (RFC 9562): made without a call into the system for each of them.

An id begins with when its process began to make them and with chance; the rest counts on. So the ids of a process
ascend in the order in which they were made, and those of others differ.
"""

from __future__ import annotations

import os
import time
from itertools import count

_prefix = ""
_numbers = count(1)


def _begin_anew() -> None:
    global _prefix  # noqa: PLW0603 - one per process on purpose
    chance = int.from_bytes(os.urandom(6))
    seconds = int(time.time()) & 0xFFFFFFFF
    _prefix = f"{seconds:08x}-{chance & 0xFFFF:04x}-8{chance >> 16 & 0xFFF:03x}-{0x8000 | chance >> 28 & 0x3FFF:04x}-"


_begin_anew()
os.register_at_fork(after_in_child=_begin_anew)


def new_run_id() -> str:
    """An id that no other run has."""
    return f"{_prefix}{next(_numbers):012x}"
