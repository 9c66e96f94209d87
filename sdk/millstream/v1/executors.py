"""Where the tasks of a flow run: `Flow("etl", executor=LocalDaskExecutor())`, or `flow.run(executor=...)`."""

from __future__ import annotations

from concurrent.futures import Executor as PythonExecutor
from typing import TYPE_CHECKING, Any

from millstream.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

__all__ = ["DaskExecutor", "Executor", "LocalDaskExecutor", "LocalExecutor"]

_RUNNERS: dict[str, type[ThreadPoolTaskRunner | ProcessPoolTaskRunner] | None] = {
    "threads": ThreadPoolTaskRunner,
    "threading": ThreadPoolTaskRunner,
    "processes": ProcessPoolTaskRunner,
    "multiprocessing": ProcessPoolTaskRunner,
    "sync": None,
    "synchronous": None,
    "single-threaded": None,
}


class Executor:
    """Says where tasks run."""

    def task_runner(self) -> TaskRunner | None:
        """What carries them out; None for one after the other, in the thread of the flow."""
        raise NotImplementedError


class LocalExecutor(Executor):
    """One task after the other, in the thread of the flow. As it is unless another one is given."""

    def task_runner(self) -> None:
        """None."""


class LocalDaskExecutor(Executor):
    """Several tasks at the same time, in threads or processes of this machine. It needs no Dask, in spite of its name."""

    def __init__(self, scheduler: str = "threads", num_workers: int | None = None) -> None:
        if scheduler not in _RUNNERS:
            raise ValueError(f'scheduler is "threads", "processes" or "sync", and got {scheduler!r}.')
        if num_workers is not None and (isinstance(num_workers, bool) or num_workers < 1):
            raise ValueError(f"num_workers is a whole number from 1 on, and got {num_workers!r}.")
        kind = _RUNNERS[scheduler]
        self._runner = None if kind is None else kind(num_workers)

    def task_runner(self) -> TaskRunner | None:
        """Threads or processes."""
        return self._runner


class DaskExecutor(Executor):
    """The workers of a Dask cluster: that of `address`, or one that `cluster_class` starts for each run.

    With neither, it is a `distributed.LocalCluster`. It needs the extra: `pip install 'millstream[dask]'`.
    """

    def __init__(
        self,
        address: str | None = None,
        cluster_class: str | Callable[..., Any] | None = None,
        cluster_kwargs: Mapping[str, Any] | None = None,
        adapt_kwargs: Mapping[str, Any] | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Say which cluster.

        Args:
            address: Of the scheduler of a cluster that runs, `tcp://...:8786` for instance.
            cluster_class: What starts a cluster: a class or function, or its dotted name.
            cluster_kwargs: Its arguments.
            adapt_kwargs: Arguments of the cluster's method `adapt`, if it is to grow and shrink.
            client_kwargs: Arguments of `distributed.Client`.
        """
        if address is not None and (cluster_class is not None or cluster_kwargs or adapt_kwargs):
            raise ValueError(
                "A cluster that has an address runs already: leave out cluster_class and its arguments."
            )
        self._address = address
        self._cluster_class = cluster_class
        self._cluster_kwargs = dict(cluster_kwargs or {})
        self._adapt_kwargs = dict(adapt_kwargs or {})
        self._client_kwargs = dict(client_kwargs or {})

    def task_runner(self) -> TaskRunner:
        """The cluster."""
        return _Cluster(self)

    def open(self) -> PythonExecutor:
        """Connect to the cluster, or start it; what this gives is closed with the run.

        Raises:
            ImportError: Dask is not installed.
        """
        try:
            from distributed import Client  # noqa: PLC0415 - slow, and an extra
        except ImportError as error:
            raise ImportError("DaskExecutor needs Dask: pip install 'millstream[dask]'.") from error
        connect: Callable[..., Any] = Client  # it has no types
        if self._address is not None:
            return _Connection(connect(self._address, **self._client_kwargs), None)
        cluster = self._start()(**self._cluster_kwargs)
        if self._adapt_kwargs:
            cluster.adapt(**self._adapt_kwargs)
        return _Connection(connect(cluster, **self._client_kwargs), cluster)

    def _start(self) -> Callable[..., Any]:
        if callable(self._cluster_class):
            return self._cluster_class
        from importlib import import_module  # noqa: PLC0415 - only here

        module, _, name = (self._cluster_class or "distributed.LocalCluster").rpartition(".")
        start: Callable[..., Any] = getattr(import_module(module), name)
        return start


class _Cluster(TaskRunner):
    def __init__(self, executor: DaskExecutor) -> None:
        self._executor = executor

    def open(self) -> PythonExecutor:
        return self._executor.open()


class _Connection(PythonExecutor):
    """A client of a cluster, and the cluster itself if it was started for it; both end with the run."""

    def __init__(self, client: Any, cluster: Any) -> None:
        self._client = client
        self._cluster = cluster
        self._executor: PythonExecutor = client.get_executor(pure=False)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._executor.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as it is there
        del wait, cancel_futures  # all has ended, or is not wanted any more
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
