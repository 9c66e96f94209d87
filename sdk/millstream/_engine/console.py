"""Logs on the console, for programs that have not set up logging themselves."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TextIO

_LEVEL_VARIABLE = "MILLSTREAM_LOGGING_LEVEL"
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m", "DEBUG": "\x1b[2m"}
_RESET = "\x1b[0m"

_logger = logging.getLogger("millstream")
_own_level: int | None = None  # the level set from here, if any
_hosted: bool | None = None  # whether the program had set up logging when it was last looked at


def configure() -> None:
    """Give Millstream's logger a console and a level, as far as the program leaves that to it.

    Called when a run begins that is in no other run; the root logger is never touched. A program that has put handlers
    on the root logger decides on the level too, unless the environment names one.
    """
    global _hosted, _own_level  # noqa: PLW0603 - there is one logging system in a process
    hosted = bool(logging.root.handlers)
    if hosted == _hosted:
        return
    if _hosted is None and not _logger.handlers:
        _logger.addHandler(ConsoleHandler())
    _hosted = hosted
    if _logger.level in (logging.NOTSET, _own_level):
        _own_level = _chosen_level(logging.NOTSET if hosted else logging.INFO)
        _logger.setLevel(_own_level)


def _chosen_level(default: int) -> int:
    text = os.environ.get(_LEVEL_VARIABLE, "").strip().upper()
    if not text:
        return default
    level = int(text) if text.isdecimal() else logging.getLevelNamesMapping().get(text)
    if level is None:
        _logger.warning("%s=%s is no logging level; INFO is used.", _LEVEL_VARIABLE, text)
        return default
    return level


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at that time, and only while the program has no logging of its own."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(RunFormatter())

    @property
    def stream(self) -> TextIO:  # type: ignore[override] # as logging.lastResort does it
        """Standard error, which tests and programs may replace."""
        return sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless the root logger's handlers show it."""
        if not logging.root.handlers and sys.stderr is not None:
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """The line, in colour if a person sees it."""
        line = super().format(record)
        colour = _COLOURS.get(record.levelname)
        if colour is None or "NO_COLOR" in os.environ or not self.stream.isatty():
            return line
        return f"{colour}{line}{_RESET}"


class RunFormatter(logging.Formatter):
    """`HH:MM:SS.mmm | INFO    | Flow run 'brisk-otter' - message`."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """One line; tracebacks are added by the base class."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return (
            f"{clock}.{int(record.msecs):03d} | {record.levelname:<7} | {_speaker(record)} - {record.message}"
        )


def _speaker(record: logging.LogRecord) -> str:
    if (name := getattr(record, "task_run_name", None)) is not None:
        return f"Task run {name!r}"
    if (name := getattr(record, "flow_run_name", None)) is not None:
        return f"Flow run {name!r}"
    return record.name
