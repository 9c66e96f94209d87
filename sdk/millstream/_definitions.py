"""What flows and tasks have in common as objects: a function with a name and options."""

from __future__ import annotations

from functools import cached_property, update_wrapper
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypedDict, TypeVar

from millstream._callables import check_function, check_name, is_async
from millstream._engine.retries import RetryPolicy, check_retries, retry_delays
from millstream._options import check_callback, check_kinds, check_options
from millstream._parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import ClassVar, Self

    from millstream._engine.runs import Run
    from millstream.states import State

P = ParamSpec("P")
R = TypeVar("R")

_KINDS = {"description": str, "version": str, "log_prints": bool, "validate_parameters": bool}
_DELAYS = "a number, a list of numbers, or a function"


class Options(TypedDict, total=False):
    """Options of flows and of tasks.

    Attributes:
        name: What to call it; the function's name unless given.
        description: What it does; the function's docstring unless given.
        version: Free text.
        retries: How many further attempts follow a failed one.
        log_prints: Whether `print` writes to the run's log. None: as the run around it.
    """

    name: str | None
    description: str | None
    version: str | None
    retries: int | None
    log_prints: bool | None


class Definition(Generic[P, R]):
    """A function with a name and options."""

    _word: ClassVar[str]
    _known_options: ClassVar[frozenset[str]]

    def __init__(self, fn: Callable[P, R], options: Mapping[str, Any], default_name: str) -> None:
        self._options = {option: value for option, value in options.items() if value is not None}
        given = self._options
        check_kinds(given, _KINDS, self._word)
        # For methods: what `__get__` binds to, by the decorator that is inside of this one.
        self._binds = {staticmethod: None, classmethod: "class"}.get(type(fn), "instance")
        if isinstance(fn, staticmethod | classmethod):
            fn = fn.__func__
        check_function(fn, self._word)
        update_wrapper(self, fn)  # type: ignore[arg-type] # meant for functions, and does for any object
        self.fn = fn
        self.isasync = is_async(fn)
        # The name of its coroutines, in Python's warning about one that was never awaited and in asyncio's messages.
        self._called: str = getattr(fn, "__qualname__", default_name)
        self.name = check_name(given.get("name", default_name), self._word)
        self.version: str | None = given.get("version")
        self.log_prints: bool | None = given.get("log_prints")
        self.retries = check_retries(given.get("retries", 0))
        self.retry_delay_seconds: float | Sequence[float] | Callable[[int], Sequence[float]]
        self.retry_delay_seconds = given.get("retry_delay_seconds", 0)
        if callable(self.retry_delay_seconds):
            check_callback("retry_delay_seconds", self.retry_delay_seconds, "retries", kind=_DELAYS)
        delays = retry_delays(self.retries, self.retry_delay_seconds)
        self._retry_policy = RetryPolicy(self.retries, delays, self._wants_retry()) if self.retries else None

    @property
    def description(self) -> str | None:
        """What it does: the option, or the function's docstring."""
        given = self._options.get("description")
        if given is not None or not self.fn.__doc__:
            return given
        import inspect  # noqa: PLC0415 - slow to import

        return inspect.getdoc(self.fn)

    def _wants_retry(self) -> Callable[[Run, State[Any]], bool] | None:
        """A function that tells which failures get a retry; None for all."""
        return None

    def _with(self, changes: Mapping[str, Any]) -> Self:
        check_options(dict(changes), self._known_options, self._word)
        changed = type(self)(self.fn, **{**self._options, **changes})
        changed._binds = self._binds  # noqa: SLF001 - one of our own
        return changed

    @cached_property
    def _parameters(self) -> Parameters:
        return Parameters(self.fn, self._owner)

    @cached_property
    def _method_parameters(self) -> Parameters:
        # Of a method, without the first one; shared by all its instances, so it may not hold on to one.
        return Parameters(MethodType(self.fn, object()), self._owner)

    @property
    def _owner(self) -> str:
        return f"{self._word.capitalize()} {self.name!r}"

    def _bound_to(self, instance: object, owner: type) -> Self:
        """This flow or task as a method of an instance or a class; itself where there is nothing to bind to."""
        target = owner if self._binds == "class" else instance
        if target is None or self._binds is None:
            return self
        method = MethodType(self.fn, target)
        bound = object.__new__(type(self))
        bound.__dict__.update(
            self.__dict__, fn=method, __wrapped__=method, _parameters=self._method_parameters
        )
        return bound

    def __repr__(self) -> str:
        return f"<{self._word} {self.name!r}>"
