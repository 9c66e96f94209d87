"""The run that the code being executed belongs to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millstream._engine.runs import Run

current: ContextVar[Run | None] = ContextVar("millstream_run", default=None)
current_tags: ContextVar[frozenset[str]] = ContextVar("millstream_tags", default=frozenset())
"""What `with tags(...)` gives to the runs that begin inside of it."""
