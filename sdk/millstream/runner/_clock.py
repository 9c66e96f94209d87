"""Time as it stands in a completion record."""

import time

__all__ = ["timestamp"]


def timestamp(seconds: float) -> str:
    """Write a time since the epoch as RFC 3339 does, in UTC with milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"
