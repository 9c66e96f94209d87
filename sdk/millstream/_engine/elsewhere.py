"""The other end: task runs that were sent to this process."""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cloudpickle

from millstream._engine import inputs
from millstream._engine.current import current_tags
from millstream._engine.flow_runs import FlowRun, FlowRunInfo
from millstream._engine.origins import described
from millstream._engine.submissions import carry_out
from millstream._engine.submit import run_of
from millstream._loading import loading
from millstream.states import Failed, State, StateType

if TYPE_CHECKING:
    from datetime import datetime

    from millstream.flows import Flow


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """What is to be known in another process about the flow run that a task run belongs to."""

    flow: Flow[..., Any]
    parameters: dict[str, Any]
    run_id: str
    name: str
    tags: frozenset[str]
    run_count: int
    started: float
    scheduled_start_time: datetime | None
    deployment: str | None

    @classmethod
    def of(cls, run: FlowRun) -> FlowFacts:
        """The facts about a run."""
        flow = type(run.flow)(  # without the function, which may hold what cannot be sent
            _elsewhere,
            name=run.flow.name,
            version=run.flow.version,
            persist_result=run.persists,
            result_storage=run.storage,
            result_serializer=run.serializer,
        )
        return cls(
            flow=flow,
            parameters=run.parameters,
            run_id=run.id,
            name=run.name,
            tags=run.tags,
            run_count=run.run_count,
            started=run.start_time.timestamp(),
            scheduled_start_time=run.scheduled_start_time,
            deployment=run.deployment,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """A task run that is to be carried out; `flows` has the facts about the flow runs around it, outermost first."""

    flows: bytes
    task: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    run_id: str
    name: str
    tags: frozenset[str]
    log_prints: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """How it ended; the data of its last state is pickled on its own, as only that may be unreadable.

    Attributes:
        told: Whether the log has it already.
    """

    type: StateType
    name: str
    message: str | None
    data: bytes
    run_count: int
    started: float
    counts: dict[str, int]
    told: bool = True
    retries: int = 0


class _FlowRunElsewhere(FlowRun):
    """A flow run as seen from the process that one of its tasks was sent to.

    What that task submits runs in threads here.
    """

    __slots__ = ()
    elsewhere = True

    def __init__(self, facts: FlowFacts) -> None:
        info = FlowRunInfo(
            run_id=facts.run_id,
            name=facts.name,
            tags=facts.tags,
            scheduled_start_time=facts.scheduled_start_time,
            deployment=facts.deployment,
        )
        super().__init__(facts.flow, facts.parameters, info, return_state=True)
        self.enter()
        self.run_count = facts.run_count
        self._started = facts.started

    def next_number(self, task_name: str) -> int:  # noqa: ARG002
        """No number: nobody here knows how many runs of the task there were."""
        return -1


def _elsewhere() -> None:
    """In place of the flow's function, which runs in another process."""


@lru_cache(maxsize=4)  # all task runs of a flow run have the same
def _read(flows: bytes) -> list[FlowFacts]:
    return cloudpickle.loads(flows)  # type: ignore[no-any-return]


def answer(message: bytes) -> bytes:
    """Carry out a run; called by an executor, in the process where it has its workers."""
    return copy_context().run(_answer, message)


def _answer(message: bytes) -> bytes:
    try:
        with loading():
            call: Call = cloudpickle.loads(message)
            flow_run = [_FlowRunElsewhere(facts) for facts in _read(call.flows)][-1]
    except Exception as error:  # noqa: BLE001 - whatever importing the user's modules raises
        problem = (
            f"it cannot be read in the process that is to run it ({described(error)}). "
            "See that its module can be imported there, and that its arguments can be unpickled."
        )
        return _written(Answer(StateType.CRASHED, "Crashed", problem, cloudpickle.dumps(error), 0, 0, {}))
    flow_run.inherit_log_prints(call.log_prints)
    current_tags.set(call.tags)
    run = run_of(call.task, call.args, call.kwargs)
    run.identify(flow_run, call.run_id, call.name)
    carry_out(run)
    flow_run.settle()
    state, counts, told = run.state, flow_run.counts, True
    try:
        data = cloudpickle.dumps(inputs.resolved_futures(state.data))
    except Exception as error:  # noqa: BLE001 - whatever objects raise when they are pickled
        told = state.type is not StateType.COMPLETED
        if not told:
            counts.add(state.name, -1)
            counts.add("Failed")
        state, data = _unsendable(state, run.title, error)
    begun = run.start_time.timestamp()
    return _written(
        Answer(
            state.type,
            state.name,
            state.message,
            data,
            run.run_count,
            begun,
            counts.copy(),
            told,
            counts.retries,
        )
    )


def _unsendable(state: State[Any], title: str, error: Exception) -> tuple[State[Any], bytes]:
    if state.type is not StateType.COMPLETED:
        return state, b""
    reason = TypeError(
        f"{title} returned something that cannot be sent back from its process ({described(error)}). "
        "Return plain data, or where the data is, or use the ThreadPoolTaskRunner."
    )
    return Failed(message=str(reason)), cloudpickle.dumps(reason)


def _written(told: Answer) -> bytes:
    return bytes(cloudpickle.dumps(told))
