"""The graph of a flow: pure functions of tasks and of the edges between them."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Node = TypeVar("Node")


class Edge(NamedTuple):
    """What makes one task wait for another.

    Attributes:
        upstream_task: The one that comes first.
        downstream_task: The one that waits.
        key: The argument that gets the result; None if only the order counts.
        mapped: Whether the one that waits runs once for each item.
        flattened: Whether the items of the items are meant.
    """

    upstream_task: Any
    downstream_task: Any
    key: str | None = None
    mapped: bool = False
    flattened: bool = False


def sorter(tasks: Iterable[Node], edges: Iterable[Edge]) -> TopologicalSorter[Node]:
    """What gives the tasks when all that they wait for has ended."""
    order: TopologicalSorter[Node] = TopologicalSorter()
    for task in tasks:
        order.add(task)
    for edge in edges:
        order.add(edge.downstream_task, edge.upstream_task)
    return order


def cycles(tasks: Iterable[Node], edges: Iterable[Edge]) -> list[list[Node]]:
    """Paths that come back to where they began, each given from its first task to the same task.

    There is one for each edge that leads back; a graph without these edges has no cycle.
    """
    after: dict[Node, dict[Node, None]] = {task: {} for task in tasks}
    for edge in edges:
        after[edge.upstream_task][edge.downstream_task] = None
    found: list[list[Node]] = []
    done: set[Node] = set()
    for start in after:
        if start not in done:
            found += _cycles_from(start, after, done)
    return found


def _cycles_from(start: Node, after: dict[Node, dict[Node, None]], done: set[Node]) -> Iterator[list[Node]]:
    # With a stack of its own: a chain of a thousand tasks is deeper than Python's.
    path: dict[Node, Iterator[Node]] = {start: iter(after[start])}
    while path:
        task, following = next(reversed(path.items()))
        for other in following:
            if other in path:
                steps = list(path)
                yield [*steps[steps.index(other) :], other]
            elif other not in done:
                path[other] = iter(after[other])
                break
        else:
            done.add(task)
            del path[task]


def last(tasks: Iterable[Node], edges: Iterable[Edge]) -> list[Node]:
    """The tasks that no other one waits for."""
    followed = {edge.upstream_task for edge in edges}
    return [task for task in tasks if task not in followed]


def first(tasks: Iterable[Node], edges: Iterable[Edge]) -> list[Node]:
    """The tasks that wait for no other one."""
    following = {edge.downstream_task for edge in edges}
    return [task for task in tasks if task not in following]
