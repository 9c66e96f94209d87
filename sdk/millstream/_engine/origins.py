"""Which run an exception comes from, remembered on the exception itself while it travels up."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from millstream._engine.runs import Run

_ATTRIBUTE = "__millstream_origin__"
_LONGEST_TEXT = 2000
_PACKAGE = __file__.rpartition("_engine")[0]
"""The folder of the package `millstream`."""


def described(error: BaseException) -> str:
    """The exception as the last line of a traceback shows it."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a user's __str__ may do anything
        text = "(its text cannot be shown)"
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_LONGEST_TEXT]}… ({len(text):,} characters)"
    if isinstance(error, RecursionError):
        text += " (does something call itself without end?)"
    return f"{name}: {text}" if text else name


def origin_of(error: BaseException) -> str | None:
    """The innermost run that the exception ended, in words; None if it ended none yet."""
    return getattr(error, _ATTRIBUTE, None)


def mark(error: BaseException, run: Run) -> bool:
    """Remember that the exception ended this run; false if it had ended one before, which stays its origin."""
    if origin_of(error) is not None:
        return False
    with suppress(AttributeError):  # some exceptions take no attributes
        setattr(error, _ATTRIBUTE, run.place)  # not the run: an exception would keep its arguments alive
    return True


def user_traceback(
    error: BaseException | None,
) -> tuple[type[BaseException], BaseException, TracebackType | None] | None:
    """The exception for a log record, its traceback beginning in the user's code."""
    return None if error is None else (type(error), error, user_frame(error))


def user_frame(error: BaseException) -> TracebackType | None:
    """Where the exception was, from the first frame that is not ours on; None if it never came so far."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        traceback = traceback.tb_next
    return traceback
