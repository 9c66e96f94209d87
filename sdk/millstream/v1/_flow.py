"""Flows of the declarative style: graphs of tasks, built in a block and run afterwards."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from millstream._graphs import Edge as DrawnEdge
from millstream._graphs import Graph
from millstream._graphs import Node as DrawnNode
from millstream.v1 import _building
from millstream.v1._collections import Constant
from millstream.v1._flow_graph import FlowGraph
from millstream.v1._missing import FLOW_OPTIONS, METHODS, RUN_OPTIONS, VISUALIZE_OPTIONS, check_options
from millstream.v1._task_options import Handler, after_failure, check_handlers
from millstream.v1.executors import Executor, LocalExecutor
from millstream.v1.schedules import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextvars import Token
    from types import TracebackType

    import millstream
    from millstream.v1._graph import Edge
    from millstream.v1._task import Task
    from millstream.v1.engine.state import State

__all__ = ["Flow", "FlowOptions"]

_logger = logging.getLogger("millstream.v1")


_KINDS = {"executor": Executor, "schedule": Schedule}


class FlowOptions(TypedDict, total=False):
    """The options of `Flow`.

    Attributes:
        schedule: When `run` runs it; see `millstream.v1.schedules`.
        executor: Where its tasks run; see `millstream.v1.executors`.
        tasks: Tasks to begin with.
        edges: Edges to begin with.
        reference_tasks: The tasks whose states decide on that of the flow; the last ones unless given.
        state_handlers: Called with the flow, the old state and the new one, which they may replace.
        on_failure: Called with the flow and the state when it has failed.
        terminal_state_handler: Called with the flow, the final state and the states of the reference tasks; may give
            another state.
        validate: Whether to look at once what is wrong with the tasks and edges to begin with.
    """

    schedule: Schedule | None
    executor: Executor | None
    tasks: Iterable[Task] | None
    edges: Iterable[Edge] | None
    reference_tasks: Iterable[Task] | None
    state_handlers: list[Handler] | None
    on_failure: Callable[[Flow, State], Any] | None
    terminal_state_handler: Callable[[Flow, State, set[State]], State | None] | None
    validate: bool | None


class Flow(FlowGraph):
    """A graph of tasks: `with Flow("etl") as flow:` and the calls of tasks in it, then `flow.run()`.

    Attributes:
        name: What the flow is called.
        schedule: When `run` runs it; None for once, at once.
        executor: Where its tasks run.
    """

    def __init__(self, name: str, **options: Unpack[FlowOptions]) -> None:
        _check_name(name)
        check_options(options, FlowOptions.__optional_keys__, FLOW_OPTIONS, f"Flow {name!r}")
        super().__init__(name)
        self._blocks: list[tuple[Token[FlowGraph | None], Token[list[Task] | None]]] = []
        self.schedule = options.get("schedule")
        self.executor = options.get("executor") or LocalExecutor()
        check_handlers(options.get("state_handlers"))
        self.state_handlers = list(options.get("state_handlers") or ())
        on_failure = options.get("on_failure")
        if on_failure is not None:
            self.state_handlers.append(after_failure(on_failure))
        self.terminal_state_handler = options.get("terminal_state_handler")
        for task in options.get("tasks") or ():
            self.add_task(task)
        for edge in options.get("edges") or ():
            self.add_edge(*edge)
        self.set_reference_tasks(options.get("reference_tasks") or ())
        if options.get("validate"):
            self.validate()

    def __enter__(self) -> Self:
        self._blocks.append((_building.current_flow.set(self), _building.made.set([])))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        made = _building.made.get() or []
        flow_token, made_token = self._blocks.pop()
        _building.current_flow.reset(flow_token)
        _building.made.reset(made_token)
        used = {*self._slugs, *(task._original for task in self._slugs)}  # noqa: SLF001 - one of our own
        unused = ", ".join(repr(task) for task in made if task not in used and type(task) is not Constant)
        if unused and error is None:
            _logger.warning(
                "Made in the block of flow %r, and not part of it: %s. Call them, pass them to a task, or use "
                "flow.add_task(...).",
                self.name,
                unused,
            )

    def visualize(self, **options: Any) -> Graph:
        """The graph to look at: print it, or take its `mermaid` or `dot`."""
        check_options(options, (), VISUALIZE_OPTIONS, "Flow.visualize")
        mapped = {edge.downstream_task for edge in self._edges if edge.mapped}
        nodes = (DrawnNode(slug, "task", task in mapped) for task, slug in self._slugs.items())
        edges = {
            (edge.upstream_task, edge.downstream_task): "wait_for" if edge.key is None else "data"
            for edge in sorted(self._edges, key=lambda edge: edge.key is not None)
        }
        drawn = (
            DrawnEdge(self._slugs[before], self._slugs[after], kind)  # type: ignore[arg-type] # one of the two
            for (before, after), kind in edges.items()
        )
        return Graph(self.name, tuple(nodes), tuple(drawn))

    def run(
        self,
        parameters: Mapping[str, Any] | None = None,
        run_on_schedule: bool | None = None,  # noqa: FBT001 - as in Prefect
        *,
        executor: Executor | None = None,
        context: Mapping[str, Any] | None = None,
        **more_parameters: Any,
    ) -> State:
        """Run the flow here: once, or whenever its schedule says, until that ends or Ctrl-C.

        Args:
            parameters: Values of Parameters by name.
            run_on_schedule: Whether to follow the schedule; so unless given, if there is one.
            executor: Where the tasks run; the flow's own unless given.
            context: Further facts that tasks find in the context.
            more_parameters: As `parameters`.

        Returns:
            The state of the last run; its `result` has the state of each task.

        Raises:
            InvalidFlowError: The graph has defects.
            ValueError: Parameters are missing or unknown, or the schedule has no time left.
        """
        from millstream.v1._loop import run  # noqa: PLC0415 - it needs flows: a circle

        if _building.current_flow.get() is self:
            raise RuntimeError(f"Flow {self.name!r} is still being built: call run() after the block.")
        known = {parameter.name for parameter in self.parameters()}
        check_options(more_parameters.keys() & RUN_OPTIONS.keys() - known, (), RUN_OPTIONS, "Flow.run")
        try:
            return run(
                self,
                {**(parameters or {}), **more_parameters},
                scheduled=run_on_schedule is not False,
                executor=_checked("executor", executor, Executor) or self.executor,
                context=context or {},
            )
        except ValueError as error:
            raise error.with_traceback(None) from None  # where this package found out tells nobody anything

    def to_flow(self) -> millstream.Flow[..., None]:
        """The same as a flow of `millstream.flow`, its Parameters as parameters: what runs in the cluster.

        Raises:
            InvalidFlowError: The graph has defects.
        """
        from millstream.v1._conversion import converted  # noqa: PLC0415 - as above

        return converted(self)

    def deployment_schedules(self) -> list[dict[str, Any]]:
        """The flow's schedule as `spec.schedules` of a FlowDeployment.

        Raises:
            ValueError: It cannot be said there; it tells what, and what to do.
        """
        from millstream.v1._deployment import schedules_of  # noqa: PLC0415 - for deployments only

        return schedules_of(self.schedule)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FLOW_OPTIONS:
            raise AttributeError(f"A flow has no {name}: {FLOW_OPTIONS[name]}.")
        if name in _KINDS:
            _checked(name, value, _KINDS[name])
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            raise AttributeError(f"A flow has no {name}: {METHODS[name]}.")
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f'<Flow: name="{self.name}">'


def _checked(option: str, value: Any, kind: type) -> Any:
    if value is None or isinstance(value, kind):
        return value
    raise TypeError(f"{option} is one of millstream.v1.{kind.__name__.lower()}s, and got {value!r}.")


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f'A flow has a name, as in Flow("etl"), and got {name!r}.')
