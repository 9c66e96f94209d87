"""What libraries log while they send: it has URLs with tokens in them, and is kept out of the logs."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TALKATIVE = ("apprise", "urllib3.connectionpool")
_sending = threading.local()


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep what they log in this thread out of the logs, and give what they warn of instead."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_hear)  # which does nothing the second time
    before: list[str] | None = getattr(_sending, "warnings", None)
    warnings: list[str] = []
    _sending.warnings = warnings
    try:
        yield warnings
    finally:
        _sending.warnings = before


def _hear(record: logging.LogRecord) -> bool:
    warnings: list[str] | None = getattr(_sending, "warnings", None)
    if warnings is None:
        return True
    if record.levelno >= logging.WARNING:
        warnings.append(record.getMessage())
    return False
