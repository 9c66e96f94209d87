"""Building the graph of a flow: which tasks it has, and what they wait for."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

from millstream.annotations import Annotation
from millstream.v1 import _building, _graph
from millstream.v1._collections import as_task, holds_tasks
from millstream.v1._graph import Edge
from millstream.v1._parameter import Parameter
from millstream.v1._task import Task
from millstream.v1._validation import defects
from millstream.v1.exceptions import InvalidFlowError
from millstream.v1.utilities.edges import flatten, unmapped
from millstream.v1.utilities.edges import mapped as mapped_

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class FlowGraph:
    """The tasks of a flow and the edges between them.

    Attributes:
        name: What the flow is called.
        constants: Arguments that are plain values, by task and name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.constants: dict[Task, dict[str, Any]] = {}
        self._slugs: dict[Task, str] = {}
        self._counts: Counter[str] = Counter()
        self._edges: dict[Edge, None] = {}
        self._reference_tasks: list[Task] = []

    @property
    def tasks(self) -> set[Task]:
        """All tasks."""
        return set(self._slugs)

    @property
    def edges(self) -> set[Edge]:
        """What makes them wait for each other."""
        return set(self._edges)

    @property
    def slugs(self) -> dict[Task, str]:
        """The tasks, with the names that tell them apart."""
        return dict(self._slugs)

    def add_task(self, task: Task) -> Task:
        """Add a task as it is."""
        if not isinstance(task, Task):
            raise TypeError(
                f"A flow has tasks, and got {task!r}: put @task on a function, and make one of a class."
            )
        if task not in self._slugs:
            self._slugs[task] = self._slug(task)
            around = _building.current_case.get()
            if around is not None and not task.begins:
                around.add_task(task, self)
        return task

    def _slug(self, task: Task) -> str:
        if task.slug is not None:
            return task.slug
        self._counts[task.name] += 1
        return f"{task.name}-{self._counts[task.name]}"

    def add_edge(
        self,
        upstream_task: Any,
        downstream_task: Any,
        key: str | None = None,
        mapped: bool = False,  # noqa: FBT001, FBT002 - as in Prefect, and so below
        flattened: bool = False,  # noqa: FBT001, FBT002
    ) -> Edge:
        """Have a task wait for another one, and take its result as the argument `key` if one is named."""
        value = upstream_task
        while isinstance(value, Annotation):
            mapped = isinstance(value, mapped_) or (mapped and not isinstance(value, unmapped))
            flattened = flattened or isinstance(value, flatten)
            value = value.value
        edge = Edge(self._node(value), self._node(downstream_task), key, mapped, flattened)
        self._edges[edge] = None
        return edge

    def set_dependencies(
        self,
        task: Any,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Any] | None = None,
        keyword_tasks: Mapping[str, Any] | None = None,
        mapped: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Say what comes before and after a task, and where its arguments come from."""
        node = self._node(task)
        for other in _listed("upstream_tasks", upstream_tasks):
            self.add_edge(other, node, mapped=mapped)
        for other in _listed("downstream_tasks", downstream_tasks):
            self.add_edge(node, other, mapped=mapped)
        for key, value in (keyword_tasks or {}).items():
            plain = value.value if isinstance(value, unmapped) else value
            over = mapped and not isinstance(value, unmapped)
            if over or isinstance(plain, Annotation) or holds_tasks(plain):
                self.add_edge(value, node, key, mapped)
            else:
                self.constants.setdefault(node, {})[key] = plain

    def _bind(
        self, task: Task, arguments: Mapping[str, Any], upstream_tasks: Iterable[Any] | None, *, mapped: bool
    ) -> None:
        self.add_task(task)
        self.set_dependencies(task, upstream_tasks, keyword_tasks=arguments, mapped=mapped)

    def _node(self, value: Any) -> Task:
        """The task of this flow that a value stands for."""
        if not isinstance(value, Task):
            task, items = as_task(value)
            self._bind(task, items, None, mapped=False)
            return task
        if value in self._slugs:
            return value
        calls = [task for task in self._slugs if task._original is value]  # noqa: SLF001 - one of our own
        if len(calls) > 1:
            raise ValueError(
                f"Task {value.name!r} was called {len(calls)} times in flow {self.name!r}: name the call that is meant, "
                f"as in `first = {value.name}()`."
            )
        return calls[0] if calls else self.add_task(value)

    def chain(self, *tasks: Task) -> list[Edge]:
        """Have each of these tasks wait for the one before it."""
        return [self.add_edge(before, after) for before, after in itertools.pairwise(tasks)]

    def edges_to(self, task: Task) -> set[Edge]:
        """What the task waits for."""
        return {edge for edge in self._edges if edge.downstream_task is task}

    def edges_from(self, task: Task) -> set[Edge]:
        """What waits for the task."""
        return {edge for edge in self._edges if edge.upstream_task is task}

    def upstream_tasks(self, task: Task) -> set[Task]:
        """The tasks that it waits for."""
        return {edge.upstream_task for edge in self.edges_to(task)}

    def downstream_tasks(self, task: Task) -> set[Task]:
        """The tasks that wait for it."""
        return {edge.downstream_task for edge in self.edges_from(task)}

    def root_tasks(self) -> set[Task]:
        """The tasks that wait for none."""
        return set(_graph.first(self._slugs, self._edges))

    def terminal_tasks(self) -> set[Task]:
        """The tasks that none waits for."""
        return set(_graph.last(self._slugs, self._edges))

    def sorted_tasks(self) -> tuple[Task, ...]:
        """The tasks, each after those that it waits for."""
        self.validate()
        return tuple(_graph.sorter(self._slugs, self._edges).static_order())

    def get_tasks(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        task_type: type[Task] | None = None,
    ) -> list[Task]:
        """The tasks of this name, this slug, with all of these tags and of this class, as far as these are given."""
        return [
            task
            for task, own in self._slugs.items()
            if name in (None, task.name)
            and slug in (None, own)
            and task.tags.issuperset(tags or ())
            and (task_type is None or isinstance(task, task_type))
        ]

    def reference_tasks(self) -> set[Task]:
        """The tasks whose states decide on that of the flow; the last ones unless others were set."""
        return set(self._reference_tasks) or self.terminal_tasks()

    def set_reference_tasks(self, tasks: Iterable[Task]) -> None:
        """Have these tasks decide on the state of the flow."""
        named = list(tasks)
        strangers = [task for task in named if task not in self._slugs]
        if strangers:
            raise ValueError(
                f"Reference tasks are tasks of the flow, and {strangers[0]!r} is none of {self.name!r}."
            )
        self._reference_tasks = named

    def parameters(self) -> set[Parameter]:
        """The Parameters."""
        return {task for task in self._slugs if isinstance(task, Parameter)}

    def validate(self) -> None:
        """Look for all that is wrong with the graph.

        Raises:
            InvalidFlowError: With every defect: circles and their paths, arguments without a value, Parameters that are
                there twice.
        """
        found = defects(self._slugs, self._edges, self.constants)
        if found:
            raise InvalidFlowError("\n- ".join([f"Flow {self.name!r} cannot run:", *found]))


def _listed(option: str, values: Iterable[Any] | None) -> list[Any]:
    if isinstance(values, Task | str):
        raise TypeError(f"{option} is a list of tasks, and got {values!r}: write {option}=[...].")
    return list(values or ())
