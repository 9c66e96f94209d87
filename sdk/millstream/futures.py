"""What stands for the outcome of a task that was submitted."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from millstream._not_yet_a_value import NotYetAValue
from millstream._pool import blocked

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Iterable, Iterator

    from millstream._engine.task_runs import TaskRun
    from millstream.states import State

__all__ = [
    "DoneAndNotDone",
    "Future",
    "FutureList",
    "PrefectFuture",
    "PrefectFutureList",
    "as_completed",
    "wait",
]

R_co = TypeVar("R_co", covariant=True)

_lock = threading.Lock()  # one for all futures: it is held for a moment, and there may be very many of them


class Future(NotYetAValue, Generic[R_co]):
    """A task run that was submitted: `task.submit(...)` gives one.

    Passed to another task or flow, alone or inside of lists, dictionaries, data classes and pydantic models, it
    is replaced by its result, and that run begins when this one has completed. `await future` gives the result, too.
    """

    __slots__ = ("_callbacks", "_done", "_run")

    def __init__(self, run: TaskRun) -> None:
        self._run = run
        self._done = False
        self._callbacks: list[Callable[[Future[Any]], object]] | None = None

    @property
    def task_run_id(self) -> str:
        """The id of the task run."""
        return self._run.id

    @property
    def name(self) -> str:
        """The name of the task run."""
        return self._run.name

    @property
    def state(self) -> State[R_co]:
        """The state that the run is in now."""
        return self._run.state

    def done(self) -> bool:
        """Whether the run has ended."""
        return self._done

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the run has ended, or for so many seconds."""
        if self._done:
            return
        gate = threading.Lock()
        gate.acquire()

        def open_gate(_: object) -> None:
            gate.release()

        self.add_done_callback(open_gate)
        try:
            with blocked():
                gate.acquire(timeout=-1 if timeout is None else min(max(0, timeout), threading.TIMEOUT_MAX))
        finally:
            self._remove_callback(open_gate)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R_co:  # noqa: FBT001, FBT002
        """What the task returned.

        Args:
            timeout: Seconds to wait for it.
            raise_on_failure: Raise the exception of a run that did not complete; if false, return it.

        Raises:
            TimeoutError: The run has not ended in that time; it goes on.
        """
        self.wait(timeout)
        if not self._done:
            raise self._too_late(timeout)
        try:
            return self._run.state.result(raise_on_failure)  # type: ignore[no-any-return] # of the task's type
        finally:
            del self  # this frame is part of what is raised, which the run holds: a circle

    async def wait_async(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as `wait`
        """Wait as `wait` does, without holding up the event loop."""
        import asyncio  # noqa: PLC0415 - slow to import, and loaded where this is called

        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def tell(_: object) -> None:
            set_from_outside(loop, ended)

        self.add_done_callback(tell)
        try:
            with blocked():
                await asyncio.wait_for(ended.wait(), timeout)
        except TimeoutError:
            return
        finally:
            self._remove_callback(tell)

    async def result_async(
        self,
        timeout: float | None = None,  # noqa: ASYNC109
        raise_on_failure: bool = True,  # noqa: FBT001, FBT002
    ) -> R_co:
        """What the task returned, without holding up the event loop; see `result`."""
        await self.wait_async(timeout)
        if not self._done:
            raise self._too_late(timeout)
        try:
            return self.result(0, raise_on_failure)
        finally:
            del self  # as in `result`

    def __await__(self) -> Generator[Any, Any, R_co]:
        return self.result_async().__await__()

    def add_done_callback(self, fn: Callable[[Future[R_co]], object]) -> None:
        """Have `fn(future)` called when the run has ended; at once if it has already."""
        with _lock:
            if not self._done:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(fn)
                return
        self._call(fn)

    def _remove_callback(self, fn: Callable[[Future[R_co]], object]) -> None:
        with _lock:
            if self._callbacks is not None and fn in self._callbacks:
                self._callbacks.remove(fn)

    def _too_late(self, timeout: float | None) -> TimeoutError:
        return TimeoutError(f"Task run {self.name!r} did not end within {timeout} seconds; it goes on.")

    def _end(self) -> None:
        """Tell all that wait; called by the engine when the run has its last state."""
        with _lock:
            self._done = True
            callbacks, self._callbacks = self._callbacks, None
        for fn in callbacks or ():
            self._call(fn)

    def _call(self, fn: Callable[[Future[Any]], object]) -> None:
        try:
            fn(self)
        except Exception as error:  # noqa: BLE001 - the run has nothing to do with it, nor have the others
            self._run.log(40, "A callback of the future of %s raised", self._run.title, error=error)

    def __repr__(self) -> str:
        return f"<Future of {self._run.name!r}: {self.state.name}>"


def set_from_outside(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """Set an event from another thread than that of its loop."""
    try:
        loop.call_soon_threadsafe(event.set)
    except RuntimeError:  # the loop is closed: nobody waits there any more
        return


class FutureList(list[Future[R_co]]):
    """The futures of a `map`, in the order of its input."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all have ended, or for so many seconds."""
        wait(self, timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R_co]:  # noqa: FBT001, FBT002
        """All results, in order.

        Args:
            timeout: Seconds to wait for all of them together.
            raise_on_failure: Raise the exception of the first that did not complete; if false, return exceptions.

        Raises:
            TimeoutError: Some have not ended in that time; they go on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        results: list[R_co] = []
        future = None
        try:
            for future in self:
                future.wait(None if deadline is None else deadline - time.monotonic())
                if not future.done():
                    late = f"{sum(not other.done() for other in self)} of {len(self)}"
                    raise TimeoutError(f"{late} task runs did not end within {timeout} seconds; they go on.")
                results.append(future.result(0, raise_on_failure))
            return results
        finally:
            del self, future  # as in `Future.result`


PrefectFuture, PrefectFutureList = Future, FutureList
"""Prefect's names of them."""


class DoneAndNotDone(NamedTuple):
    """What `wait` gives.

    Attributes:
        done: The futures whose runs have ended.
        not_done: The others.
    """

    done: set[Future[Any]]
    not_done: set[Future[Any]]


def wait(futures: Iterable[Future[Any]] | Future[Any], timeout: float | None = None) -> DoneAndNotDone:
    """Wait until all have ended, or for so many seconds."""
    given = set(_all(futures))
    deadline = None if timeout is None else time.monotonic() + timeout
    for future in given:
        future.wait(None if deadline is None else deadline - time.monotonic())
    done = {future for future in given if future.done()}
    return DoneAndNotDone(done, given - done)


def as_completed(
    futures: Iterable[Future[R_co]] | Future[R_co], timeout: float | None = None
) -> Iterator[Future[R_co]]:
    """Give futures as their runs end, each once.

    Raises:
        TimeoutError: Some have not ended after so many seconds.
    """
    given = dict.fromkeys(_all(futures))
    deadline = None if timeout is None else time.monotonic() + timeout
    ended: list[Future[R_co]] = []
    arrived = threading.Semaphore(0)

    def arrive(future: Future[R_co]) -> None:
        ended.append(future)
        arrived.release()

    for future in given:
        future.add_done_callback(arrive)
    try:
        for number in range(len(given)):
            with blocked():
                come = arrived.acquire(
                    timeout=None if deadline is None else max(0, deadline - time.monotonic())
                )
            if not come:
                late = f"{len(given) - number} of {len(given)}"
                raise TimeoutError(f"{late} task runs did not end within {timeout} seconds; they go on.")
            yield ended[number]
    finally:
        for future in given:
            future._remove_callback(arrive)  # noqa: SLF001 - one of our own


def _all(futures: Iterable[Future[R_co]] | Future[R_co]) -> Iterable[Future[R_co]]:
    return (futures,) if isinstance(futures, Future) else futures
