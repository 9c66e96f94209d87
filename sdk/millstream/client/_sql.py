"""Filters and orders as SQL. All texts in it are of this package; what users give are parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.client.schemas import filters
from millstream.client.schemas.filters import Operator

if TYPE_CHECKING:
    from datetime import datetime

    from millstream.client._query import Query

_STARTED = "coalesce(flow_runs.start_time, flow_runs.expected_start_time)"
_COLUMNS: dict[type[filters.Filter], dict[str, str]] = {
    filters.FlowRunFilter: {
        "id": "flow_runs.id",
        "name": "flow_runs.name",
        "tags": "flow_runs.tags",
        "state": "flow_runs",
        "flow_version": "flow_runs.flow_version",
        "start_time": _STARTED,
        "end_time": "flow_runs.end_time",
        "expected_start_time": "flow_runs.expected_start_time",
        "parent_flow_run_id": "flow_runs.parent_flow_run_id",
        "parent_task_run_id": "flow_runs.parent_task_run_id",
    },
    filters.FlowFilter: {"id": "flow_id(flow_runs.flow_name)", "name": "flow_runs.flow_name"},
    # The history knows of deployments what runs say of them.
    filters.DeploymentFilter: {"id": "NULL", "name": "flow_runs.deployment_name", "tags": "'[]'"},
    filters.TaskRunFilter: {
        "id": "task_runs.id",
        "name": "task_runs.name",
        "tags": "task_runs.tags",
        "state": "task_runs",
        "start_time": "task_runs.start_time",
        "end_time": "task_runs.end_time",
        "flow_run_id": "task_runs.flow_run_id",
    },
    filters.ArtifactFilter: {
        name: f"artifacts.{name}" for name in ("id", "key", "type", "flow_run_id", "task_run_id")
    },
}
"""The column, or for states the table, of each field."""


class Condition(NamedTuple):
    """A condition in SQL, and its parameters."""

    text: str
    parameters: list[Any]


def condition(query: Query) -> Condition:
    """What has to hold for the rows of all that a query has filters for, joined."""
    return _all_of(query.flow, query.flow_run, query.deployment, query.task_run, query.artifact)


def flow_runs_condition(query: Query) -> Condition:
    """What has to hold for a flow run, and for one of its task runs."""
    of_run = _all_of(query.flow, query.flow_run, query.deployment)
    if query.task_run is None:
        return of_run
    wanted = _of_object(query.task_run)
    exists = f"EXISTS (SELECT 1 FROM task_runs WHERE task_runs.flow_run_id = flow_runs.id AND {wanted.text})"
    return _joined([of_run, Condition(exists, wanted.parameters)], Operator.and_)


def order(sort: str, table: str) -> str:
    """An order in SQL; what is equal by it comes as it began."""
    by, _, direction = sort.rpartition("_")
    column = _STARTED if (by, table) == ("START_TIME", "flow_runs") else f"{table}.{by.lower()}"
    return f"{column} {direction} NULLS LAST, {table}.id {direction}"


def _all_of(*chosen: filters.Filter | None) -> Condition:
    return _joined([_of_object(one) for one in chosen if one is not None], Operator.and_)


def _joined(conditions: list[Condition], operator: Operator) -> Condition:
    if not conditions:
        return Condition("true", [])
    word = " AND " if operator is Operator.and_ else " OR "
    return Condition(
        f"({word.join(one.text for one in conditions)})",
        [parameter for one in conditions for parameter in one.parameters],
    )


def _of_object(chosen: filters.Filter) -> Condition:
    conditions = []
    for field, column in _COLUMNS[type(chosen)].items():
        wanted = getattr(chosen, field)
        if wanted is not None:
            conditions.append(_of_state(wanted, column) if field == "state" else _of_column(wanted, column))
    return _joined(conditions, chosen.operator)  # type: ignore[attr-defined] # all of them have one


def _of_state(wanted: filters.FlowRunFilterState | filters.TaskRunFilterState, table: str) -> Condition:
    parts = {"state_type": wanted.type, "state_name": wanted.name}
    conditions = [_of_column(part, f"{table}.{column}") for column, part in parts.items() if part is not None]
    return _joined(conditions, wanted.operator)


def _of_column(wanted: filters.Filter, column: str) -> Condition:
    """All the conditions of one field, which always have to hold together."""
    tests = _TAGS if isinstance(wanted, filters.Tags) else _TESTS
    conditions = []
    for name in type(wanted).model_fields:
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(tests[name](column, value))
    return _joined(conditions, Operator.and_)


def _among(column: str, values: list[Any]) -> Condition:
    return Condition(f"{column} IN (SELECT value FROM json_each(?))", [_listed(values)])


def _listed(values: list[Any]) -> str:
    """One parameter for any number of them."""
    return json.dumps([str(value).encode("utf-8", "replace").decode() for value in values])


def _not_among(column: str, values: list[Any]) -> Condition:
    among = _among(column, values)
    return Condition(f"({column} IS NULL OR NOT {among.text})", among.parameters)


def _like(column: str, text: str) -> Condition:
    # casefold() is a function of ours: SQLite knows capitals of English only.
    return Condition(
        f"casefold({column}) LIKE ?", [f"%{text.casefold()}%".encode("utf-8", "replace").decode()]
    )


def _is_null(column: str, wanted: bool) -> Condition:  # noqa: FBT001 - a filter's value
    return Condition(f"{column} IS {'' if wanted else 'NOT '}NULL", [])


def _before(column: str, moment: datetime) -> Condition:
    return Condition(f"{column} <= ?", [moment.timestamp()])


def _after(column: str, moment: datetime) -> Condition:
    return Condition(f"{column} >= ?", [moment.timestamp()])


def _tags_all(column: str, tags: list[str]) -> Condition:
    missing = f"SELECT value FROM json_each(?) EXCEPT SELECT value FROM json_each({column})"
    return Condition(f"NOT EXISTS ({missing})", [_listed(tags)])


def _tags_any(column: str, tags: list[str]) -> Condition:
    among = _among("value", tags)
    return Condition(f"EXISTS (SELECT 1 FROM json_each({column}) WHERE {among.text})", among.parameters)


def _no_tags(column: str, wanted: bool) -> Condition:  # noqa: FBT001
    return Condition(f"{column} {'=' if wanted else '<>'} '[]'", [])


_TESTS: dict[str, Any] = {
    "any_": _among,
    "not_any_": _not_among,
    "like_": _like,
    "is_null_": _is_null,
    "exists_": lambda column, wanted: _is_null(column, not wanted),
    "before_": _before,
    "after_": _after,
}
_TAGS: dict[str, Any] = {"all_": _tags_all, "any_": _tags_any, "is_null_": _no_tags}
