"""An executor that somebody else shuts down."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future


class LentExecutor(Executor):
    """Passes calls on to an executor, and leaves it open."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have the other one call a function."""
        return self._executor.submit(fn, *args, **kwargs)
