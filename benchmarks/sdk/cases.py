"""What is measured, in a process of its own: `python cases.py millstream|prefect|bare`, figures as JSON.

The same programs run on all three; bare ones call functions, and submit them to a ThreadPoolExecutor.
"""

import asyncio
import contextlib
import importlib
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

ROUNDS = {"prefect": 2}
"""As often as this, or five times: Prefect's flows take a second each."""


class Bare:
    """Plain Python in the place of a library: a task is its function, and a flow is one too."""

    @staticmethod
    def task(fn: Any) -> Any:
        """Give the function."""
        return fn

    flow = task


class Programs:
    """The flows that are measured, each repeating something so often."""

    def __init__(self, library: Any) -> None:
        """Make the tasks of them by a library."""
        self._bare = library is Bare
        self._noop, self._noop_async = library.task(_nothing), library.task(_nothing_async)
        self._empty, self._empty_async = library.flow(_empty), library.flow(_empty_later)

    def sequential(self, number: int) -> None:
        """Call a task."""
        for n in range(number):
            self._noop(n)

    async def sequential_async(self, number: int) -> None:
        """Await a task."""
        for n in range(number):
            await self._noop_async(n)

    def submitted(self, number: int) -> None:
        """Submit a task, then take all results."""
        if self._bare:
            with ThreadPoolExecutor() as pool:
                futures = [pool.submit(self._noop, n) for n in range(number)]
        else:
            futures = [self._noop.submit(n) for n in range(number)]
        for future in futures:
            future.result()

    def mapped(self, number: int) -> None:
        """Map a task, then take all results; the bare figure is that of submitting."""
        if self._bare:
            self.submitted(number)
        else:
            self._noop.map(range(number)).result()

    def flows(self, number: int) -> None:
        """Call a flow that does nothing."""
        for _ in range(number):
            self._empty()

    async def flows_async(self, number: int) -> None:
        """Await a flow that does nothing."""
        for _ in range(number):
            await self._empty_async()


def _nothing(n: int) -> int:
    return n


async def _nothing_async(n: int) -> int:
    return n


def _empty() -> None:
    pass


async def _empty_later() -> None:
    pass


def per_call(run: Callable[[int], object], number: int) -> float:
    """Microseconds for each of `number`, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS.get(sys.argv[1], 5)):
        start = time.perf_counter()
        run(number)
        best = min(best, time.perf_counter() - start)
    return best / number * 1e6


def figures(library: Any, many: int) -> dict[str, float]:
    """Microseconds by case.

    Args:
        library: what is measured.
        many: so many tasks in a flow.
    """
    programs, flow, few = Programs(library), library.flow, max(5, many // 20)

    def in_loop(fn: Any) -> Callable[[int], object]:
        return lambda number: asyncio.run(fn(number))

    return {
        "task, sync": per_call(flow(programs.sequential), many),
        "task, async": per_call(in_loop(flow(programs.sequential_async)), many),
        "submit + result": per_call(flow(programs.submitted), many),
        "map + result": per_call(flow(programs.mapped), many),
        "empty flow": per_call(programs.flows, few),
        "subflow, sync": per_call(flow(programs.flows), few),
        "subflow, async": per_call(in_loop(flow(programs.flows_async)), few),
    }


def main() -> None:
    name, many = sys.argv[1], int(sys.argv[2])
    library = Bare if name == "bare" else importlib.import_module(name)
    with contextlib.redirect_stdout(sys.stderr):
        measured = figures(library, many)
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
