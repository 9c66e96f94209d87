"""What templates see of a run: copies of its facts, from which nothing else can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any

from millstream._secrets import MASK, mask, remember
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
_MOST_ALTOGETHER = 20_000
_LONGEST_OF_THE_REST = 100
_PLAIN = (bool, int, float, type(None))
_HAVE_TEXTS = {"datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid"}


@dataclass(frozen=True)
class StateView:
    """A state."""

    type: str
    name: str
    message: str
    timestamp: datetime


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
    state: StateView
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
    state: StateView
    state_name: str
    state_type: str


def views(run: Run, state: State[Any]) -> dict[str, Any]:
    """What a template may name, for a run that enters a state.

    Texts are without secrets: those that a template has changed would not be known any more.
    """
    flow_run = run.flow_run
    parameters = _parameters(run)  # the message may have the secrets among them
    seen: dict[str, Any] = {"parameters": parameters}
    if flow_run is not None:
        of_the_flow = parameters if run is flow_run else _parameters(flow_run)
        seen |= _flow_views(flow_run, state if run is flow_run else flow_run.state, of_the_flow)
    if run is not flow_run:
        task = run.definition
        seen["task"] = TaskView(task.name, task.version, task.description)
        seen["task_run"] = TaskRunView(
            id=run.id,
            name=mask(run.name),
            tags=_tags(run),
            parameters=parameters,
            start_time=run.start_time,
            run_count=run.run_count,
            state=_state_view(state),
            state_name=mask(state.name),
            state_type=state.type.value,
        )
    return seen | {"state": _state_view(state)}


def _state_view(state: State[Any]) -> StateView:
    return StateView(state.type.value, mask(state.name), _told(state.message or ""), state.timestamp)


def _flow_views(run: FlowRun, state: State[Any], parameters: dict[str, Any]) -> dict[str, Any]:
    flow = run.flow
    return {
        "flow": FlowView(flow.name, flow.version, flow.description),
        "flow_run": FlowRunView(
            id=run.id,
            name=mask(run.name),
            tags=_tags(run),
            parameters=parameters,
            start_time=run.start_time,
            expected_start_time=run.scheduled_start_time or run.start_time,
            run_count=run.run_count,
            state=_state_view(state),
            state_name=mask(state.name),
            state_type=state.type.value,
        ),
        "deployment": DeploymentView(run.deployment),
    }


def _tags(run: Any) -> tuple[str, ...]:
    return tuple(mask(tag) for tag in sorted(run.tags))


def _parameters(run: Any) -> dict[str, Any]:
    try:
        return {name: plain(value) for name, value in run.parameters.items()}
    except ParameterBindError:  # it is the call that was wrong
        return {}


def plain(value: Any) -> Any:
    """A copy that has nothing but texts, numbers, lists and mappings of them; of what is secret, a mask."""
    return _Copy().of(value)


class _Copy:
    """Copies a value, as far as a text can have use for it: a run waits for this."""

    def __init__(self) -> None:
        self._left = _MOST_ALTOGETHER

    def of(self, value: Any, depth: int = 0) -> Any:
        """The copy of a value that stands so deep in another one."""
        self._left -= 1
        if hasattr(type(value), "get_secret_value"):
            remember(value.get_secret_value())  # the state's message may have it
            return MASK
        if isinstance(value, Enum):
            value = value.value
        if type(value) in _PLAIN:
            return value
        if depth >= _DEEPEST or self._left <= 0:
            return self._text_of(value)
        return self._opened(value, depth + 1)

    def _opened(self, value: Any, depth: int) -> Any:
        if isinstance(fields := getattr(type(value), "model_fields", None), dict):
            value = {name: getattr(value, name, None) for name in fields}
        if isinstance(value, dict):
            return {
                str(self.of(key, _DEEPEST)): self.of(item, depth)
                for key, item in islice(value.items(), _MOST)
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.of(item, depth) for item in islice(value, _MOST)]
        return self._text_of(value)

    def _text_of(self, value: Any) -> str:
        """A text for what is none, without calling code of the user's."""
        if isinstance(value, str):
            text = str.__str__(value)
        elif type(value).__module__.partition(".")[0] in _HAVE_TEXTS:
            text = str(value)
        else:
            return f"<{type(value).__name__}>"
        text = _told(text, max(_LONGEST_OF_THE_REST, min(_LONGEST, self._left)))
        self._left -= len(text)
        return text


def _told(text: str, longest: int = _LONGEST) -> str:
    """A text without secrets, and not too long: what is beyond that is not even looked at, but for one that begins before."""
    masked = mask(text[: longest + _LONGEST])
    return masked if len(masked) <= longest else f"{masked[:longest]}..."
