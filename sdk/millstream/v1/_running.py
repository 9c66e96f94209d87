"""One run of a graph: which tasks begin when, with what, and how the flow ends."""

from __future__ import annotations

import queue
from functools import partial
from typing import TYPE_CHECKING, Any

from millstream._pool import blocked
from millstream.tasks import Task as EngineTask
from millstream.v1 import _decisions, _graph
from millstream.v1._collections import Constant
from millstream.v1._graph import Edge
from millstream.v1._translation import v1_state
from millstream.v1._work import Call, conclude
from millstream.v1.engine.state import Cached, Mapped, State, Success

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from logging import LoggerAdapter

    from millstream.futures import Future
    from millstream.v1._flow import Flow
    from millstream.v1._task import Task


class GraphRun:
    """A run of all tasks of a flow, each as a task run of the engine."""

    def __init__(
        self,
        flow: Flow,
        tasks: Mapping[Task, EngineTask[..., Any]],
        facts: Mapping[str, Any],
        logger: LoggerAdapter[Any],
        *,
        submits: bool,
    ) -> None:
        """Prepare it.

        Args:
            flow: The flow.
            tasks: Its tasks as tasks of the engine.
            facts: What all tasks find in the context.
            logger: That of the run.
            submits: Whether tasks go to the task runner; else they run here, one after the other.
        """
        self._tasks = tasks
        self._facts = facts
        self._logger = logger
        self._submits = submits
        self._slugs = flow.slugs
        self._before: dict[Task, list[Edge]] = {task: [] for task in self._slugs}
        edges = flow._edges  # noqa: SLF001 - in their order
        for edge in edges:
            self._before[edge.downstream_task].append(edge)
        # Plain values count as tasks that succeeded: triggers look at them, too.
        self._constants: dict[Task, dict[Edge, State]] = {
            task: {
                Edge(Constant(value), task, key): Success(result=value)
                for key, value in flow.constants.get(task, {}).items()
            }
            for task in self._slugs
        }
        self._order = _graph.sorter(self._slugs, edges)
        self._states: dict[Task, State] = {}
        self._ended: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self) -> dict[Task, State]:
        """Run all tasks, each when those before it have ended, and give their states."""
        self._order.prepare()
        while self._order.is_active():
            ready = self._order.get_ready()
            for task in ready:
                self._begin(task)
            if not ready:
                with blocked():
                    note = self._ended.get()
                note()
        return {task: self._states[task] for task in self._slugs}

    def _begin(self, task: Task) -> None:
        upstream = {
            edge: _decisions.flattened(state) if edge.flattened else state
            for edge in self._before[task]
            for state in [self._states[edge.upstream_task]]
        }
        upstream |= self._constants[task]
        if any(edge.mapped for edge in upstream):
            self._map(task, upstream)
        else:
            self._start(task, upstream, None, partial(self._end, task))

    def _map(self, task: Task, upstream: dict[Edge, State]) -> None:
        each = _decisions.before_mapping(task, upstream)
        if isinstance(each, State):
            self._conclude(task, each)
            return
        if numbers := _decisions.left_out(upstream):
            self._logger.warning(
                "Task %r is mapped over lists of different lengths, %s: only the first %s of each are taken.",
                task.name,
                ", ".join(map(str, numbers)),
                min(numbers),
            )
        self._logger.info("Task %r: mapped over %s items", task.name, len(each))
        states: dict[int, State] = {}

        def end(index: int, state: State) -> None:
            states[index] = state
            if len(states) == len(each):
                ordered = [states[number] for number in range(len(each))]
                self._end(task, Mapped("Mapped.", [one.result for one in ordered], ordered))

        for index, one in enumerate(each):
            self._start(task, one, index, partial(end, index))
        if not each:
            self._end(task, Mapped("Mapped over nothing.", []))

    def _start(
        self, task: Task, upstream: dict[Edge, State], index: int | None, end: Callable[[State], None]
    ) -> None:
        call = self._call(task, upstream, index)
        decided = _decisions.before_run(task, upstream)
        if decided is not None:
            end(self._concluded(task, call, decided))
        elif not self._submits:
            end(self._told(call, self._tasks[task](call, return_state=True)))
        else:
            future: Future[Any] = self._tasks[task].submit(call)
            # The queue's thread is that of the flow: what is decided there needs no locks.
            future.add_done_callback(lambda done: self._ended.put(lambda: end(self._told(call, done.state))))

    def _call(self, task: Task, upstream: dict[Edge, State], index: int | None) -> Call:
        name = task.name if index is None else f"{task.name}[{index}]"
        facts = {
            "task_name": task.name,
            "task_full_name": name,
            "task_slug": self._slugs[task],
            "task_id": self._slugs[task],
            "task_tags": task.tags,
            "map_index": index,
        }
        return Call(name, _decisions.arguments(upstream), {**self._facts, **facts})

    def _conclude(self, task: Task, state: State) -> None:
        self._end(task, self._concluded(task, self._call(task, {}, None), state))

    def _concluded(self, task: Task, call: Call, state: State) -> State:
        ending: EngineTask[..., Any] = EngineTask(
            partial(conclude, task, call, state), name=self._tasks[task].name, tags=task.tags
        )
        ended: Any = ending(return_state=True)
        return v1_state(ended)

    def _told(self, call: Call, state: Any) -> State:
        told = v1_state(state)
        if isinstance(told, Cached):
            self._logger.info("Task %r: ended in state 'Cached'", call.name)
        return told

    def _end(self, task: Task, state: State) -> None:
        self._states[task] = state
        self._order.done(task)
