"""Tasks: the steps of a flow, each with its own retries and its own line in the flow run's history."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from millstream._caching_options import check_caching, says_how_to_keep
from millstream._callables import function_name
from millstream._definitions import Definition, Options
from millstream._engine.drive import drive, drive_async
from millstream._engine.mapping import calls_of
from millstream._engine.submit import submit
from millstream._engine.task_runs import TaskRun
from millstream._engine.tracing import tracer
from millstream._options import check_callback, check_options
from millstream._run_names import check_run_name, run_name
from millstream.futures import FutureList
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from datetime import timedelta

    from millstream._engine.runs import Run
    from millstream.cache_policies import CachePolicy
    from millstream.context import TaskRunContext
    from millstream.futures import Future
    from millstream.states import State
    from millstream.transactions import Transaction

__all__ = ["Task", "TaskOptions", "exponential_backoff", "task"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")

TransactionHook = Callable[["Transaction"], object]
RetryDelays = float | Sequence[float] | Callable[[int], Sequence[float]]


class TaskOptions(Options, total=False):
    """The options of `@task` and of `Task.with_options`, beside those that flows have as well.

    Attributes:
        tags: Free text.
        retry_delay_seconds: How long to wait before each retry: a number, a list with one number for each (the last
            one counts for all that follow), or a function that makes the list from the number of retries, such as
            `exponential_backoff`.
        retry_jitter_factor: Each wait is longer by a random part of it, up to this factor.
        retry_condition_fn: Called with the task, its run and the failed state; there is a retry if it gives true.
        task_run_name: What to call each run: a text with parameters in braces, or a function that gives one, and may
            take the `parameters`.
        cache_policy: When a result of before is used again; see `millstream.cache_policies`.
        cache_key_fn: Called with the context and the arguments by parameter; gives the key, or None for no caching.
        cache_expiration: How long a result is used again; for ever unless given.
        refresh_cache: Whether to run anyway, and keep the new result.
        result_storage_key: The key of the result: a text with `{parameters[x]}`, `{flow_run.name}` and the like.
        on_commit: Called with the transaction when the result is kept for good.
        on_rollback: Called with the transaction when something after the task failed in the same transaction.
        viz_return_value: What stands for the result in `flow.visualize()`, where the flow's code needs a real one.
    """

    tags: Iterable[str] | None
    retry_delay_seconds: RetryDelays | None
    retry_jitter_factor: float | None
    task_run_name: str | Callable[..., str] | None
    cache_policy: CachePolicy | None
    cache_key_fn: Callable[[TaskRunContext, dict[str, Any]], str | None] | None
    cache_expiration: timedelta | None
    refresh_cache: bool | None
    result_storage_key: str | None
    on_commit: list[TransactionHook] | None
    on_rollback: list[TransactionHook] | None
    viz_return_value: Any
    retry_condition_fn: Callable[[Task[..., Any], TaskRun, State[Any]], bool] | None


class Task(Definition[P, R_co]):
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

    def __init__(self, fn: Callable[P, R_co], **options: Unpack[TaskOptions]) -> None:
        check_options(dict(options), self._known_options, self._word)
        self.tags = _tags(options.get("tags"))
        self.retry_condition_fn = options.get("retry_condition_fn")
        if self.retry_condition_fn is not None:
            check_callback("retry_condition_fn", self.retry_condition_fn, "task", "task_run", "state")
        self.cache_policy = options.get("cache_policy")
        self.cache_key_fn = options.get("cache_key_fn")
        self.cache_expiration = options.get("cache_expiration")
        self.refresh_cache: bool | None = options.get("refresh_cache")
        self.result_storage_key: str | None = options.get("result_storage_key")
        self.viz_return_value = options.get("viz_return_value")
        self.retry_jitter_factor = _factor(options.get("retry_jitter_factor"))
        super().__init__(fn, options, function_name(fn))
        self.task_run_name = options.get("task_run_name")
        self._check_run_name()
        check_caching(self._options, self.fn, self._owner)
        if self.persist_result is None and says_how_to_keep(self._options):
            self.persist_result = True

    @overload
    def __call__(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[True],
        wait_for: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, State[T]]: ...
    @overload
    def __call__(
        self, *args: Any, return_state: Literal[True], wait_for: Iterable[Any] | None = None, **kwargs: Any
    ) -> State[R_co]: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, *args: Any, wait_for: Iterable[Any], **kwargs: Any) -> R_co: ...
    def __call__(  # type: ignore[misc] # no function has such parameters: check_function refuses them
        self,
        *args: Any,
        return_state: bool = False,
        wait_for: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run the task.

        Args:
            args: What the function takes. Futures and states are replaced by their results.
            return_state: Give the final state in place of the result, and raise nothing.
            wait_for: Futures and states that must have completed.
            kwargs: As `args`.
        """
        if (tracing := tracer.get()) is not None:
            return tracing.called(self, args, kwargs, wait_for, return_state=return_state)
        if self._isgenerator:
            from millstream._engine.generators import generate  # noqa: PLC0415 - few are

            return generate(TaskRun(self, args, kwargs, return_state, wait_for))
        if not self.isasync:
            return drive(TaskRun(self, args, kwargs, return_state, wait_for))  # in no variable: see `drive`
        coroutine = drive_async(TaskRun(self, args, kwargs, return_state, wait_for))
        coroutine.__qualname__ = self._called  # type: ignore[attr-defined] # coroutines have it, the protocol does not
        return coroutine

    @overload
    def submit(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[False] = False,
        wait_for: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> Future[T]: ...
    @overload
    def submit(
        self,
        *args: Any,
        return_state: Literal[False] = False,
        wait_for: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> Future[R_co]: ...
    @overload
    def submit(
        self, *args: Any, return_state: Literal[True], wait_for: Iterable[Any] | None = None, **kwargs: Any
    ) -> State[R_co]: ...
    def submit(
        self, *args: Any, return_state: bool = False, wait_for: Iterable[Any] | None = None, **kwargs: Any
    ) -> Any:
        """Have the flow's task runner run the task, and go on.

        Args:
            args: What the function takes. Futures are replaced by their results, and waited for before the run begins.
            return_state: Wait, and give the final state.
            wait_for: Futures and states that must have completed before the run begins.
            kwargs: As `args`.

        Raises:
            MissingContextError: This is not called inside of a flow.
        """
        if (tracing := tracer.get()) is not None:
            return tracing.submitted(self, args, kwargs, wait_for, return_state=return_state)
        future = submit(self, args, kwargs, wait_for)
        if return_state:
            future.wait()
            return future.state
        return future

    @overload
    def map(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[False] = False,
        wait_for: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> FutureList[T]: ...
    @overload
    def map(
        self,
        *args: Any,
        return_state: Literal[False] = False,
        wait_for: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> FutureList[R_co]: ...
    @overload
    def map(
        self, *args: Any, return_state: Literal[True], wait_for: Iterable[Any] | None = None, **kwargs: Any
    ) -> list[State[R_co]]: ...
    def map(
        self, *args: Any, return_state: bool = False, wait_for: Iterable[Any] | None = None, **kwargs: Any
    ) -> Any:
        """Submit the task once for each item of what can be iterated over; other values are the same for all.

        Texts and what is `unmapped` are such values. All that is iterated over must have the same length.

        Raises:
            MappingLengthMismatch: It has not.
            MappingMissingIterable: There is nothing to iterate over.
            MissingContextError: This is not called inside of a flow.
        """
        if (tracing := tracer.get()) is not None:
            return tracing.mapped(self, args, kwargs, wait_for, return_state=return_state)
        if wait_for is not None:
            wait_for = tuple(wait_for)  # for each run, and a generator would do for the first only
        futures = FutureList(
            submit(self, own, named, wait_for) for own, named in calls_of(self.name, args, kwargs)
        )
        if return_state:
            futures.wait()
            return [future.state for future in futures]
        return futures

    def on_commit(self, hook: TransactionHook) -> TransactionHook:
        """Call the function with the transaction when a result is kept for good: `@my_task.on_commit`."""
        return self._add_hook("on_commit", hook)

    def on_rollback(self, hook: TransactionHook) -> TransactionHook:
        """Call the function with the transaction when something after the task failed in the same transaction."""
        return self._add_hook("on_rollback", hook)

    def _read_hooks(self) -> None:
        super()._read_hooks()
        self.transaction_hooks = self._hooks_of(("on_commit", "on_rollback"))

    def make_run_name(self, run: TaskRun) -> str | None:
        """The name that the option `task_run_name` gives to a run; None without that option.

        Raises:
            TypeError: The option is a function that gave no text.
        """
        option = self.task_run_name
        return None if option is None else run_name("task_run_name", option, run.parameters)

    def _check_run_name(self) -> None:
        if self.task_run_name is not None:
            check_run_name("task_run_name", self.task_run_name, self._parameters, self._owner)

    def _default_retries(self) -> int:
        return get_current_settings().tasks_default_retries

    def _default_delay(self) -> float | Sequence[float]:
        return get_current_settings().tasks_default_retry_delay_seconds

    def _jitter(self) -> float:
        return self.retry_jitter_factor

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


def _factor(factor: object) -> float:
    if factor is None:
        return 0.0
    if isinstance(factor, bool) or not isinstance(factor, int | float):
        raise TypeError(f"retry_jitter_factor is a number, and got {factor!r}.")
    if not factor >= 0:
        raise ValueError(f"retry_jitter_factor cannot be negative: {factor!r}.")
    return float(factor)
