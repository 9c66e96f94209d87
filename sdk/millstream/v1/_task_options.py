"""Options of tasks, checked where they are written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from millstream.v1._missing import TASK_OPTIONS, check_kind, check_options
from millstream.v1.engine.cache_validators import CacheValidator

if TYPE_CHECKING:
    from millstream.v1._task import Task
    from millstream.v1.engine.state import State
    from millstream.v1.triggers import Trigger

Handler = Callable[[Any, Any, Any], Any]


class TaskOptions(TypedDict, total=False):
    """The options of `@task` and of `Task`.

    Attributes:
        name: What to call it; the function's or the class's name unless given.
        slug: A name that no other task of the flow has; made from the name unless given.
        tags: Free text.
        max_retries: How many further attempts follow a failed one.
        retry_delay: How long to wait before each.
        retry_on: The exceptions that are worth a further attempt; all unless given.
        timeout: How long an attempt may take: seconds, or a timedelta.
        trigger: When it may run; see `millstream.v1.triggers`.
        skip_on_upstream_skip: Whether it is skipped if a task before it was; true unless given.
        cache_for: How long its result is used again.
        cache_validator: What the result depends on beside the time; see `millstream.v1.engine.cache_validators`.
        cache_key: Tasks with the same key share results; of each task of each flow on its own unless given.
        state_handlers: Called with the task, the old state and the new one, which they may replace.
        on_failure: Called with the task and the state after each failure.
        log_stdout: Whether what it prints is logged.
        task_run_name: What to call a run: a text with arguments and facts in braces, or a function of them.
        nout: How many results it gives, so that `a, b = task()` works.
    """

    name: str | None
    slug: str | None
    tags: Iterable[str] | None
    max_retries: int | None
    retry_delay: timedelta | None
    retry_on: type[Exception] | Iterable[type[Exception]] | None
    timeout: float | timedelta | None
    trigger: Trigger | None
    skip_on_upstream_skip: bool
    cache_for: timedelta | None
    cache_validator: CacheValidator | None
    cache_key: str | None
    state_handlers: list[Handler] | None
    on_failure: Callable[[Task, State], Any] | None
    log_stdout: bool
    task_run_name: str | Callable[..., str] | None
    nout: int | None


def check_task_options(given: Mapping[str, Any], owner: str) -> None:
    """Refuse options that there are not, and values that they cannot have.

    Raises:
        TypeError: An option does not exist, or has a value of a wrong type.
        ValueError: An option goes against another one, or has a wrong value.
    """
    check_options(given, TaskOptions.__optional_keys__, TASK_OPTIONS, owner)
    for option in ("name", "slug", "cache_key"):
        check_kind(option, given.get(option), str, "a text")
    for option in ("skip_on_upstream_skip", "log_stdout"):
        check_kind(option, given.get(option), bool, "True or False")
    for option in ("retry_delay", "cache_for"):
        check_kind(option, given.get(option), timedelta, "a timedelta, such as timedelta(minutes=1)")
    check_kind(
        "timeout", given.get("timeout"), (int, float, timedelta), "a number of seconds, or a timedelta"
    )
    check_kind("cache_validator", given.get("cache_validator"), CacheValidator, _VALIDATORS)
    for option in ("max_retries", "nout"):
        check_kind(option, given.get(option), int, "a whole number")
    _check_functions(given)
    _check_retries(given)
    _check_timeout(given.get("timeout"))
    if given.get("cache_for") is None and (given.get("cache_validator") or given.get("cache_key")):
        raise ValueError("cache_validator and cache_key go with cache_for, such as timedelta(hours=1).")


_VALIDATORS = "one of millstream.v1.engine.cache_validators, such as all_inputs"


def _check_functions(given: Mapping[str, Any]) -> None:
    for option in ("trigger", "on_failure"):
        if given.get(option) is not None and not callable(given[option]):
            raise TypeError(f"{option} is a function, and got {given[option]!r}.")
    check_handlers(given.get("state_handlers"))
    check_kind("tags", given.get("tags"), (list, tuple, set, frozenset), "a list of texts")
    name = given.get("task_run_name")
    if name is not None and not isinstance(name, str) and not callable(name):
        raise TypeError(f"task_run_name is a text or a function, and got {name!r}.")


def check_handlers(handlers: object) -> None:
    """Refuse what is no list of functions.

    Raises:
        TypeError: It is none.
    """
    if handlers is None:
        return
    if not isinstance(handlers, list | tuple) or not all(callable(handler) for handler in handlers):
        raise TypeError(
            f"state_handlers is a list of functions (task or flow, old, new), and got {handlers!r}."
        )


def _check_retries(given: Mapping[str, Any]) -> None:
    retries, delay = given.get("max_retries"), given.get("retry_delay")
    if (retries or 0) < 0:
        raise ValueError(f"max_retries is a whole number from 0 on, and got {retries!r}.")
    if retries and delay is None:
        raise ValueError("max_retries goes with a retry_delay, such as timedelta(seconds=10).")
    if not retries and (delay is not None or given.get("retry_on") is not None):
        raise ValueError("retry_delay and retry_on go with max_retries, a whole number above 0.")
    if delay is not None and delay < timedelta():
        raise ValueError(f"retry_delay cannot be negative: {delay!r}.")
    exceptions_of(given.get("retry_on"))


def _check_timeout(timeout: float | timedelta | None) -> None:
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if seconds is not None and not seconds > 0:
        raise ValueError(f"timeout is above 0, and got {timeout!r}.")


def exceptions_of(option: Any) -> tuple[type[Exception], ...] | None:
    """The classes of `retry_on`.

    Raises:
        TypeError: It is something else.
    """
    if option is None:
        return None
    classes = tuple(option) if isinstance(option, list | tuple | set | frozenset) else (option,)
    if not all(isinstance(one, type) and issubclass(one, Exception) for one in classes):
        raise TypeError(f"retry_on is an exception class, or a list of them, and got {option!r}.")
    return classes


def after_failure(fn: Callable[[Any, Any], Any]) -> Handler:
    """The handler that calls the function of `on_failure`.

    Raises:
        TypeError: It is no function.
    """
    if not callable(fn):
        raise TypeError(f"on_failure is a function (task or flow, state), and got {fn!r}.")

    def handler(owner: Any, _: Any, new: Any) -> None:
        if new.is_failed():
            fn(owner, new)

    return handler
