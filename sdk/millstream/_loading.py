"""Whether a module is imported for a flow that is in it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_loading: ContextVar[bool] = ContextVar("millstream_loading", default=False)


@contextmanager
def loading() -> Iterator[None]:
    """Import such a module in the block."""
    token = _loading.set(True)
    try:
        yield
    finally:
        _loading.reset(token)


def is_loading() -> bool:
    """Whether the code that asks is imported for a flow that is in it, and so should not run one itself."""
    return _loading.get()
