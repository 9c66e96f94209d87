"""Looking for runs by what users say of them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import click

from millstream.client.schemas import filters
from millstream.client.schemas.sorting import FlowRunSort, TaskRunSort
from millstream.exceptions import ObjectNotFound
from millstream.states import FINAL_STATE_TYPES, StateType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from millstream.client._sync import SyncMillstreamClient
    from millstream.client.schemas.objects import Artifact, FlowRun, TaskRun
    from millstream.states import State

_MOST_TO_NAME = 5
_SEVERAL = {
    "live": [kind for kind in StateType if kind not in FINAL_STATE_TYPES],
    "final": [kind for kind in StateType if kind in FINAL_STATE_TYPES],
    "unsuccessful": [StateType.FAILED, StateType.CRASHED],
}
"""The words of `millstream run ls`."""
_NAMES = ("TimedOut", "AwaitingRetry")
"""Those that Millstream itself gives; a flow may give its state any other."""


class Details(NamedTuple):
    """All that is known of a run.

    Attributes:
        run: The run.
        states: The states that it was in.
        task_runs: Its task runs, in the order in which they began; the last one goes too far if `is_cut`.
        is_cut: Whether there are more task runs.
        artifacts: Its artifacts.
    """

    run: FlowRun
    states: list[State[Any]]
    task_runs: list[TaskRun]
    is_cut: bool
    artifacts: list[Artifact]


class Wanted(TypedDict):
    """The filters of a client."""

    flow_filter: filters.FlowFilter | None
    flow_run_filter: filters.FlowRunFilter


def chosen(
    *,
    states: Iterable[str] = (),
    flows: Iterable[str] = (),
    tags: Iterable[str] = (),
    since: datetime | None = None,
    pattern: str | None = None,
) -> Wanted:
    """The filters for what users say of runs.

    Args:
        states: Types of states in capitals or not, words for several of them, or names of states.
        flows: Names of flows.
        tags: Tags that a run has to have.
        since: When it has begun at the earliest.
        pattern: As the shell's, for its name. What the filter lets through may have another one: see `called`.
    """
    wanted: dict[str, Any] = {}
    if states := list(states):
        wanted["state"] = _in_states(states)
    if tags := list(tags):
        wanted["tags"] = filters.FlowRunFilterTags(all_=tags)
    if since is not None:
        wanted["start_time"] = filters.FlowRunFilterStartTime(after_=since)
    if pattern and (text := max(re.split(r"\[.*?\]|[*?\[]", pattern), key=len)):
        wanted["name"] = filters.FlowRunFilterName(like_=text)
    flows = list(flows)
    return Wanted(
        flow_filter=filters.FlowFilter(name=filters.FlowFilterName(any_=flows)) if flows else None,
        flow_run_filter=filters.FlowRunFilter(**wanted),
    )


def _in_states(states: list[str]) -> filters.FlowRunFilterState:
    kinds = {kind.value.lower(): [kind] for kind in StateType} | _SEVERAL
    own = {name.lower(): name for name in _NAMES}
    types = [kind for state in states for kind in kinds.get(state.lower(), ())]
    names = [own.get(state.lower(), state) for state in states if state.lower() not in kinds]
    return filters.FlowRunFilterState(
        operator=filters.Operator.or_,
        type=filters.FlowRunFilterStateType(any_=types) if types else None,
        name=filters.FlowRunFilterStateName(any_=names) if names else None,
    )


def check_states(client: SyncMillstreamClient, states: Iterable[str]) -> None:
    """Refuse words that stand for no state.

    Raises:
        click.UsageError: It is none of ours, and no run has such a state.
    """
    ours = [*_SEVERAL, *(kind.value.capitalize() for kind in StateType), *_NAMES]
    for state in states:
        if state.lower() in map(str.lower, ours):
            continue
        if not client.read_flow_runs(limit=1, **chosen(states=[state])):
            raise click.UsageError(f"No run has a state {state!r}: write one of {', '.join(ours)}.")


def called(
    client: SyncMillstreamClient,
    pattern: str | None,
    *,
    limit: int,
    sort: FlowRunSort,
    flow_filter: filters.FlowFilter | None,
    flow_run_filter: filters.FlowRunFilter,
) -> list[FlowRun]:
    """The first runs of an order that pass the filters, and whose names fit the pattern."""
    runs = client.read_flow_runs(
        flow_filter=flow_filter,
        flow_run_filter=flow_run_filter,
        sort=sort,
        limit=limit if pattern is None else None,
    )
    return [run for run in runs if pattern is None or fnmatchcase(run.name, pattern)][:limit]


def find(client: SyncMillstreamClient, named: str) -> FlowRun:
    """The run of that id, or the latest of that name, or the only one whose id or name begins so.

    Raises:
        ObjectNotFound: There is none.
        click.UsageError: There are several.
    """
    exact = filters.FlowRunFilter(
        operator=filters.Operator.or_,
        id=filters.FlowRunFilterId(any_=[named]),
        name=filters.FlowRunFilterName(any_=[named]),
    )
    latest = FlowRunSort.START_TIME_DESC
    if found := client.read_flow_runs(flow_run_filter=exact, sort=latest, limit=1):
        return found[0]
    runs = client.read_flow_runs(sort=latest)
    found = [run for run in runs if named and (run.id.startswith(named) or run.name.startswith(named))]
    if not found:
        raise ObjectNotFound(f"There is no run {named!r} in the history.")
    if len(found) > 1:
        names = ", ".join(f"{run.name} ({run.id})" for run in found[:_MOST_TO_NAME])
        raise click.UsageError(f"{len(found)} runs begin with {named!r}, the latest ones: {names}.")
    return found[0]


def latest(client: SyncMillstreamClient) -> FlowRun:
    """The run that began last.

    Raises:
        ObjectNotFound: There are none.
    """
    if not (runs := client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)):
        raise ObjectNotFound("There are no runs in the history.")
    return runs[0]


def details(client: SyncMillstreamClient, run: FlowRun, *, most_task_runs: int) -> Details:
    """All that is known of a run."""
    of_run = filters.FlowRunFilter(id=filters.FlowRunFilterId(any_=[run.id]))
    task_runs = client.read_task_runs(
        flow_run_filter=of_run, sort=TaskRunSort.START_TIME_ASC, limit=most_task_runs + 1
    )
    return Details(
        run,
        client.read_flow_run_states(run.id),
        task_runs[:most_task_runs],
        len(task_runs) > most_task_runs,
        client.read_artifacts(flow_run_filter=of_run),
    )
