"""`print` inside of runs that log their prints."""

from __future__ import annotations

import builtins
import io
import logging
import sys
from typing import Any

from millstream._engine.current import current

_installed = False
_print = builtins.print


def install() -> None:
    """Put `print_or_log` in the place of `print`, once for the process.

    It stays there: it tells by the current run, thread by thread and coroutine by coroutine, what to do.
    """
    global _installed, _print  # noqa: PLW0603 - there is one `print`
    if not _installed:
        _installed = True
        _print = builtins.print
        builtins.print = print_or_log


def print_or_log(*values: object, file: Any = None, **options: Any) -> None:
    """Print; or, for the console and inside of a run that says `log_prints`, log."""
    run = current.get()
    if run is None or not run.log_prints or not (file is None or file in (sys.stdout, sys.stderr)):
        _print(*values, file=file, **options)
        return
    buffer = io.StringIO()
    _print(*values, file=buffer, **{**options, "flush": False})
    current.set(None)  # a handler that prints must not be logged in turn
    try:
        run.log(logging.INFO, "%s", buffer.getvalue().removesuffix("\n"))
    finally:
        current.set(run)
