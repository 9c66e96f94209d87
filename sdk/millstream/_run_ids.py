"""Ids of runs, which are UUIDs of version 8 (RFC 9562).

A run has a serial number, which costs next to nothing, and its id is made of that when somebody asks for it: of when the
process began to make them, of chance, and of the number. So the ids of a process ascend in the order in which they
were made, and those of others differ.
"""

from __future__ import annotations

import os
import time
from itertools import count

_numbers = count(1)
new_serial = _numbers.__next__
"""A number that no other run of this process has, nor of the one that this process is a copy of."""
_prefixes: list[tuple[int, str]] = []
"""From which serial number on ids begin with what, the latest first: a copy of a process has ids of its own."""


def _begin_anew() -> None:
    chance = int.from_bytes(os.urandom(6))
    seconds = int(time.time()) & 0xFFFFFFFF
    parts = (seconds, chance & 0xFFFF, chance >> 16 & 0xFFF, 0x8000 | chance >> 28 & 0x3FFF)
    _prefixes.insert(0, (new_serial(), "{:08x}-{:04x}-8{:03x}-{:04x}-".format(*parts)))


_begin_anew()
os.register_at_fork(after_in_child=_begin_anew)


def prefix_of(serial: int) -> str:
    """What the id with this number begins with; 12 hexadecimal digits of the number follow."""
    return next(prefix for first, prefix in _prefixes if serial >= first)


def run_id(serial: int) -> str:
    """The id with this number."""
    return f"{prefix_of(serial)}{serial:012x}"


def new_run_id() -> str:
    """An id that no other run has."""
    return run_id(new_serial())
