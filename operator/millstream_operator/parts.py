"""The parts of the operator, which run side by side: when one fails, all end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from millstream_operator.election import LeadershipLostError

__all__ = ["OperatorFailedError", "Part", "Parts", "stop_all"]

_log = logging.getLogger(__name__)

Part = Callable[[], Coroutine[Any, Any, None]]


class OperatorFailedError(RuntimeError):
    """A part of the operator failed, and with it the whole."""


class Parts:
    """What runs, and what made it fail."""

    def __init__(self, stop: asyncio.Event) -> None:
        """Have nothing run yet.

        Args:
            stop: set when a part fails, or by others when the operator is to end.
        """
        self._stop = stop
        self._failures: list[BaseException] = []

    def start(self, *parts: Part) -> list[asyncio.Task[None]]:
        """Start parts; their tasks are for the caller to stop."""
        tasks = [asyncio.create_task(part()) for part in parts]
        for task in tasks:
            task.add_done_callback(self._ended)
        return tasks

    async def reach(self, goal: Part) -> bool:
        """Wait for something that comes to an end; False if the operator is to end before it does."""
        stopped = asyncio.create_task(self._stop.wait())
        reaching = self.start(goal)
        done, _ = await asyncio.wait([stopped, *reaching], return_when=asyncio.FIRST_COMPLETED)
        await stop_all([stopped, *reaching])
        return stopped not in done

    def fail(self) -> None:
        """Raise what made a part fail, if one did."""
        if self._failures:
            raise OperatorFailedError from self._failures[0]

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, LeadershipLostError):
            _log.critical("The operator ends: %s.", error)
        else:
            _log.critical("A part of the operator failed; it ends.", exc_info=error)
        self._failures.append(error)
        self._stop.set()


async def stop_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
