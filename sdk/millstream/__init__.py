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

from millstream.context import get_run_context
from millstream.flows import Flow, flow
from millstream.logging import get_run_logger
from millstream.states import State
from millstream.tasks import Task, task

__all__ = ["Flow", "State", "Task", "flow", "get_run_context", "get_run_logger", "task"]
