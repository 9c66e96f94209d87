"""What flows and tasks have in common as objects: a function with a name and options."""

from __future__ import annotations

from functools import cached_property, update_wrapper
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypedDict, TypeVar

from millstream._callables import check_function, check_name, is_async, is_async_generator, is_generator
from millstream._engine.hooks import check_hooks
from millstream._engine.retries import RetryPolicy, check_retries, retry_delays
from millstream._options import check_callback, check_kinds, check_options
from millstream._parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import ClassVar, Self

    from millstream._engine.hooks import Hook
    from millstream._engine.runs import Run
    from millstream.states import State

P = ParamSpec("P")
H = TypeVar("H", bound="Hook")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

_KINDS = {
    "description": str,
    "version": str,
    "log_prints": bool,
    "validate_parameters": bool,
    "persist_result": bool,
    "refresh_cache": bool,
    "result_storage_key": str,
}
_HOOKS = ("on_running", "on_completion", "on_failure", "on_cancellation", "on_crashed")
_DELAYS = "a number, a list of numbers, or a function"


class Options(TypedDict, total=False):
    """Options of flows and of tasks.

    Attributes:
        name: What to call it; the function's name unless given.
        description: What it does; the function's docstring unless given.
        version: Free text.
        retries: How many further attempts follow a failed one.
        log_prints: Whether `print` writes to the run's log. None: as the run around it.
        timeout_seconds: How long an attempt may take; it is interrupted then, and has failed as `TimedOut`.
        persist_result: Whether results are kept. None: as the flow around it; for tasks, yes if an option says how.
        result_storage: Where results are kept: a path, a URL, or a storage. None: as the flow around it.
        result_serializer: How they are written: `"pickle"`, `"json"`, `"compressed/pickle"` or a serializer.
        on_running: Called with the flow or task, the run and the state when an attempt begins.
        on_completion: Called in the same way when the run has completed.
        on_failure: Called in the same way when it has failed.
    """

    name: str | None
    description: str | None
    version: str | None
    retries: int | None
    log_prints: bool | None
    timeout_seconds: float | None
    persist_result: bool | None
    result_storage: Any
    result_serializer: Any
    on_running: list[Hook] | None
    on_completion: list[Hook] | None
    on_failure: list[Hook] | None


