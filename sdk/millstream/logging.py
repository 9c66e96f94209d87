"""Loggers of runs.

Records go to the standard library's loggers `millstream.flow_runs` and `millstream.task_runs`, with the run's id and
name as attributes. Programs that set up logging themselves get them like all other records; for the rest there is a
console on standard error, its level taken from `MILLSTREAM_LOGGING_LEVEL`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from millstream._engine.current import current
from millstream.exceptions import MissingContextError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from millstream._engine.runs import Run

__all__ = ["RunLogger", "get_run_logger"]


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs in the name of a run."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.logger)
        self._run = run

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add what says which run it is; the caller's own `extra` stays."""
        kwargs["extra"] = {**self._run.log_fields, **(kwargs.get("extra") or {})}
        return msg, kwargs


def get_run_logger() -> RunLogger:
    """The logger of the innermost run, of a task or a flow.

    Raises:
        MissingContextError: This is not called from inside of a run.
    """
    run = current.get()
    if run is None:
        raise MissingContextError(
            "There is no run to log for: get_run_logger() works inside of flows and tasks, in the thread that runs "
            "them. Elsewhere use logging.getLogger().",
        )
    return RunLogger(run)
