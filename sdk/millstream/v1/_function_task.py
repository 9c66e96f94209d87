"""Functions as tasks of the declarative style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, overload

from millstream.v1._task import Task
from millstream.v1._task_options import TaskOptions, check_task_options

if TYPE_CHECKING:
    from collections.abc import Callable


class FunctionTask(Task):
    """A task that calls a function, made by `@task`."""

    def __init__(self, fn: Any, **options: Unpack[TaskOptions]) -> None:
        if not callable(fn) or isinstance(fn, type):
            raise TypeError(f"@task goes on a function, and got {fn!r}. Options are named: @task(name=...).")
        self.run = fn  # type: ignore[method-assign] # what such a task does
        options.setdefault("name", getattr(fn, "__name__", type(fn).__name__).strip("<>"))
        self.__doc__ = fn.__doc__
        super().__init__(**options)


@overload
def task(fn: Callable[..., Any], /, **options: Unpack[TaskOptions]) -> FunctionTask: ...
@overload
def task(**options: Unpack[TaskOptions]) -> Callable[[Callable[..., Any]], FunctionTask]: ...
def task(fn: Any = None, /, **options: Unpack[TaskOptions]) -> Any:
    """Make a function a task of the declarative style.

    Args:
        fn: The function.
        options: See `TaskOptions`.
    """
    check_task_options(options, "@task")
    if fn is None:
        return lambda fn: FunctionTask(fn, **options)
    return FunctionTask(fn, **options)
