"""What decides whether a task's result of before may be used again: how the key is made under which it is kept.

Policies are added, `INPUTS + TASK_SOURCE`, and inputs are taken out by their names, `INPUTS - "session"`.
Tasks whose keys are the same share their results: with `INPUTS` alone, all that are called with the same arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._hashing import hash_of, source_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from millstream._engine.contexts import TaskRunContext
    from millstream.transactions import IsolationLevel

__all__ = [
    "DEFAULT",
    "FLOW_PARAMETERS",
    "INPUTS",
    "NONE",
    "NO_CACHE",
    "RUN_ID",
    "TASK_SOURCE",
    "CacheKeyFnPolicy",
    "CachePolicy",
    "CompoundCachePolicy",
    "FlowParameters",
    "Inputs",
    "RunId",
    "TaskSource",
]


class CachePolicy:
    """Makes the key of a task run.

    Attributes:
        key_storage: Where results are kept; as the task says unless given.
        isolation_level: Whether two runs of the same key may compute it at the same time; they wait unless given.
    """

    key_storage: Any = None
    isolation_level: IsolationLevel | None = None

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """The key; None if the result is not to be kept.

        Args:
            task_ctx: The task run.
            inputs: Its arguments by parameter.
            flow_parameters: Those of the flow run around it.

        Raises:
            HashError: Something that the key is made of cannot be hashed.
        """
        raise NotImplementedError

    def configure(
        self, *, key_storage: Any = None, isolation_level: IsolationLevel | str | None = None
    ) -> Self:
        """The same policy with another storage, or another way to deal with runs at the same time."""
        import copy  # noqa: PLC0415 - at definitions only

        from millstream.transactions import IsolationLevel  # noqa: PLC0415 - at definitions only

        changed = copy.copy(self)
        if key_storage is not None:
            from millstream.results import check_storage_option  # noqa: PLC0415 - slow

            check_storage_option("key_storage", key_storage)
            changed.key_storage = key_storage
        if isolation_level is not None:
            changed.isolation_level = IsolationLevel(isolation_level)
        return changed

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: Callable[..., str | None]) -> CacheKeyFnPolicy:
        """A policy whose key a function makes from the task run's context and its arguments."""
        return CacheKeyFnPolicy(cache_key_fn)

    def __add__(self, other: CachePolicy) -> CachePolicy:
        if not isinstance(other, CachePolicy):
            return NotImplemented
        if isinstance(other, _NoCache):
            return self
        parts = [part for policy in (self, other) for part in _parts(policy)]
        return CompoundCachePolicy(parts).configure(
            key_storage=_common("key_storage", self.key_storage, other.key_storage),
            isolation_level=_common("isolation_level", self.isolation_level, other.isolation_level),
        )

    def __sub__(self, name: str) -> CachePolicy:
        return self + Inputs([_checked(name)])


def _common(option: str, one: Any, other: Any) -> Any:
    if one is not None and other is not None and one != other:
        raise ValueError(
            f"Cache policies with a different {option} cannot be added: {one!r} and {other!r}. Add them first, and then "
            f"configure({option}=...) the sum."
        )
    return other if one is None else one


def _checked(name: object) -> str:
    if isinstance(name, str):
        return name
    raise TypeError(f"An input is taken out of a cache policy by its name, and got {name!r}.")


def _parts(policy: CachePolicy) -> list[CachePolicy]:
    return policy.policies if isinstance(policy, CompoundCachePolicy) else [policy]


def excluded_inputs(policy: CachePolicy) -> list[str]:
    """Names of the arguments that do not count for the key."""
    return [name for part in _parts(policy) if isinstance(part, Inputs) for name in part.exclude]


class CacheKeyFnPolicy(CachePolicy):
    """The key is what a function gives."""

    def __init__(self, cache_key_fn: Callable[..., str | None]) -> None:
        self.cache_key_fn = cache_key_fn

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """What the function gives."""
        del flow_parameters
        return self.cache_key_fn(task_ctx, inputs)


class CompoundCachePolicy(CachePolicy):
    """The key is made of several."""

    def __init__(self, policies: list[CachePolicy]) -> None:
        self.policies = policies

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """One key of those of the parts; None if none has one."""
        keys = [policy.compute_key(task_ctx, inputs, flow_parameters) for policy in self.policies]
        given = [key for key in keys if key is not None]
        return hash_of(given, "the keys") if given else None

    def __sub__(self, name: str) -> CachePolicy:
        parts = [part - name if isinstance(part, Inputs) else part for part in self.policies]
        if not any(isinstance(part, Inputs) for part in parts):
            parts.append(Inputs([_checked(name)]))
        return CompoundCachePolicy(parts).configure(
            key_storage=self.key_storage, isolation_level=self.isolation_level
        )


class _NoCache(CachePolicy):
    """No key: results are not used again."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """No key."""
        del task_ctx, inputs, flow_parameters
        return None

    def __add__(self, other: CachePolicy) -> CachePolicy:
        return other

    def __sub__(self, name: str) -> CachePolicy:
        _checked(name)
        return self


class TaskSource(CachePolicy):
    """The key changes with the code of the task's function."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """A hash of the code."""
        del inputs, flow_parameters
        return hash_of(source_of(task_ctx.task.fn), "the source")


class FlowParameters(CachePolicy):
    """The key changes with the parameters of the flow run."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """A hash of the parameters; None outside of flows and where there are none."""
        del task_ctx, inputs
        return hash_of(flow_parameters, "the flow's parameters") if flow_parameters else None


class RunId(CachePolicy):
    """The key changes with each flow run; outside of flows, with each task run."""

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """The id of the run."""
        del inputs, flow_parameters
        run = task_ctx.task_run
        return run.id if run.flow_run is None else run.flow_run.id


class Inputs(CachePolicy):
    """The key changes with the arguments.

    Attributes:
        exclude: Names of those that do not count.
    """

    def __init__(self, exclude: list[str] | None = None) -> None:
        self.exclude = exclude or []

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any]
    ) -> str | None:
        """A hash of the arguments; None if there are none."""
        del task_ctx, flow_parameters
        counted = {name: value for name, value in sorted(inputs.items()) if name not in self.exclude}
        if not counted:
            return None
        return hash_of(
            [(name, hash_of(value, f"the argument {name!r}")) for name, value in counted.items()], ""
        )

    def __sub__(self, name: str) -> CachePolicy:
        return Inputs([*self.exclude, _checked(name)]).configure(
            key_storage=self.key_storage, isolation_level=self.isolation_level
        )


INPUTS = Inputs()
NONE = NO_CACHE = _NoCache()
TASK_SOURCE = TaskSource()
FLOW_PARAMETERS = FlowParameters()
RUN_ID = RunId()
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID
