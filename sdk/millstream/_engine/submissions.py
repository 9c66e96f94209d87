"""What a flow run has submitted: when each run begins, and that all have ended when the flow has."""

from __future__ import annotations

import threading
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from millstream._engine import inputs
from millstream._engine.drive import drive, drive_async
from millstream._engine.outcomes import crash_message
from millstream._pool import Pool, blocked
from millstream.exceptions import RunInterrupted
from millstream.futures import Future, set_from_outside
from millstream.states import Cancelled, Crashed

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterable

    from millstream._engine.task_runs import TaskRun

NOT_BEGUN = "The flow had ended before this task run could begin."


class Submissions:
    """Runs of tasks that a flow run has submitted, carried out by threads of this process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._not_begun: set[Future[Any]] = set()
        self._unfinished = 0
        self._cancelled = False
        self._drained: list[Callable[[], object]] = []

    def submit(self, run: TaskRun) -> Future[Any]:
        """Have a run begin as soon as all that it needs has ended."""
        needed = run.arguments() if run.wait_for is None else (*run.arguments(), *run.wait_for)
        upstream = [] if inputs.are_plain(needed) else [f for f in inputs.upstream_of(needed) if not f.done()]
        future: Future[Any] = Future(run)
        context = copy_context()
        with self._lock:
            self._unfinished += 1
            self._not_begun.add(future)
        if self._cancelled:
            self._cancel((future,))
        elif upstream:
            self._begin_after(upstream, future, context)
        else:
            self._begin(future, context)
        return future

    def _begin_after(self, upstream: list[Future[Any]], future: Future[Any], context: Context) -> None:
        left = len(upstream)
        counting = threading.Lock()

        def ended(_: Future[Any]) -> None:
            nonlocal left
            with counting:
                left -= 1
                if left:
                    return
            self._begin(future, context)

        for other in upstream:
            other.add_done_callback(ended)

    def _begin(self, future: Future[Any], context: Context) -> None:
        """Have a run begin now, or as soon as there is a place for it."""
        # By another thread in any case: this may be called by what another run has ended, and that one by another.
        try:
            self._pool.submit(partial(self._carry_out, future, context))
        except RuntimeError as error:
            if self._claim(future):
                self._crash(future, error)

    def _carry_out(self, future: Future[Any], context: Context) -> None:
        if not self._claim(future):
            return
        try:
            context.run(carry_out, future._run)  # noqa: SLF001 - one of our own
        finally:
            self._ended(future)
            del future, context  # as in `drive`

    def _claim(self, future: Future[Any]) -> bool:
        """Take it on oneself to bring a run to its end; false if it was cancelled meanwhile."""
        with self._lock:
            if future not in self._not_begun:
                return False
            self._not_begun.remove(future)
            return True

    def _crash(self, future: Future[Any], error: BaseException) -> None:
        run = future._run  # noqa: SLF001
        run.finish(Crashed(message=crash_message(run.title, error), data=error))
        self._ended(future)

    def _ended(self, future: Future[Any]) -> None:
        future._end()  # noqa: SLF001
        with self._lock:
            self._unfinished -= 1
            tell: list[Callable[[], object]] = []
            if not self._unfinished:
                tell, self._drained = self._drained, []
        for one in tell:
            one()

    def wait(self) -> None:
        """Wait until all that was submitted has ended."""
        gate = threading.Lock()
        gate.acquire()
        with self._lock:
            if not self._unfinished:
                return
            self._drained.append(gate.release)
        with blocked():
            gate.acquire()

    async def wait_async(self) -> None:
        """Wait so without holding up the event loop."""
        import asyncio  # noqa: PLC0415 - slow to import, and loaded where this is called

        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        with self._lock:
            if not self._unfinished:
                return
            self._drained.append(lambda: set_from_outside(loop, ended))
        with blocked():
            await ended.wait()

    def cancel(self) -> None:
        """Let nothing begin any more."""
        with self._lock:
            self._cancelled = True
            waiting = tuple(self._not_begun)
        self._cancel(waiting)

    def _cancel(self, futures: Iterable[Future[Any]]) -> None:
        for future in futures:
            if self._claim(future):
                future._run.finish(Cancelled(message=NOT_BEGUN))  # noqa: SLF001
                self._ended(future)

    def interrupt(self) -> None:
        """Interrupt what runs, as far as it can be interrupted, and do not wait for it."""
        self._pool.interrupt(RunInterrupted)

    def close(self) -> None:
        """Let go of the threads; what still runs is not waited for."""
        self._pool.close()


def open_submissions(workers: Pool | concurrent.futures.Executor) -> Submissions:
    """Give what a flow run submits through, over what a task runner opened."""
    if isinstance(workers, Pool):
        return Submissions(workers)
    from millstream._engine.remote import RemoteSubmissions  # noqa: PLC0415 - for those that run elsewhere

    return RemoteSubmissions(workers)


def carry_out(run: TaskRun) -> None:
    """Run a task in this thread, whatever its code does; asynchronous ones get an event loop of their own."""
    try:
        if run.task._awaits:  # noqa: SLF001 - the engine's own
            import asyncio  # noqa: PLC0415 - slow to import

            asyncio.run(drive_async(run))
        else:
            drive(run)
    except BaseException as error:  # noqa: BLE001 - it is in the run's state, or is put there now
        if not run.state.is_final():
            run.finish(Crashed(message=crash_message(run.title, error), data=error))
    finally:
        del run  # as in `drive`
