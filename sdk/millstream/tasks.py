"""Tasks: the steps of a flow, each with its own retries and its own line in the flow run's history."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from millstream._callables import function_name
from millstream._definitions import Definition, Options
from millstream._engine.drive import drive, drive_async
from millstream._engine.task_runs import TaskRun
from millstream._options import check_callback, check_options

if TYPE_CHECKING:
    from millstream._engine.runs import Run
    from millstream.states import State

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")

RetryDelays = float | Sequence[float] | Callable[[int], Sequence[float]]


class TaskOptions(Options, total=False):
    """The options of `@task` and of `Task.with_options`, beside those that flows have as well.

    Attributes:
        tags: Free text.
        retry_delay_seconds: How long to wait before each retry: a number, a list with one number for each (the last
            one counts for all that follow), or a function that makes the list from the number of retries, such as
            `exponential_backoff`.
        retry_condition_fn: Called with the task, its run and the failed state; there is a retry if it gives true.
    """

    tags: Iterable[str] | None
    retry_delay_seconds: RetryDelays | None
    retry_condition_fn: Callable[[Task[..., Any], TaskRun, State[Any]], bool] | None


class Task(Definition[P, R]):
    """A step of a flow, made by `@task`.

    Calling it runs the function, inside of a flow or not, and gives what the function returns, or its exception after
    the last retry. With `return_state=True` it gives the final state instead.

    Attributes:
        fn: The function as it was decorated.
        name: What the task is called.
        tags: Free text.
        retries: How many further attempts follow a failed one.
        isasync: Whether the function is asynchronous, and so the call is to be awaited.
    """

    _word = "task"
    _known_options = frozenset(TaskOptions.__optional_keys__)

    def __init__(self, fn: Callable[P, R], **options: Unpack[TaskOptions]) -> None:
        check_options(dict(options), self._known_options, self._word)
        self.tags = _tags(options.get("tags"))
        self.retry_condition_fn = options.get("retry_condition_fn")
        if self.retry_condition_fn is not None:
            check_callback("retry_condition_fn", self.retry_condition_fn, "task", "task_run", "state")
        super().__init__(fn, options, function_name(fn))

    @overload
    def __call__(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[True],
        **kwargs: Any,
    ) -> Coroutine[Any, Any, State[T]]: ...
    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def __call__(  # type: ignore[misc] # no function has a parameter return_state: check_function refuses it
        self,
        *args: Any,
        return_state: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Run the task."""
        if not self.isasync:
            return drive(TaskRun(self, args, kwargs, return_state))  # in no variable: see `drive`
        coroutine = drive_async(TaskRun(self, args, kwargs, return_state))
        coroutine.__qualname__ = self._called  # type: ignore[attr-defined] # coroutines have it, the protocol does not
        return coroutine

    def with_options(self, **options: Unpack[TaskOptions]) -> Self:
        """The same task with some options changed; None puts an option back to its default."""
        return self._with(options)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self: Task[Concatenate[S, Q], T], instance: S, owner: type) -> Task[Q, T]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        """The task as a method."""
        return self._bound_to(instance, owner)

    def _wants_retry(self) -> Callable[[Run, State[Any]], bool] | None:
        condition = self.retry_condition_fn
        if condition is None:
            return None
        return lambda run, state: condition(self, run, state)  # type: ignore[arg-type] # it is a TaskRun


@overload
def task(fn: Callable[P, R], /, **options: Unpack[TaskOptions]) -> Task[P, R]: ...
@overload
def task(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(fn: Any = None, /, **options: Unpack[TaskOptions]) -> Any:
    """Make a function a task.

    Usage:
        ```python
        @task
        def extract(): ...


        @task(retries=3, retry_delay_seconds=[1, 10, 60])
        async def load(rows): ...
        ```

    Args:
        fn: The function, which may be asynchronous, or a method.
        options: See `TaskOptions`.
    """
    check_options(dict(options), Task._known_options, "task")  # noqa: SLF001 - at the decorator, not at the function
    if fn is None:
        return lambda fn: Task(fn, **options)
    return Task(fn, **options)


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Waits for `retry_delay_seconds` that double with each retry, beginning with `backoff_factor` seconds."""
    if backoff_factor < 0:
        raise ValueError(f"backoff_factor cannot be negative: {backoff_factor}.")

    def delays(retries: int) -> list[float]:
        return [backoff_factor * 2**retry for retry in range(min(retries, 50))]

    return delays


def _tags(tags: Iterable[str] | None) -> frozenset[str]:
    given: Any = () if tags is None else tags
    if isinstance(given, list | tuple | set | frozenset) and all(isinstance(tag, str) for tag in given):
        return frozenset(given)
    raise TypeError(f"tags is a list of texts, and got {tags!r}.")
