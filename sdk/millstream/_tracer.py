"""What records the calls of tasks and subflows, and gives placeholders for their results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from millstream._engine import inputs
from millstream._engine.mapping import calls_of
from millstream._graphs import Edge, Node
from millstream._placeholders import Placeholder, own_copy
from millstream.annotations import Annotation, allow_failure, unmapped
from millstream.exceptions import MappingMissingIterable
from millstream.futures import Future, FutureList
from millstream.states import Completed, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from millstream._definitions import Definition
    from millstream.tasks import Task

T = TypeVar("T")


class Tracer:
    """Records calls.

    Attributes:
        nodes: The calls.
        edges: What goes from one to another.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._calls: Counter[str] = Counter()
        # By id, with the object itself, so that no other one gets its id.
        self._origins: dict[int, tuple[Any, Node]] = {}

    def called(
        self,
        what: Definition[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
        *,
        return_state: bool,
    ) -> Any:
        """Give what stands for the result of a call, or for its state."""
        node = self._record(what, args, kwargs, wait_for)
        value = self._value(what, node)
        given = self._state(node, value) if return_state else value
        if not what._awaits:  # noqa: SLF001 - the package's own, and so below
            return given
        return _items(given) if what._isgenerator and not return_state else _awaited(given)  # noqa: SLF001

    def submitted(
        self,
        task: Task[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
        *,
        return_state: bool,
    ) -> Any:
        """Give a future, or a state, of what stands for the result."""
        future = self._future(task, self._record(task, args, kwargs, wait_for))
        return future.state if return_state else future

    def mapped(
        self,
        task: Task[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
        *,
        return_state: bool,
    ) -> Any:
        """Give futures, or states; a single one if there is no telling what is mapped over."""
        length = _length(task, args, kwargs)
        node = self._record(task, args, kwargs, wait_for, mapped=True)
        futures = FutureList(self._future(task, node) for _ in range(length))
        return [future.state for future in futures] if return_state else futures

    def _record(
        self,
        what: Definition[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
        *,
        mapped: bool = False,
    ) -> Node:
        node = Node(f"{what.name}-{self._calls[what.name]}", what._word, mapped)  # noqa: SLF001
        self._calls[what.name] += 1
        self.nodes.append(node)
        data = dict.fromkeys(self._sources((args, kwargs), set()))
        others = dict.fromkeys(self._sources(list(wait_for or ()), set()))
        self.edges += (Edge(source.name, node.name, "data") for source in data)
        self.edges += (Edge(source.name, node.name, "wait_for") for source in others if source not in data)
        return node

    def _sources(self, value: Any, above: set[int]) -> Iterator[Node]:
        if id(value) in self._origins:
            yield self._origins[id(value)][1]
        elif id(value) not in above:
            inner: Iterable[Any] | None
            inner = (value.value,) if isinstance(value, Annotation) else inputs.inside(value)
            for item in inner or ():
                yield from self._sources(item, {*above, id(value)})

    def _value(self, what: Definition[..., Any], node: Node) -> Any:
        given = getattr(what, "viz_return_value", None)
        if given is None:
            return self._remember(Placeholder(what.name, what._word), node)  # noqa: SLF001
        return own_copy(given, lambda made: self._remember(made, node))

    def _remember(self, value: T, node: Node) -> T:
        self._origins[id(value)] = value, node
        return value

    def _state(self, node: Node, value: Any) -> State[Any]:
        return self._remember(Completed(data=value), node)

    def _future(self, task: Task[..., Any], node: Node) -> Future[Any]:
        run: Any = _NotRun(node.name, self._state(node, self._value(task, node)))
        future: Future[Any] = Future(run)
        future._end()  # noqa: SLF001
        return self._remember(future, node)


class _NotRun:
    """What a future wants of the run that it stands for."""

    def __init__(self, name: str, state: State[Any]) -> None:
        self.id = self.name = name
        self.state = state


async def _awaited(value: Any) -> Any:
    return value


async def _items(values: Any) -> Any:
    for value in values:
        yield value


def _length(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """How many runs a `map` has; one if all that it is mapped over are placeholders."""
    unknown = any(map(_is_unknown, (*args, *kwargs.values())))
    own = tuple(unmapped(value) if _is_unknown(value) else value for value in args)
    named = {name: unmapped(value) if _is_unknown(value) else value for name, value in kwargs.items()}
    try:
        return sum(1 for _ in calls_of(task.name, own, named))
    except MappingMissingIterable:
        if unknown:
            return 1
        raise


def _is_unknown(value: Any) -> bool:
    if isinstance(value, allow_failure):
        return _is_unknown(value.value)
    if isinstance(value, Future | State):
        value = value.result(raise_on_failure=False)
    return isinstance(value, Placeholder)
