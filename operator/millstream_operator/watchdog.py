"""Ends the process when kopf no longer watches: one that looks healthy and sees nothing is worse than a restart.

An error in one watch makes kopf give up all of them, and it may then neither return nor listen to signals.
"""

import asyncio
import logging
from collections.abc import Callable

__all__ = ["Watchdog"]

_log = logging.getLogger(__name__)
_INTERVAL_SECONDS = 5.0
_LIMIT_SECONDS = 15.0
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


class Watchdog:
    """Looks after the watches, and after an end that takes too long."""

    def __init__(
        self,
        missing: Callable[[], list[str]],
        stop: asyncio.Event,
        clock: Callable[[], float],
        end: Callable[[int], object],
    ) -> None:
        """Make a watchdog.

        Args:
            missing: names the watches that should run and do not.
            stop: set when the operator is to end.
            clock: gives seconds, monotonic.
            end: ends the process with an exit code, at once.
        """
        self._missing = missing
        self._stop = stop
        self._clock = clock
        self._end = end
        self._deadline = clock() + _START_SECONDS
        self._stopping: float | None = None

    def problem(self) -> str:
        """Say what is wrong for /healthz; "" if nothing is."""
        missing = self._missing()
        if not missing:
            self._deadline = self._clock() + _LIMIT_SECONDS
        late = self._clock() > self._deadline
        return f"not watched: {', '.join(missing)}" if late else ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_INTERVAL_SECONDS)

    def look(self) -> None:
        """Look once, and end the process if that is needed."""
        if self._stop.is_set():
            self._stopping = self._stopping or self._clock()
            if self._clock() > self._stopping + _STOP_SECONDS:
                _log.critical("The operator does not stop by itself.")
                self._end(1)
        elif problem := self.problem():
            _log.critical("The operator ends, to be started anew: %s.", problem)
            self._end(1)
