"""How often something may be done."""

from collections.abc import Callable

__all__ = ["RateLimit"]


class RateLimit:
    """A bucket of tokens that fills by the second."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        """Make a full bucket.

        Args:
            per_second: tokens that come in a second.
            burst: tokens that fit.
            clock: gives seconds, monotonic.
        """
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._filled = clock()

    def take(self) -> float:
        """Take a token and give 0; or give the seconds until there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._per_second
        self._tokens -= 1
        return 0.0
