"""Branches: tasks that run only if the result of another one has a certain value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

from millstream.v1 import _building
from millstream.v1._function_task import task
from millstream.v1._task import Task
from millstream.v1.engine.signals import SKIP
from millstream.v1.triggers import all_finished, not_all_skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from millstream.v1._flow_graph import FlowGraph
    from millstream.v1._task_options import TaskOptions

__all__ = ["FilterTask", "case", "ifelse", "merge", "switch"]


class CompareValue(Task):
    """Is skipped, and all that wait for it, if what it gets is another value than its own."""

    def __init__(self, value: Any, **options: Unpack[TaskOptions]) -> None:
        self.value = value
        super().__init__(**options)

    def run(self, value: Any) -> None:  # type: ignore[override] # each task takes its own
        """Compare them."""
        if value != self.value:
            raise SKIP(f"The value is {value!r}, and not {self.value!r}.")


class case:  # noqa: N801 - Prefect's name, a word in front of a block
    """`with case(task, value):`: what is called in the block runs only if the task gives this value."""

    def __init__(self, task: Task, value: Any) -> None:
        if isinstance(value, Task):
            raise TypeError(
                f"case compares with a plain value, and got {value!r}: use task.is_equal(...), and True."
            )
        if not isinstance(task, Task):
            raise TypeError(f"case is for the result of a task, and got {task!r}: use an ordinary if.")
        self.task = task
        self.value = value
        self._tasks: dict[Task, None] = {}
        self._flow: FlowGraph | None = None

    def add_task(self, task: Task, flow: FlowGraph) -> None:
        """Take note that a task was added in the block."""
        if self._flow not in (None, flow):
            raise ValueError(
                f"A case is for one flow, and this one has tasks of {self._flow!r} and {flow!r}."
            )
        self._flow = flow
        self._tasks[task] = None

    def __enter__(self) -> Self:
        self._token = _building.current_case.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _building.current_case.reset(self._token)
        if error is not None or self._flow is None:
            return
        compared = CompareValue(self.value, name=f"case({self.value})")
        compared.bind(value=self.task, flow=self._flow)
        for one in self._tasks:
            if not self._tasks.keys() & self._flow.upstream_tasks(one):
                one.set_upstream(compared, flow=self._flow)


class Merge(Task):
    """Gives the first result there is of several branches."""

    def __init__(self, **options: Unpack[TaskOptions]) -> None:
        if options.get("skip_on_upstream_skip"):
            raise ValueError("merge is for branches that are skipped: leave skip_on_upstream_skip out.")
        options.setdefault("trigger", not_all_skipped)
        options["skip_on_upstream_skip"] = False
        super().__init__(**options)

    def run(self, **branches: Any) -> Any:
        """Take it."""
        in_order = sorted(branches, key=lambda name: int(name.removeprefix("task_")))
        return next((branches[name] for name in in_order if branches[name] is not None), None)


def merge(*tasks: Task, flow: FlowGraph | None = None, mapped: bool = False, **options: Any) -> Task:
    """The result of that one of these tasks which was not skipped."""
    branches = {f"task_{number}": one for number, one in enumerate(tasks, 1)}
    return Merge(**options).bind(**branches, flow=flow, mapped=mapped)


def switch(condition: Task, cases: Mapping[Any, Task], mapped: bool = False) -> None:  # noqa: FBT001, FBT002 - Prefect's
    """Run that one of the tasks whose key is the result of the condition, and skip the others."""
    for value, one in cases.items():
        compared = CompareValue(value, name=f'CompareValue: "{value}"').bind(value=condition, mapped=mapped)
        one.set_dependencies(upstream_tasks=[compared], mapped=mapped)


def ifelse(
    condition: Task,
    true_task: Task | None,
    false_task: Task | None,
    mapped: bool = False,  # noqa: FBT001, FBT002 - Prefect's
) -> None:
    """Run the first task if the condition is true, else the second."""
    branches = {value: one for value, one in ((True, true_task), (False, false_task)) if one is not None}
    if branches:
        switch(_as_bool(condition, mapped=mapped), branches, mapped)


@task(name="as_bool")
def _as_bool(value: Any) -> bool:
    return bool(value)


class FilterTask(Task):
    """Takes out of a list what is no result: None, and exceptions; or what `filter_func` says."""

    def __init__(
        self, filter_func: Callable[[Any], bool] | None = None, **options: Unpack[TaskOptions]
    ) -> None:
        self._filter = filter_func or _is_result
        options.setdefault("trigger", all_finished)
        options.setdefault("skip_on_upstream_skip", False)
        super().__init__(**options)

    def run(self, task_results: list[Any]) -> list[Any]:  # type: ignore[override] # as above
        """Filter them."""
        return [value for value in task_results if self._filter(value)]


def _is_result(value: Any) -> bool:
    return value is not None and not isinstance(value, Exception)
