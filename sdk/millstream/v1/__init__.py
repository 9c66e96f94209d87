"""Flows in the style of Prefect 1: a graph of tasks is built in a block, and run afterwards.

Usage:
    ```python
    from millstream.v1 import Flow, Parameter, task


    @task
    def double(n):
        return 2 * n


    with Flow("numbers") as flow:
        n = Parameter("n", default=21)
        answer = double(n)

    state = flow.run(parameters={"n": 4})
    assert state.result[answer].result == 8
    ```
"""

import sys
from typing import NoReturn

from millstream._prefect import MissingModules
from millstream.v1 import engine, exceptions, executors, schedules, tasks, triggers, utilities
from millstream.v1._building import tags
from millstream.v1._context import context
from millstream.v1._flow import Flow
from millstream.v1._function_task import task
from millstream.v1._graph import Edge
from millstream.v1._missing import MODULES, missing
from millstream.v1._parameter import Parameter
from millstream.v1._task import Task
from millstream.v1.exceptions import InvalidFlowError
from millstream.v1.tasks.control_flow import case
from millstream.v1.utilities.edges import flatten, mapped, unmapped

__all__ = [
    "Edge",
    "Flow",
    "InvalidFlowError",
    "Parameter",
    "Task",
    "case",
    "context",
    "engine",
    "exceptions",
    "executors",
    "flatten",
    "mapped",
    "schedules",
    "tags",
    "task",
    "tasks",
    "triggers",
    "unmapped",
    "utilities",
]

sys.meta_path.append(MissingModules(__name__, MODULES))


def __getattr__(name: str) -> NoReturn:
    raise missing(__name__, name)
