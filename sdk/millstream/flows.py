"""Flows: ordinary functions whose runs are supervised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from millstream._callables import function_name
from millstream._definitions import Definition, Options
from millstream._engine.drive import drive, drive_async
from millstream._engine.flow_runs import FlowRun
from millstream._options import check_callback, check_options, check_template
from millstream.exceptions import ParameterBindError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from millstream.states import State

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")


class FlowOptions(Options, total=False):
    """The options of `@flow` and of `Flow.with_options`, beside those that tasks have as well.

    Attributes:
        flow_run_name: What to call each run: a text with parameters in braces, such as `load-{day}`, or a function
            without parameters that gives one.
        retry_delay_seconds: How long to wait before each retry.
        validate_parameters: Whether to coerce and check parameters by their type hints; true unless given.
    """

    flow_run_name: str | Callable[[], str] | None
    retry_delay_seconds: float | None
    validate_parameters: bool | None


class Flow(Definition[P, R]):
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

    def __init__(self, fn: Callable[P, R], **options: Unpack[FlowOptions]) -> None:
        check_options(dict(options), self._known_options, self._word)
        delay = options.get("retry_delay_seconds")
        if delay is not None and (isinstance(delay, bool) or not isinstance(delay, int | float)):
            raise TypeError(f"A flow's retry_delay_seconds is a number, and got {delay!r}.")
        self.flow_run_name = options.get("flow_run_name")
        self.should_validate_parameters = options.get("validate_parameters") is not False
        super().__init__(fn, options, function_name(fn).replace("_", "-"))
        self._check_run_name()

    @overload
    def __call__(
        self: Flow[..., Coroutine[Any, Any, T]],
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
        """Run the flow.

        Raises:
            ParameterBindError: The function cannot be called like this.
            ParameterTypeError: Parameters have values that their type hints do not allow.
        """
        try:
            parameters = self._parameters.bind(args, kwargs)
        except ParameterBindError as error:
            raise error.with_traceback(None) from None
        if not self.isasync:
            return drive(FlowRun(self, parameters, return_state=return_state))  # in no variable: see `drive`
        coroutine = drive_async(FlowRun(self, parameters, return_state=return_state))
        coroutine.__qualname__ = self._called  # type: ignore[attr-defined] # coroutines have it, the protocol does not
        return coroutine

    def with_options(self, **options: Unpack[FlowOptions]) -> Self:
        """The same flow with some options changed; None puts an option back to its default."""
        return self._with(options)

    def validate_parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a run by name: coerced to their type hints, defaults filled in.

        With the option `validate_parameters=False` only the names are checked.

        Raises:
            ParameterBindError: Naming all that are missing or unknown.
            ParameterTypeError: Naming all that have bad values, and these.
        """
        bound = self._parameters.bind_by_name(parameters)
        return self._parameters.validate(bound) if self.should_validate_parameters else bound

    def parameter_schema(self) -> dict[str, Any]:
        """The JSON schema of the parameters, from the signature."""
        return self._parameters.types.schema()

    def make_run_name(self, parameters: Mapping[str, Any]) -> str | None:
        """The name that the option `flow_run_name` gives to a run; None without that option.

        Raises:
            TypeError: The option is a function that gave no text.
        """
        option = self.flow_run_name
        if option is None:
            return None
        made = option.format(**parameters) if isinstance(option, str) else option()
        if not isinstance(made, str):
            raise TypeError(f"flow_run_name is to give a text, and gave {made!r}.")
        return made

    def _check_run_name(self) -> None:
        option = self.flow_run_name
        if isinstance(option, str):
            if "{" in option or "}" in option:
                check_template("flow_run_name", option, self._parameters.signature.parameters, self._owner)
        elif option is not None:
            check_callback("flow_run_name", option, kind="a text, or a function")

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
