"""Whether flows and tasks are to run, or only to be recorded, as `flow.visualize()` wants it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millstream._tracer import Tracer

tracer: ContextVar[Tracer | None] = ContextVar("millstream_tracer", default=None)
"""What is told of calls in place of running them."""
