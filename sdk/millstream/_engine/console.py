"""Logs on the console, for programs that have not set up logging themselves."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, TextIO

from millstream._engine.current import current
from millstream._engine.log_lines import JsonFormatter, TextFormatter, coloured
from millstream._secrets import mask
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from millstream.settings import Settings

_logger = logging.getLogger("millstream")
_configured: tuple[bool, Settings] | None = None  # whether the program had set up logging, and the settings
_own_levels: dict[logging.Logger, int] = {}  # the levels set from here


def configure() -> None:
    """Give Millstream's logger and the extra ones a console and a level, as far as the program leaves that to it.

    Called when a run begins that is in no other run; the root logger is never touched. A program that has put handlers
    on the root logger decides on the level too, unless a setting names one.

    Raises:
        SettingsError: A setting of logging has a wrong value.
    """
    global _configured  # noqa: PLW0603 - there is one logging system in a process
    found = bool(logging.root.handlers), get_current_settings()
    if found == _configured:
        return
    hosted, settings = found
    level = settings.logging_level
    if level is None:
        level = logging.NOTSET if hosted else logging.INFO
    extra = _outermost(settings.logging_extra_loggers)
    _console.show_as(settings.logging_format, colours=settings.logging_colors)
    if _configured is None and not _logger.handlers:
        _logger.addHandler(_console)
    for logger in set(_own_levels) - {_logger, *extra}:
        logger.removeHandler(_console)
        _set_level(logger, logging.NOTSET)
        del _own_levels[logger]
    for logger in extra:
        logger.addHandler(_console)
    for logger in (_logger, *extra):
        _set_level(logger, level)
    _configured = found


def _outermost(names: tuple[str, ...]) -> list[logging.Logger]:
    """The loggers, without those whose records come to another one of them."""
    reached = ("millstream", *names)
    return [
        logging.getLogger(name)
        for name in names
        if name != "millstream" and not any(name.startswith(f"{other}.") for other in reached)
    ]


def _set_level(logger: logging.Logger, level: int) -> None:
    """Set a level where the program has set none."""
    if logger.level in (logging.NOTSET, _own_levels.setdefault(logger, logging.NOTSET)):
        logger.setLevel(level)
        _own_levels[logger] = level


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at that time, and only while the program has no logging of its own.

    Whoever writes a record in the end, it says from here on which run it is of.
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.addFilter(_add_run)
        self.show_as("text", colours=None)

    def show_as(self, form: str, *, colours: bool | None) -> None:
        """Choose how lines look.

        Args:
            form: `text` or `json`.
            colours: Whether text is coloured; None to do so on a terminal.
        """
        self._colours = False if form == "json" else colours
        self.setFormatter(JsonFormatter() if form == "json" else TextFormatter())

    @property
    def stream(self) -> TextIO:  # type: ignore[override] # as logging.lastResort does it
        """Standard error, which tests and programs may replace."""
        return sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless the root logger's handlers show it."""
        if not logging.root.handlers and sys.stderr is not None:
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """The line without secrets, in colour if a person sees it."""
        line = mask(super().format(record))
        wanted = self.stream.isatty() if self._colours is None else self._colours
        return coloured(line, record.levelname) if wanted and not os.environ.get("NO_COLOR") else line


def _add_run(record: logging.LogRecord) -> bool:
    """Put into a record which run it is of, where it does not say so itself."""
    if not hasattr(record, "flow_run_id") and (run := current.get()) is not None:
        vars(record).update(run.log_fields)
    return True


_console = ConsoleHandler()
