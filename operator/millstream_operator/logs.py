"""How the operator logs: lines for people or objects for machines, with what is being worked on beside the message."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from millstream_operator.cache import Key
from millstream_operator.kinds import FLOW_RUNS

__all__ = ["FORMATS", "configure", "log_attempt", "log_context"]

FORMATS = ("text", "json")

Fields = dict[str, str | int]
_fields: ContextVar[Fields | None] = ContextVar("_fields", default=None)


@contextmanager
def log_context(key: Key) -> Iterator[None]:
    """Have what is logged within say which run or deployment it is about."""
    kind = "run" if key.kind == FLOW_RUNS else "deployment"
    token = _fields.set({"namespace": key.namespace, kind: key.name})
    try:
        yield
    finally:
        _fields.reset(token)


def log_attempt(attempt: int) -> None:
    """Have what is logged from here on, within the same `log_context`, also name the attempt."""
    fields = _fields.get()
    if fields is not None:
        fields["attempt"] = attempt


def configure(level: str, form: str, stream: TextIO = sys.stdout) -> None:
    """Set up logging for the process.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        form: one of `FORMATS`.
        stream: where it goes.
    """
    handler = logging.StreamHandler(stream)
    handler.addFilter(_add_fields)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _add_fields(record: logging.LogRecord) -> bool:
    record.fields = dict(_fields.get() or {})
    return True


class TextFormatter(logging.Formatter):
    """A line for each message, whatever is in it; a traceback follows it indented.

    Messages quote what users and the API server wrote: none of it may look like a line of ours.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Give the text of a record."""
        line = f"{_time(record)} {record.levelname} {record.name} {_visible(record.getMessage())}"
        return "\n    ".join([line, *map(_visible, _traceback(self, record).splitlines())])


class JsonFormatter(logging.Formatter):
    """A JSON object on a line for each message."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the text of a record."""
        o: dict[str, str | int] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if traceback := _traceback(self, record):
            o["exception"] = traceback
        return json.dumps(o)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def _visible(text: str) -> str:
    """Escape what is not printable, line breaks first of all."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
