"""Flows and tasks out of ordinary Python functions.

Usage:
    ```python
    from millstream import flow, task


    @task(retries=2)
    def add(x: int, y: int) -> int:
        return x + y


    @flow(log_prints=True)
    def sums(n: int = 3) -> None:
        print(add(n, n))


    sums()
    ```
"""

import sys as _sys
import typing as _typing

if _sys.orig_argv[1:3] == ["-m", "millstream.runner"]:
    # The first process of a pod, for which Python imports this package first: a SIGTERM must not get lost meanwhile.
    from millstream.runner._held_signals import hold_signals

    hold_signals()

from millstream._prefect import missing as _missing
from millstream.annotations import allow_failure, unmapped
from millstream.client import get_client
from millstream.context import get_run_context, tags
from millstream.flows import Flow, flow
from millstream.logging import get_run_logger
from millstream.serving import aserve, serve
from millstream.states import State
from millstream.tasks import Task, task
from millstream.transactions import transaction

__all__ = [
    "Flow",
    "State",
    "Task",
    "allow_failure",
    "aserve",
    "flow",
    "get_client",
    "get_run_context",
    "get_run_logger",
    "serve",
    "tags",
    "task",
    "transaction",
    "unmapped",
]

__version__: str

if not _typing.TYPE_CHECKING:  # type checkers are to find wrong names

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 - slow to import

            return version("millstream")
        raise _missing("millstream", name)
