"""What the result of a task with `cache_for` depends on beside its time.

Each makes what becomes part of the key under which the result is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from millstream.v1._missing import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "CacheValidator",
    "all_inputs",
    "all_parameters",
    "duration_only",
    "partial_inputs_only",
    "partial_parameters_only",
]


class CacheValidator:
    """Made by the functions here; a function of one's own has no key, so it cannot be one."""

    def __init__(self, part: Callable[[Mapping[str, Any], Mapping[str, Any]], object]) -> None:
        self.part = part


def partial_inputs_only(validate_on: Iterable[str] | None = None) -> CacheValidator:
    """The result depends on these arguments; on all unless given."""
    names = None if validate_on is None else frozenset(validate_on)
    return CacheValidator(lambda inputs, _: _only(inputs, names))


def partial_parameters_only(validate_on: Iterable[str] | None = None) -> CacheValidator:
    """The result depends on these Parameters of the flow; on all unless given."""
    names = None if validate_on is None else frozenset(validate_on)
    return CacheValidator(lambda _, parameters: _only(parameters, names))


def _only(values: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    return {name: value for name, value in sorted(values.items()) if names is None or name in names}


duration_only = CacheValidator(lambda _inputs, _parameters: None)
"""The result depends on nothing: any run within the time uses it again. As it is where no validator is given."""

all_inputs = partial_inputs_only()
"""The result depends on the task's arguments."""

all_parameters = partial_parameters_only()
"""The result depends on the flow's Parameters."""


def __getattr__(name: str) -> NoReturn:
    raise missing(__name__, name)
