"""The workers: they begin when this operator leads, finish what they are at when it is to end, and drop it at a loss."""

import asyncio

from millstream_operator.election import Election, Unopposed
from millstream_operator.parts import Part, Parts, stop_all

__all__ = ["Crew"]

_DRAIN_SECONDS = 16.0
"""A bit longer than a call to the API server may take, so that no write is cut off."""


class Crew:
    """Workers who wait until an election is won."""

    def __init__(self, election: Election | Unopposed, take_up: Part, work: Part) -> None:
        """Make a crew.

        Args:
            election: won before there is any work.
            take_up: awaited once between the election and the work.
            work: of one worker, until there is no more.
        """
        self._election = election
        self._take_up = take_up
        self._work = work
        self._working = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._candidacy: list[asyncio.Task[None]] = []

    def start(self, parts: Parts, number: int) -> None:
        """Stand for election, with so many workers."""
        self._tasks = parts.start(self._begin, *[self._work_in_turn] * number)
        self._candidacy = parts.start(self._election.run)
        self._candidacy[0].add_done_callback(self._drop_everything)

    async def _begin(self) -> None:
        await self._election.leading.wait()
        await self._take_up()
        self._working.set()

    async def _work_in_turn(self) -> None:
        await self._working.wait()
        await self._work()

    def _drop_everything(self, _: asyncio.Task[None]) -> None:
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """Let the workers end, who have been told that there is no more work; then let others lead."""
        if self._working.is_set():
            await asyncio.wait(self._tasks, timeout=_DRAIN_SECONDS)
        await stop_all([*self._tasks, *self._candidacy])
        await self._election.release()
