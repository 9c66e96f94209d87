"""Loggers of runs.

Records go to the standard library's loggers `millstream.flow_runs` and `millstream.task_runs`, with the run's id and
name as attributes. Programs that set up logging themselves get them like all other records; for the rest there is a
console on standard error, its level and format chosen by `millstream.settings`.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from millstream._engine.current import current
from millstream.exceptions import MissingContextError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from millstream._engine.runs import Run
    from millstream.context import FlowRunContext, TaskRunContext

__all__ = ["RunLogger", "disable_run_logger", "get_logger", "get_run_logger"]

_FLOW_RUNS = logging.getLogger("millstream.flow_runs")
_TASK_RUNS = logging.getLogger("millstream.task_runs")


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs in the name of a run."""

    def __init__(self, run: Run | None, extra: dict[str, Any]) -> None:
        super().__init__(_FLOW_RUNS if run is None else run.logger, extra)
        self._run = run

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add what says which run it is; the caller's own `extra` stays."""
        run_fields = {} if self._run is None else self._run.log_fields
        kwargs["extra"] = {**run_fields, **(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def get_run_logger(context: FlowRunContext | TaskRunContext | None = None, **extra: Any) -> RunLogger:
    """The logger of the innermost run, of a task or a flow.

    Args:
        context: The run to log for, as `get_run_context()` gives it; the innermost one unless given.
        extra: What all records are to have as attributes.

    Raises:
        MissingContextError: This is not called from inside of a run.
    """
    run: Run | None
    if context is None:
        run = current.get()
    else:
        run = getattr(context, "task_run", None) or getattr(context, "flow_run", None)
    if run is None and not (_FLOW_RUNS.disabled and _TASK_RUNS.disabled):
        raise MissingContextError(
            "There is no run to log for: get_run_logger() works inside of flows and tasks, in the thread that runs "
            "them. Elsewhere use get_logger(); in tests of a flow's or task's `fn`, disable_run_logger().",
        )
    return RunLogger(run, extra)


def get_logger(name: str | None = None) -> logging.Logger:
    """A logger whose records go where the runs' records go, and say which run they are of.

    Args:
        name: What to call it, below `millstream`; that one itself unless given.
    """
    root = logging.getLogger("millstream")
    if name is None or name == root.name:
        return root
    return root.getChild(name.removeprefix(f"{root.name}."))


@contextmanager
def disable_run_logger() -> Iterator[None]:
    """Silence the loggers of runs, and let `get_run_logger()` work outside of runs: for tests of `my_task.fn()`."""
    loggers = _FLOW_RUNS, _TASK_RUNS
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
