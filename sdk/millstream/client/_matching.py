"""Filters, orders and pages of objects, with the same answers as `_sql` gives for rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from heapq import nlargest, nsmallest
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from millstream.client.schemas import filters
from millstream.client.schemas.filters import Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from millstream.client._query import Query
    from millstream.client.schemas.objects import Deployment, FlowRun

T = TypeVar("T")
Facts = Mapping[str, Any]
"""What an object has, by the field of a filter."""


class DeploymentFacts(NamedTuple):
    """What is known of a run's deployment; it may be gone.

    Attributes:
        id: Its id.
        name: Its name.
        tags: Its tags.
    """

    id: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()


def fits(query: Query, run: FlowRun, deployment: DeploymentFacts) -> bool:
    """Whether a flow run is looked for."""
    return (
        _holds(query.flow_run, _run_facts(run))
        and _holds(query.deployment, deployment._asdict())
        and _holds(query.flow, {"id": run.flow_id, "name": run.flow_name})
    )


def deployment_fits(query: Query, found: Deployment) -> bool:
    """Whether a deployment is looked for, whatever its runs are."""
    facts = {"id": found.id, "name": found.name, "tags": found.tags}
    return _holds(query.deployment, facts) and _holds(
        query.flow, {"id": found.flow_id, "name": found.flow_name}
    )


def page(query: Query, found: Iterable[T], tie: str = "id") -> list[T]:
    """The part that is asked for, in its order: what has no value comes last, and what is equal by its `tie`."""
    by, _, direction = query.sort.rpartition("_")
    downwards = direction == "DESC"

    def key(one: T) -> tuple[bool, Any, Any]:
        value = _value(one, by.lower())
        return (value is None) is not downwards, value, getattr(one, tie)

    if query.limit is None:
        return sorted(found, key=key, reverse=downwards)[query.offset :]
    first = nlargest if downwards else nsmallest  # which keep no more than they give
    return first(query.offset + query.limit, found, key=key)[query.offset :]


def _value(one: Any, by: str) -> Any:
    value = getattr(one, by)
    if value is None and by == "start_time" and hasattr(one, "expected_start_time"):
        return one.expected_start_time
    return value


def _run_facts(run: FlowRun) -> Facts:
    return {
        "id": run.id,
        "name": run.name,
        "tags": run.tags,
        "state": {"type": run.state_type, "name": run.state_name},
        "flow_version": run.flow_version,
        "start_time": _value(run, "start_time"),
        "end_time": run.end_time,
        "expected_start_time": run.expected_start_time,
        "parent_flow_run_id": run.parent_flow_run_id,
        "parent_task_run_id": run.parent_task_run_id,
    }


def _holds(wanted: filters.Filter | None, facts: Facts) -> bool:
    if wanted is None:
        return True
    holds = [
        _field_holds(condition, value)
        for field, value in facts.items()
        if (condition := getattr(wanted, field)) is not None
    ]
    either = wanted.operator is Operator.or_  # type: ignore[attr-defined] # all of them have one
    return not holds or (any(holds) if either else all(holds))


def _field_holds(wanted: filters.Filter, value: Any) -> bool:
    """Whether all the conditions of one field hold, which always have to hold together."""
    if isinstance(value, Mapping):
        return _holds(wanted, value)
    tests = _TAGS if isinstance(wanted, filters.Tags) else _TESTS
    return all(
        tests[name](value, condition)
        for name in type(wanted).model_fields
        if (condition := getattr(wanted, name)) is not None
    )


@lru_cache(maxsize=128)
def _pattern(text: str) -> re.Pattern[str]:
    """The expression of a text with `%` and `_`, which finds each part where it comes first and never looks back."""
    parts = ("".join("." if c == "_" else re.escape(c) for c in part) for part in text.casefold().split("%"))
    return re.compile("".join(f"(?>.*?{part})" for part in parts), re.DOTALL)


def _like(value: str | None, text: str) -> bool:
    return value is not None and _pattern(text).match(value.casefold()) is not None


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "any_": lambda value, values: value is not None and value in values,
    "not_any_": lambda value, values: value is None or value not in values,
    "like_": _like,
    "is_null_": lambda value, wanted: (value is None) is wanted,
    "exists_": lambda value, wanted: (value is not None) is wanted,
    "before_": lambda value, moment: value is not None and value <= moment,
    "after_": lambda value, moment: value is not None and value >= moment,
}
_TAGS: dict[str, Callable[[Any, Any], bool]] = {
    "all_": lambda tags, wanted: set(wanted) <= set(tags),
    "any_": lambda tags, wanted: not set(wanted).isdisjoint(tags),
    "is_null_": lambda tags, wanted: (not tags) is wanted,
}
