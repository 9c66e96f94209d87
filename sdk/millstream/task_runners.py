"""Where tasks run that are submitted: in threads, in processes, or wherever an executor takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from millstream._pool import Pool
from millstream._prefect import missing
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable

__all__ = [
    "ConcurrentTaskRunner",
    "ExecutorTaskRunner",
    "ProcessPoolTaskRunner",
    "TaskRunner",
    "ThreadPoolTaskRunner",
]


class TaskRunner:
    """Where the tasks run that a flow submits.

    One may serve many runs of a flow, also at the same time: each of them opens it for itself.
    """

    def open(self) -> Pool | concurrent.futures.Executor:
        """Give what carries out the tasks of one flow run; it is shut down with that."""
        raise NotImplementedError


def _checked(max_workers: object) -> int | None:
    if max_workers is None:
        return None
    if isinstance(max_workers, bool) or not isinstance(max_workers, int) or max_workers < 1:
        raise ValueError(f"max_workers is a whole number from 1 on, and got {max_workers!r}.")
    return max_workers


class ThreadPoolTaskRunner(TaskRunner):
    """Runs tasks in threads of this process. A task that waits for others takes no place."""

    def __init__(self, max_workers: int | None = None) -> None:
        """Say how many run at the same time.

        Args:
            max_workers: At most so many; `MILLSTREAM_TASK_RUNNER_THREAD_POOL_MAX_WORKERS` unless given.
        """
        self._max_workers = _checked(max_workers)

    def open(self) -> Pool:
        """Give the threads; none of them is started yet."""
        number = self._max_workers or get_current_settings().task_runner_thread_pool_max_workers
        return Pool(number, "millstream-task")


ConcurrentTaskRunner = ThreadPoolTaskRunner
"""Prefect's other name of it."""


class ProcessPoolTaskRunner(TaskRunner):
    """Runs tasks in other processes of this machine, for work that keeps a processor busy.

    What such a task submits itself runs in threads of its process. A process that is killed takes the one run with it
    that it worked at, and another one takes its place.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        """Say how many processes there are.

        Args:
            max_workers: At most so many; as many as there are processors unless given.
        """
        self._max_workers = _checked(max_workers)

    def open(self) -> concurrent.futures.Executor:
        """Give the processes, which are started as they are needed."""
        import os  # noqa: PLC0415 - for those that use processes

        from millstream._processes import Processes  # noqa: PLC0415 - slow to import

        return Processes(self._max_workers or os.cpu_count() or 1)


class ExecutorTaskRunner(TaskRunner):
    """Runs tasks by any executor, such as that of a Dask cluster: `ExecutorTaskRunner(client.get_executor)`."""

    def __init__(
        self, executor: Callable[[], concurrent.futures.Executor] | concurrent.futures.Executor
    ) -> None:
        """Say how to get at the executor.

        Args:
            executor: A function that gives one for each flow run, which is shut down with that run. Or one for all
                runs, which you shut down yourself.
        """
        from concurrent.futures import Executor  # noqa: PLC0415 - slow to import

        from millstream._lent import LentExecutor  # noqa: PLC0415

        if isinstance(executor, Executor):
            lent = LentExecutor(executor)
            self._executor: Callable[[], Executor] = lambda: lent
        elif callable(executor):
            self._executor = executor
        else:
            raise TypeError(
                "executor is a function that gives one, as client.get_executor, or an executor itself, and got "
                f"{executor!r}."
            )

    def open(self) -> concurrent.futures.Executor:
        """Give the executor."""
        return self._executor()


if not TYPE_CHECKING:  # type checkers are to find wrong names

    def __getattr__(name: str) -> NoReturn:
        raise missing(__name__, name)
