"""How a log record looks: a line for people, or a JSON object for machines."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m", "DEBUG": "\x1b[2m"}
_RESET = "\x1b[0m"


class TextFormatter(logging.Formatter):
    """`HH:MM:SS.mmm | INFO    | Flow run 'brisk-otter' - message`."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """One line; tracebacks are added by the base class."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return (
            f"{clock}.{int(record.msecs):03d} | {record.levelname:<7} | {_speaker(record)} - {record.message}"
        )


class JsonFormatter(logging.Formatter):
    """One object a line: what every record has, and what was added to this one, as the run's id and name."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        import json  # noqa: PLC0415 - slow to import

        added = {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
        fields: dict[str, Any] = {
            **added,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        try:
            return json.dumps(fields, default=str, allow_nan=False)
        except (TypeError, ValueError, RecursionError):  # a value that the caller added is not for JSON
            return json.dumps({n: v if isinstance(v, str) else repr(v) for n, v in fields.items()})


def coloured(line: str, level: str) -> str:
    """The line in the colour of its level."""
    colour = _COLOURS.get(level)
    return line if colour is None else f"{colour}{line}{_RESET}"


def _speaker(record: logging.LogRecord) -> str:
    if (name := getattr(record, "task_run_name", None)) is not None:
        run = f"Task run {name!r}"
    elif (name := getattr(record, "flow_run_name", None)) is not None:
        run = f"Flow run {name!r}"
    else:
        return record.name
    return (
        run if record.name in {"millstream.flow_runs", "millstream.task_runs"} else f"{run} ({record.name})"
    )
