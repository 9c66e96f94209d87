"""Flows: ordinary functions whose runs are supervised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from millstream._callables import function_name
from millstream._definitions import Definition, Options
from millstream._engine.drive import drive, drive_async
from millstream._engine.flow_runs import FlowRun
from millstream._engine.tracing import tracer
from millstream._options import check_options
from millstream._run_names import check_run_name, run_name
from millstream.exceptions import ParameterBindError
from millstream.settings import get_current_settings
from millstream.task_runners import TaskRunner, ThreadPoolTaskRunner

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from millstream._engine.hooks import Hook
    from millstream._graphs import Graph
    from millstream._pool import Pool
    from millstream.serving import Deployment, DeploymentOptions
    from millstream.states import State

__all__ = ["Flow", "FlowOptions", "flow"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")
H = TypeVar("H", bound="Hook")
_DEFAULT_TASK_RUNNER = ThreadPoolTaskRunner()


class FlowOptions(Options, total=False):
    """The options of `@flow` and of `Flow.with_options`, beside those that tasks have as well.

    Attributes:
        flow_run_name: What to call each run: a text with parameters in braces, such as `load-{day}`, or a function
            that gives one, and may take the `parameters`.
        retry_delay_seconds: How long to wait before each retry.
        validate_parameters: Whether to coerce and check parameters by their type hints; true unless given.
        task_runner: Where submitted tasks run; threads unless given. See `millstream.task_runners`.
        on_cancellation: Called with the flow, the run and the state when it was cancelled.
        on_crashed: Called in the same way when it was ended from outside its code.
    """

    flow_run_name: str | Callable[..., str] | None
    retry_delay_seconds: float | None
    validate_parameters: bool | None
    task_runner: TaskRunner | None
    on_cancellation: list[Hook] | None
    on_crashed: list[Hook] | None


class Flow(Definition[P, R_co]):
    """A function whose runs are supervised, made by `@flow`.

    Calling it runs the function and gives what that returns, or raises what it raises after the last retry. With
    `return_state=True` it gives the final state instead. Called inside of a flow it is a subflow.

    Attributes:
        fn: The function as it was decorated.
        name: What the flow is called.
        retries: How many further attempts follow a failed one.
        isasync: Whether the function is asynchronous, and so the call is to be awaited.
    """

    _word = "flow"
    _known_options = frozenset(FlowOptions.__optional_keys__)

    def __init__(self, fn: Callable[P, R_co], **options: Unpack[FlowOptions]) -> None:
        check_options(dict(options), self._known_options, self._word)
        delay = options.get("retry_delay_seconds")
        if delay is not None and (isinstance(delay, bool) or not isinstance(delay, int | float)):
            raise TypeError(f"A flow's retry_delay_seconds is a number, and got {delay!r}.")
        self.flow_run_name = options.get("flow_run_name")
        self.should_validate_parameters = options.get("validate_parameters") is not False
        self.task_runner = _task_runner(options.get("task_runner"))
        super().__init__(fn, options, function_name(fn).replace("_", "-"))
        if self.persist_result is None and (self.result_storage or self.result_serializer):
            self.persist_result = True
        if self.flow_run_name is not None:
            check_run_name("flow_run_name", self.flow_run_name, self._parameters, self._owner)

    @overload
    def __call__(
        self: Flow[..., Coroutine[Any, Any, T]],
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
        """Run the flow.

        Args:
            args: What the function takes. Futures and states are replaced by their results.
            return_state: Give the final state in place of the result, and raise nothing.
            wait_for: Futures and states that must have completed.
            kwargs: As `args`.

        Raises:
            ParameterBindError: The function cannot be called like this.
            ParameterTypeError: Parameters have values that their type hints do not allow.
        """
        if (tracing := tracer.get()) is not None:
            return tracing.called(self, args, kwargs, wait_for, return_state=return_state)
        try:
            parameters = self._parameters.bind(args, kwargs)
        except ParameterBindError as error:
            raise error.with_traceback(None) from None
        if self._isgenerator:
            from millstream._engine.generators import generate  # noqa: PLC0415 - few are

            return generate(FlowRun(self, parameters, return_state=return_state, wait_for=wait_for))
        if not self.isasync:
            # In no variable: see `drive`.
            return drive(FlowRun(self, parameters, return_state=return_state, wait_for=wait_for))
        coroutine = drive_async(FlowRun(self, parameters, return_state=return_state, wait_for=wait_for))
        coroutine.__qualname__ = self._called  # type: ignore[attr-defined] # coroutines have it, the protocol does not
        return coroutine

    def on_cancellation(self, hook: H) -> H:
        """Call the function when a run was cancelled: `@my_flow.on_cancellation`."""
        return self._add_hook("on_cancellation", hook)

    def on_crashed(self, hook: H) -> H:
        """Call the function when a run was ended from outside its code."""
        return self._add_hook("on_crashed", hook)

    def open_task_runner(self) -> Pool | concurrent.futures.Executor:
        """Give what carries out the tasks that a run submits."""
        return (self.task_runner or _DEFAULT_TASK_RUNNER).open()

    def _default_retries(self) -> int:
        return get_current_settings().flows_default_retries

    def _default_delay(self) -> float:
        return get_current_settings().flows_default_retry_delay_seconds

    def with_options(self, **options: Unpack[FlowOptions]) -> Self:
        """The same flow with some options changed; None puts an option back to its default."""
        return self._with(options)

    def validate_parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a run by name: coerced to their type hints, defaults filled in.

        With the option `validate_parameters=False` only the names are checked.

        Raises:
            ParameterBindError: Naming all that are missing or unknown, and those that have bad values.
            ParameterTypeError: Naming all that have bad values, and these.
        """
        if not self.should_validate_parameters:
            return self._parameters.bind_by_name(parameters)
        try:
            bound = self._parameters.bind_by_name(parameters)
        except ParameterBindError as error:
            bad = self._parameters.bad_values(parameters)
            raise ParameterBindError(f"{error}\n{bad}" if bad else str(error)) from None
        return self._parameters.validate(bound)

    def parameter_schema(self) -> dict[str, Any]:
        """The JSON schema of the parameters, from the signature."""
        return self._parameters.types.schema()

    def visualize(self, *args: P.args, **kwargs: P.kwargs) -> Graph:
        """The graph of what the flow calls, without running any of it: only the flow's own code runs.

        Print it, or take its `mermaid` or `dot`; notebooks show a picture if Graphviz is installed.

        Args:
            args: What the function takes.
            kwargs: As `args`.

        Raises:
            FlowVisualizationError: The code needs the result of a task that has no `viz_return_value`, or raised
                something.
        """
        from millstream._visualize import visualize  # noqa: PLC0415 - for few

        return visualize(self, args, kwargs)

    def to_deployment(self, name: str, **options: Unpack[DeploymentOptions]) -> Deployment:
        """The flow as something to `serve`, beside others.

        Args:
            name: What to call it.
            options: See `DeploymentOptions`.

        Raises:
            DeploymentError: Naming all that is wrong.
        """
        from millstream.serving import Deployment  # noqa: PLC0415 - for few

        return Deployment(self, name, **options)

    def serve(
        self,
        name: str | None = None,
        *,
        limit: int | None = None,
        print_starting_message: bool = True,
        pause_on_shutdown: bool = True,
        **options: Unpack[DeploymentOptions],
    ) -> None:
        """Run the flow by schedules until Ctrl-C: a deployment of its own, served alone.

        Args:
            name: What to call it; as the flow unless given. Of the path of a script, as `__file__`, its name is taken.
            limit: As `millstream.serve` has it, and so the following.
            print_starting_message: Whether to print when it is due.
            pause_on_shutdown: True: nothing fires when this process has ended.
            options: See `DeploymentOptions`.

        Raises:
            DeploymentError: Naming all that is wrong.
            SystemExit: There was a second signal, and runs were killed.
        """
        from millstream.serving import serve  # noqa: PLC0415 - for few

        if name is None:
            name = self.name
        elif str(name).endswith(".py"):
            name = str(name).rpartition("/")[2].removesuffix(".py")
        serve(
            self.to_deployment(name, **options),
            limit=limit,
            print_starting_message=print_starting_message,
            pause_on_shutdown=pause_on_shutdown,
        )

    def make_run_name(self, parameters: Mapping[str, Any]) -> str | None:
        """The name that the option `flow_run_name` gives to a run; None without that option.

        Raises:
            TypeError: The option is a function that gave no text.
        """
        option = self.flow_run_name
        return None if option is None else run_name("flow_run_name", option, parameters)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self: Flow[Concatenate[S, Q], T], instance: S, owner: type) -> Flow[Q, T]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        """The flow as a method."""
        return self._bound_to(instance, owner)


@overload
def flow(fn: Callable[P, R], /, **options: Unpack[FlowOptions]) -> Flow[P, R]: ...
@overload
def flow(**options: Unpack[FlowOptions]) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(fn: Any = None, /, **options: Unpack[FlowOptions]) -> Any:
    """Make a function a flow.

    Usage:
        ```python
        @flow
        def etl(): ...


        @flow(name="nightly", retries=1, log_prints=True)
        async def etl(day: date): ...
        ```

    Args:
        fn: The function, which may be asynchronous, or a method.
        options: See `FlowOptions`.
    """
    check_options(dict(options), Flow._known_options, "flow")  # noqa: SLF001 - at the decorator, not at the function
    if fn is None:
        return lambda fn: Flow(fn, **options)
    return Flow(fn, **options)


def _task_runner(given: object) -> TaskRunner | None:
    if isinstance(given, type) and issubclass(given, TaskRunner):
        given = given()
    if given is None or isinstance(given, TaskRunner):
        return given
    raise TypeError(
        f"task_runner is one of millstream.task_runners, such as ThreadPoolTaskRunner(max_workers=8), and got {given!r}."
    )
