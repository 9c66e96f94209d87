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

from millstream._prefect import MODULES as _PREFECTS_MODULES
from millstream._prefect import MissingModules as _MissingModules

if _typing.TYPE_CHECKING:
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

_sys.meta_path.append(_MissingModules(__name__, _PREFECTS_MODULES))

# Imported when they are asked for: the command line and a pod's first process need none of them.
_MODULES = {
    "Flow": "flows",
    "State": "states",
    "Task": "tasks",
    "allow_failure": "annotations",
    "aserve": "serving",
    "flow": "flows",
    "get_client": "client",
    "get_run_context": "context",
    "get_run_logger": "logging",
    "serve": "serving",
    "tags": "context",
    "task": "tasks",
    "transaction": "transactions",
    "unmapped": "annotations",
}

if not _typing.TYPE_CHECKING:  # type checkers are to find wrong names

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 - for the first time that something is asked for

        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 - slow to import

            return version("millstream")
        if name in _MODULES:
            value = globals()[name] = getattr(import_module(f"millstream.{_MODULES[name]}"), name)
            return value
        if not name.startswith("_"):
            try:
                return import_module(f"millstream.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"millstream.{name}":
                    raise
        from millstream._prefect import missing  # noqa: PLC0415 - for what is not there only

        raise missing("millstream", name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