class Definition(Generic[P, R_co]):
    """A function with a name and options."""

    _word: ClassVar[str]
    _known_options: ClassVar[frozenset[str]]

    __qualname__: str

    def __init__(self, fn: Callable[P, R_co], options: Mapping[str, Any], default_name: str) -> None:
        self._options = {option: value for option, value in options.items() if value is not None}
        given = self._options
        check_kinds(given, _KINDS, self._word)
        # For methods: what `__get__` binds to, by the decorator that is inside of this one.
        self._binds = {staticmethod: None, classmethod: "class"}.get(type(fn), "instance")
        if isinstance(fn, staticmethod | classmethod):
            fn = fn.__func__
        check_function(fn, self._word)
        update_wrapper(self, fn)  # type: ignore[arg-type] # meant for functions, and does for any object
        self.fn: Callable[P, R_co] = fn
        self.isasync = is_async(fn)
        self._isgenerator = is_generator(fn)
        self._awaits = self.isasync or is_async_generator(fn)
        # The name of its coroutines, in Python's warning about one that was never awaited and in asyncio's messages.
        self._called: str = getattr(fn, "__qualname__", default_name)
        self.name = check_name(given.get("name", default_name), self._word)
        self.version: str | None = given.get("version")
        self.log_prints: bool | None = given.get("log_prints")
        self.retries = check_retries(given.get("retries", self._default_retries()))
        self.retry_delay_seconds: float | Sequence[float] | Callable[[int], Sequence[float]]
        self.retry_delay_seconds = given.get("retry_delay_seconds", self._default_delay())
        if callable(self.retry_delay_seconds):
            check_callback("retry_delay_seconds", self.retry_delay_seconds, "retries", kind=_DELAYS)
        delays = retry_delays(self.retries, self.retry_delay_seconds)
        self._retry_policy = (
            RetryPolicy(self.retries, delays, self._wants_retry(), self._jitter()) if self.retries else None
        )
        self.timeout_seconds = _timeout(given.get("timeout_seconds"))
        self.persist_result: bool | None = given.get("persist_result")
        self.result_storage = given.get("result_storage")
        self.result_serializer = given.get("result_serializer")
        self._check_where_kept()
        self._read_hooks()
        self._call = self._callable()

    def _check_where_kept(self) -> None:
        if self.result_storage is None and self.result_serializer is None:
            return
        from millstream import results  # noqa: PLC0415 - for those who say it

        results.check_storage_option("result_storage", self.result_storage)
        results.check_serializer_option("result_serializer", self.result_serializer)

    def on_running(self, hook: H) -> H:
        """Call the function when an attempt begins: `@my_flow.on_running`."""
        return self._add_hook("on_running", hook)

    def on_completion(self, hook: H) -> H:
        """Call the function when a run has completed."""
        return self._add_hook("on_completion", hook)

    def on_failure(self, hook: H) -> H:
        """Call the function when a run has failed."""
        return self._add_hook("on_failure", hook)

    def _add_hook(self, option: str, hook: T) -> T:
        check_hooks(option, [hook])
        self._options[option] = [*self._options.get(option, ()), hook]
        self._read_hooks()
        return hook

    def _read_hooks(self) -> None:
        self.hooks = self._hooks_of(_HOOKS)

    def _hooks_of(self, known: Iterable[str]) -> dict[str, list[Any]] | None:
        """The hooks by option; None if there are none, which is quick to tell."""
        return {
            name: check_hooks(name, self._options[name]) for name in known if name in self._options
        } or None

    def _callable(self) -> Callable[..., Any]:
        """What a run calls: the function, in its time."""
        fn: Callable[..., Any] = self.fn
        if self.timeout_seconds is None:
            return fn
        from millstream._engine.timeouts import limited  # noqa: PLC0415 - for those that have a limit

        return limited(fn, self.timeout_seconds, self._word)

    def _default_retries(self) -> int:
        raise NotImplementedError

    def _default_delay(self) -> float | Sequence[float]:
        raise NotImplementedError

    def _jitter(self) -> float:
        return 0.0

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
        bound._call = bound._callable()
        return bound

    def __reduce__(self) -> Any:
        """By its name where that leads to it, as for functions: the process that reads it has the same code."""
        import sys  # noqa: PLC0415 - for those that run in other processes

        found: Any = sys.modules.get(self.__module__)
        for part in getattr(self, "__qualname__", "").split("."):  # partials have none
            found = getattr(found, part, None)
        if found is self and self.__module__ != "__main__":
            return _found_again, (self.__module__, self.__qualname__)
        return _made_again, (type(self), self.fn, self._options, self._binds, _named_in_hints(self.fn))

    def __repr__(self) -> str:
        return f"<{self._word} {self.name!r}>"


def _found_again(module: str, name: str) -> Any:
    import importlib  # noqa: PLC0415 - in another process only

    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _named_in_hints(fn: Any) -> dict[str, Any]:
    """What type hints name that are texts, as by `from __future__ import annotations`: functions come without it."""
    module_names = getattr(fn, "__globals__", {})
    named: set[str] = set()
    for hint in getattr(fn, "__annotations__", {}).values():
        if isinstance(hint, str):
            try:
                named.update(compile(hint, "<hint>", "eval").co_names)
            except SyntaxError:  # which whoever reads the hint tells
                continue
    return {name: module_names[name] for name in named if name in module_names}


def _made_again(
    kind: type[Definition[..., Any]],
    fn: Any,
    options: dict[str, Any],
    binds: str | None,
    named: dict[str, Any],
) -> Any:
    for name, value in named.items():
        fn.__globals__.setdefault(name, value)
    made = kind(fn, **options)
    made._binds = binds  # noqa: SLF001 - one of our own
    return made


def _timeout(seconds: object) -> float | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"timeout_seconds is a number of seconds, and got {seconds!r}.")
    if not seconds > 0:
        raise ValueError(f"timeout_seconds is a number of seconds above 0, and got {seconds!r}.")
    return float(seconds)
