"""Which flow is being built here, and what holds for the tasks that are added to it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millstream.v1._flow_graph import FlowGraph
    from millstream.v1._task import Task
    from millstream.v1.tasks.control_flow import case

current_flow: ContextVar[FlowGraph | None] = ContextVar("millstream_v1_flow", default=None)
current_case: ContextVar[case | None] = ContextVar("millstream_v1_case", default=None)
current_tags: ContextVar[frozenset[str]] = ContextVar("millstream_v1_tags", default=frozenset())
made: ContextVar[list[Task] | None] = ContextVar("millstream_v1_made", default=None)
"""The tasks that were made since the block of the flow began."""


@contextmanager
def tags(*names: str) -> Iterator[None]:
    """Give these tags to all tasks that are made or called in the block."""
    token = current_tags.set(current_tags.get().union(names))
    try:
        yield
    finally:
        current_tags.reset(token)


def flow_for(task: Task, flow: Any = None) -> FlowGraph:
    """The flow that something is to be added to: the one that is given, or the one of the block around.

    Raises:
        ValueError: There is none.
    """
    found: FlowGraph | None = flow or current_flow.get()
    if found is None:
        raise ValueError(
            f"Task {task.name!r} was called outside of a flow: call it in a block `with Flow(...):`, or call "
            f"{task.name}.run(...) to run its function here and now."
        )
    return found
