"""A terminal that a test holds the other end of."""

import os

__all__ = ["read_to_end"]


def read_to_end(master: int) -> bytes:
    """Give what programs write to a terminal, until all of them have closed it."""
    seen = b""
    while True:
        try:
            seen += os.read(master, 4096)
        except OSError:  # the other end is closed
            return seen
