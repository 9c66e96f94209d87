"""How late the event loop runs what is due: a loop that is blocked does nothing else either."""

import asyncio
from collections.abc import Callable

__all__ = ["LoopLag"]

_INTERVAL_SECONDS = 1.0
_LIMIT_SECONDS = 20.0
_IN_A_ROW = 3
"""A process that was frozen and goes on is late once, and is not made better by a restart."""


class LoopLag:
    """Measures the lag of the event loop about every second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Make a meter.

        Args:
            clock: gives seconds, monotonic.
        """
        self._clock = clock
        self._due = clock()
        self._last = 0.0
        self._late = 0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = self._clock() + _INTERVAL_SECONDS
            await asyncio.sleep(_INTERVAL_SECONDS)
            self.measure()

    def measure(self) -> None:
        """Take note of how late it is."""
        self._last = max(0.0, self._clock() - self._due)
        self._late = self._late + 1 if self._last > _LIMIT_SECONDS else 0

    def seconds(self) -> float:
        """Give the last lag, or how late the next measurement is by now if that is more."""
        return max(self._last, self._clock() - self._due)

    def problem(self) -> str:
        """Say what is wrong for /healthz; "" if nothing is."""
        late = self._late >= _IN_A_ROW
        return f"the event loop has been late by {self._last:.0f} s and more" if late else ""
