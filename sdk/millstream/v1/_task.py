"""Tasks of the declarative style: nodes of a graph, which run when the flow does."""

from __future__ import annotations

import copy
import inspect
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from millstream._callables import is_async
from millstream.logging import get_logger
from millstream.v1 import _building
from millstream.v1._context import context
from millstream.v1._operators import Operators
from millstream.v1._task_options import TaskOptions, after_failure, check_task_options, exceptions_of
from millstream.v1.triggers import all_successful

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from millstream.v1._flow_graph import FlowGraph

_RESERVED = frozenset({"flow", "mapped", "task_args", "upstream_tasks"})


class Task(Operators):
    """A step of a flow. Subclasses have a method `run`; the arguments of a call are those of it.

    Calling a task in a block `with Flow(...):` adds a copy of it to the flow, and gives that: it stands for the result.

    Attributes:
        name: What the task is called.
        tags: Free text.
        begins: Whether it waits for nothing, not even for the branch in whose block it is.
    """

    begins: ClassVar[bool] = False

    def __init__(self, **options: Unpack[TaskOptions]) -> None:
        check_task_options(options, f"Task {type(self).__name__!r}")
        self._options: dict[str, Any] = {}
        self._original: Task | None = None
        self.name: str = type(self).__name__
        self.tags: frozenset[str] = _building.current_tags.get()
        self._set({option: value for option, value in options.items() if value is not None})
        self._check_run()
        made = _building.made.get()
        if made is not None:
            made.append(self)

    def _set(self, options: Mapping[str, Any]) -> None:
        given = self._options = {**self._options, **options}
        self.name = given.get("name", self.name)
        self.slug: str | None = given.get("slug")
        self.tags = self.tags.union(given.get("tags", ()))
        self.max_retries: int = given.get("max_retries", 0)
        self.retry_delay: timedelta | None = given.get("retry_delay")
        self.retry_on = exceptions_of(given.get("retry_on"))
        timeout = given.get("timeout")
        self.timeout: float | None = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        self.trigger = given.get("trigger", all_successful)
        self.skip_on_upstream_skip: bool = given.get("skip_on_upstream_skip", True)
        self.cache_for: timedelta | None = given.get("cache_for")
        self.cache_validator = given.get("cache_validator")
        self.cache_key: str | None = given.get("cache_key")
        self.state_handlers = list(given.get("state_handlers", ()))
        on_failure = given.get("on_failure")
        if on_failure is not None:
            self.state_handlers.append(after_failure(on_failure))
        self.log_stdout: bool = given.get("log_stdout", False)
        self.task_run_name = given.get("task_run_name")
        self.nout: int | None = given.get("nout")

    def _check_run(self) -> None:
        if is_async(self.run):
            raise TypeError(
                f"Task {self.name!r} is asynchronous: millstream.task and @flow are for such functions."
            )
        parameters = self.signature.parameters
        if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters.values()):
            raise ValueError(f"Task {self.name!r} takes *args: arguments of tasks have names, take **kwargs.")
        if any(parameter.kind is parameter.POSITIONAL_ONLY for parameter in parameters.values()):
            raise ValueError(
                f"Task {self.name!r} takes {self.signature}: arguments of tasks have names, drop the `/`."
            )
        reserved = sorted(_RESERVED.intersection(parameters))
        if reserved:
            raise ValueError(
                f"Task {self.name!r} has the argument {reserved[0]!r}, which means something else in calls of a task."
            )

    def run(self) -> Any:
        """What the task does. Subclasses have their own, with arguments."""

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger] | logging.Logger:
        """Where the task logs to while it runs."""
        found: logging.LoggerAdapter[logging.Logger] | None = context.get("logger")
        return get_logger("v1") if found is None else found

    @property
    def signature(self) -> inspect.Signature:
        """What `run` takes."""
        return inspect.signature(self.run)

    def copy(self, **task_args: Any) -> Task:
        """The same task as another node, with some options changed."""
        check_task_options({**self._options, **task_args}, f"Task {self.name!r}")
        other = copy.copy(self)
        other._original = None  # noqa: SLF001 - one of our own, and so below
        if task_args or other.slug:
            other._set({"slug": None, **task_args})  # noqa: SLF001
        other.tags = other.tags | _building.current_tags.get()
        made = _building.made.get()
        if made is not None:
            made.append(other)
        return other

    def __call__(
        self,
        *args: Any,
        mapped: bool = False,
        task_args: Mapping[str, Any] | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        flow: FlowGraph | None = None,
        **kwargs: Any,
    ) -> Task:
        """Add a copy of the task to the flow of the block.

        Args:
            args: What `run` takes; tasks stand for their results, also inside of lists and dictionaries.
            mapped: As `map`.
            task_args: Options of the copy.
            upstream_tasks: What must have ended before.
            flow: Another flow than that of the block.
            kwargs: As `args`.

        Raises:
            TypeError: `run` does not take these arguments.
            ValueError: There is no block.
        """
        try:
            flow = _building.flow_for(self, flow)
            arguments = self.arguments(args, kwargs)
        except (TypeError, ValueError) as error:
            raise error.with_traceback(None) from None  # where this package found out tells nobody anything
        made = self.copy(**(task_args or {}))
        made._original = self if self._original is None else self._original  # noqa: SLF001 - one of our own
        flow._bind(made, arguments, upstream_tasks, mapped=mapped)  # noqa: SLF001 - the other half of this
        return made

    def bind(
        self,
        *args: Any,
        mapped: bool = False,
        upstream_tasks: Iterable[Any] | None = None,
        flow: FlowGraph | None = None,
        **kwargs: Any,
    ) -> Task:
        """Add the task itself to the flow; see `__call__`."""
        flow = _building.flow_for(self, flow)
        flow._bind(self, self.arguments(args, kwargs), upstream_tasks, mapped=mapped)  # noqa: SLF001
        return self

    def map(
        self,
        *args: Any,
        upstream_tasks: Iterable[Any] | None = None,
        flow: FlowGraph | None = None,
        task_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Task:
        """Add a copy that runs once for each item of its arguments; what is `unmapped` is the same for all."""
        return self(
            *args, mapped=True, upstream_tasks=upstream_tasks, flow=flow, task_args=task_args, **kwargs
        )

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call by name.

        Raises:
            TypeError: `run` does not take these.
        """
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"Task {self.name!r} takes {self.signature}: {error}.") from None
        arguments = dict(bound.arguments)
        for parameter in self.signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                arguments |= arguments.pop(parameter.name, {})
        return arguments

    def set_dependencies(
        self,
        flow: FlowGraph | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Any] | None = None,
        keyword_tasks: Mapping[str, Any] | None = None,
        mapped: bool = False,  # noqa: FBT001, FBT002 - as in Prefect, and so below
    ) -> Task:
        """Say what comes before and after the task, and where its arguments come from."""
        _building.flow_for(self, flow).set_dependencies(
            self, upstream_tasks, downstream_tasks, keyword_tasks, mapped=mapped
        )
        return self

    def set_upstream(
        self,
        task: Any,
        flow: FlowGraph | None = None,
        key: str | None = None,
        mapped: bool = False,  # noqa: FBT001, FBT002
    ) -> Task:
        """Have the task wait for another one, and take its result as the argument `key` if one is named."""
        before, arguments = ([task], None) if key is None else (None, {key: task})
        return self.set_dependencies(flow, before, keyword_tasks=arguments, mapped=mapped)

    def set_downstream(
        self,
        task: Task,
        flow: FlowGraph | None = None,
        key: str | None = None,
        mapped: bool = False,  # noqa: FBT001, FBT002
    ) -> Task:
        """Have another task wait for this one."""
        task.set_upstream(self, flow, key, mapped)
        return self

    def pipe(self, task: Task, **kwargs: Any) -> Task:
        """Call another task with this one as its first argument."""
        return task(self, **kwargs)

    def __or__(self, other: Task) -> Task:
        """`a | b`: b waits for a."""
        self.set_downstream(other)
        return other

    def __getitem__(self, key: Any) -> Task:
        shown = key.name if isinstance(key, Task) else repr(key)
        return GetItem(name=f"{self.name}[{shown}]").bind(self, key)

    def __iter__(self) -> Iterator[Task]:
        if self.nout is None:
            raise TypeError(
                f"Task {self.name!r} cannot be taken apart before it has run: say how many results it gives, as in "
                "@task(nout=2)."
            )
        return (self[number] for number in range(self.nout))

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"Task {self.name!r} is neither true nor false before it has run: use `with case(task, True):`."
        )

    def _operation(self, name: str, fn: Callable[[Any, Any], Any], left: Any, right: Any) -> Task:
        return Operation(fn, name=name).bind(left, right)

    def __getattr__(self, name: str) -> NoReturn:
        if name == "_options":
            raise AttributeError(
                f"{type(self).__name__}.__init__ has to call super().__init__(**options) first."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<Task: {self.name}>"


class GetItem(Task):
    """An item of a result."""

    def run(self, value: Any, key: Any) -> Any:  # type: ignore[override] # each task takes its own
        """Take it."""
        return value[key]


class Operation(Task):
    """An operator and what stands on its two sides."""

    def __init__(self, fn: Callable[[Any, Any], Any], **options: Unpack[TaskOptions]) -> None:
        self._fn = fn
        super().__init__(**options)

    def run(self, left: Any, right: Any) -> Any:  # type: ignore[override] # as above
        """Compute it."""
        return self._fn(left, right)
