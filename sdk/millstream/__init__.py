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

if _sys.orig_argv[1:3] == ["-m", "millstream.runner"]:
    # The first process of a pod, for which Python imports this package first: a SIGTERM must not get lost meanwhile.
    from millstream.runner._held_signals import hold_signals

    hold_signals()

from millstream.annotations import allow_failure, unmapped
from millstream.context import get_run_context, tags
from millstream.flows import Flow, flow
from millstream.logging import get_run_logger
from millstream.states import State
from millstream.tasks import Task, task
from millstream.transactions import transaction

__all__ = [
    "Flow",
    "State",
    "Task",
    "allow_failure",
    "flow",
    "get_run_context",
    "get_run_logger",
    "tags",
    "task",
    "transaction",
    "unmapped",
]
