"""What templates see of a run: copies of its facts, from which nothing else can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from millstream._secrets import MASK, remember
from millstream.exceptions import ParameterBindError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from millstream._engine.flow_runs import FlowRun
    from millstream._engine.runs import Run
    from millstream.states import State

_DEEPEST = 6
_MOST = 100
_LONGEST = 10_000
_PLAIN = (bool, int, float, type(None))
_HAVE_TEXTS = {"datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid"}


@dataclass(frozen=True)
class FlowView:
    """A flow."""

    name: str
    version: str | None
    description: str | None


@dataclass(frozen=True)
class FlowRunView:
    """A run of a flow."""

    id: str
    name: str
    tags: tuple[str, ...]
    parameters: Mapping[str, Any]
    start_time: datetime
    expected_start_time: datetime
    run_count: int
    state_name: str
    state_type: str


@dataclass(frozen=True)
class DeploymentView:
    """The deployment that the flow run is of."""

    name: str | None


@dataclass(frozen=True)
class TaskView:
    """A task."""

    name: str
    version: str | None
    description: str | None


@dataclass(frozen=True)
class TaskRunView:
    """A run of a task."""

    id: str
    name: str
    tags: tuple[str, ...]
    parameters: Mapping[str, Any]
    start_time: datetime
    run_count: int
    state_name: str
    state_type: str


@dataclass(frozen=True)
class StateView:
    """A state."""

    type: str
    name: str
    message: str
    timestamp: datetime


def views(run: Run, state: State[Any]) -> dict[str, Any]:
    """What a template may name, for a run that enters a state."""
    flow_run = run.flow_run
    parameters = _parameters(run)
    seen: dict[str, Any] = {
        "state": StateView(state.type.value, state.name, _shortened(state.message or ""), state.timestamp),
        "parameters": parameters,
    }
    if run is not flow_run:
        task = run.definition
        seen["task"] = TaskView(task.name, task.version, task.description)
        seen["task_run"] = TaskRunView(
            id=run.id,
            name=run.name,
            tags=tuple(sorted(run.tags)),  # type: ignore[attr-defined] # both kinds of runs have them
            parameters=parameters,
            start_time=run.start_time,
            run_count=run.run_count,
            state_name=state.name,
            state_type=state.type.value,
        )
    if flow_run is not None:
        seen |= _flow_views(flow_run, state if run is flow_run else flow_run.state)
    return seen


def _flow_views(run: FlowRun, state: State[Any]) -> dict[str, Any]:
    flow = run.flow
    return {
        "flow": FlowView(flow.name, flow.version, flow.description),
        "flow_run": FlowRunView(
            id=run.id,
            name=run.name,
            tags=tuple(sorted(run.tags)),
            parameters=_parameters(run),
            start_time=run.start_time,
            expected_start_time=run.scheduled_start_time or run.start_time,
            run_count=run.run_count,
            state_name=state.name,
            state_type=state.type.value,
        ),
        "deployment": DeploymentView(run.deployment),
    }


def _parameters(run: Any) -> dict[str, Any]:
    try:
        return {name: plain(value) for name, value in run.parameters.items()}
    except ParameterBindError:  # it is the call that was wrong
        return {}


def plain(value: Any, depth: int = 0) -> Any:
    """A copy that has nothing but texts, numbers, lists and mappings of them; of what is secret, a mask."""
    if hasattr(type(value), "get_secret_value"):
        remember(value.get_secret_value())  # the state's message may have it
        return MASK
    if isinstance(value, Enum):
        value = value.value
    if type(value) in _PLAIN:
        return value
    return _text_of(value) if depth >= _DEEPEST else _copy(value, depth + 1)


def _copy(value: Any, depth: int) -> Any:
    if isinstance(fields := getattr(type(value), "model_fields", None), dict):
        value = {name: getattr(value, name, None) for name in fields}
    if isinstance(value, dict):
        return {str(plain(key, _DEEPEST)): plain(item, depth) for key, item in list(value.items())[:_MOST]}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth) for item in list(value)[:_MOST]]
    return _text_of(value)


def _text_of(value: Any) -> str:
    """A text for what is none, without calling code of the user's."""
    if isinstance(value, str):
        return _shortened(str.__str__(value))
    if type(value).__module__.partition(".")[0] in _HAVE_TEXTS:
        return _shortened(str(value))
    return f"<{type(value).__name__}>"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
