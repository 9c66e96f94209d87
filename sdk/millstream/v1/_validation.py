"""What is wrong with the graph of a flow: every defect, one sentence each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from millstream.v1._graph import cycles
from millstream.v1._parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from millstream.v1._graph import Edge
    from millstream.v1._task import Task


def defects(
    slugs: Mapping[Task, str], edges: Iterable[Edge], constants: Mapping[Task, Mapping[str, Any]]
) -> list[str]:
    """What is wrong.

    Args:
        slugs: The tasks, with the names that tell them apart.
        edges: What makes them wait for each other.
        constants: Their arguments that are plain values.
    """
    edges = list(edges)
    given: dict[Task, list[str]] = {task: list(constants.get(task, ())) for task in slugs}
    for edge in edges:
        if edge.key is not None:
            given[edge.downstream_task].append(edge.key)
    return [
        *_cycles(slugs, edges),
        *_parameters(slugs),
        *_repeated_slugs(slugs),
        *(told for task in slugs for told in _arguments(task, slugs[task], given[task])),
    ]


def _cycles(slugs: Mapping[Task, str], edges: list[Edge]) -> Iterator[str]:
    for path in cycles(slugs, edges):
        yield f"Tasks wait for each other in a circle: {' → '.join(slugs[task] for task in path)}."


def _parameters(slugs: Mapping[Task, str]) -> Iterator[str]:
    counts = Counter(task.name for task in slugs if isinstance(task, Parameter))
    for name, count in counts.items():
        if count > 1:
            yield f"There are {count} Parameters {name!r}: make one, and pass that to all tasks that need it."


def _repeated_slugs(slugs: Mapping[Task, str]) -> Iterator[str]:
    counts = Counter(slug for task, slug in slugs.items() if not isinstance(task, Parameter))
    for slug, count in counts.items():
        if count > 1:
            yield f"There are {count} tasks with the slug {slug!r}: give each its own, or none."


def _arguments(task: Task, slug: str, keys: list[str]) -> Iterator[str]:
    given = Counter(keys)
    parameters = task.signature.parameters
    takes = f"Task {slug!r} takes {task.signature}"
    variadic = {name for name, parameter in parameters.items() if parameter.kind is parameter.VAR_KEYWORD}
    for name, parameter in parameters.items():
        if name not in variadic and name not in given and parameter.default is parameter.empty:
            yield f"{takes}, and its argument {name!r} is given nothing: call it in the flow's block with it."
    for name, count in given.items():
        if count > 1:
            yield f"{takes}, and its argument {name!r} is given {count} times."
        if name not in parameters and not variadic:
            yield f"{takes}, and has no argument {name!r}."
