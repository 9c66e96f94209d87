"""The run that the code being executed belongs to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from millstream._engine.contexts import FlowRunContext, TaskRunContext
from millstream._engine.current import current_tags
from millstream.exceptions import MissingContextError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FlowRunContext", "TaskRunContext", "get_run_context", "tags"]


@contextmanager
def tags(*new_tags: str) -> Iterator[set[str]]:
    """Give these tags to all runs that begin in the block.

    Raises:
        TypeError: A tag is no text.
    """
    for tag in new_tags:
        if not isinstance(tag, str):
            raise TypeError(f'Tags are texts, as in tags("nightly", "env:prod"), and got {tag!r}.')
    token = current_tags.set(current_tags.get().union(new_tags))
    try:
        yield set(current_tags.get())
    finally:
        current_tags.reset(token)


def get_run_context() -> FlowRunContext | TaskRunContext:
    """The context of the innermost run, of a task or a flow.

    Raises:
        MissingContextError: This is not called from inside of a run.
    """
    context = TaskRunContext.get() or FlowRunContext.get()
    if context is None:
        raise MissingContextError(
            "There is no run context here: get_run_context() works inside of flows and tasks, in the thread that runs "
            "them.",
        )
    return context
