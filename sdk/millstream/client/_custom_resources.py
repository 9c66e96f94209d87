"""FlowRuns and FlowDeployments of a cluster as objects."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from millstream.client._flow_ids import flow_id
from millstream.client._matching import DeploymentFacts
from millstream.client._states import StateWithResultElsewhere, told_state
from millstream.client.schemas.objects import Deployment, Flow, FlowRun
from millstream.resources import labels
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream.states import StateType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from millstream.states import State

Object = dict[str, Any]

STATES: Final[dict[RunState, tuple[StateType, str]]] = {
    RunState.SCHEDULED: (StateType.SCHEDULED, "Scheduled"),
    RunState.QUEUED: (StateType.SCHEDULED, "AwaitingConcurrencySlot"),
    RunState.PENDING: (StateType.PENDING, "Pending"),
    RunState.RUNNING: (StateType.RUNNING, "Running"),
    RunState.AWAITING_RETRY: (StateType.SCHEDULED, "AwaitingRetry"),
    RunState.PAUSED: (StateType.PAUSED, "Suspended"),
    RunState.CANCELLING: (StateType.CANCELLING, "Cancelling"),
    RunState.COMPLETED: (StateType.COMPLETED, "Completed"),
    RunState.FAILED: (StateType.FAILED, "Failed"),
    RunState.TIMED_OUT: (StateType.FAILED, "TimedOut"),
    RunState.CRASHED: (StateType.CRASHED, "Crashed"),
    RunState.CANCELLED: (StateType.CANCELLED, "Cancelled"),
}
"""The type and the name of the state that a FlowRun's is for clients."""


_RESULT_FACTS: Final = ("state", "reason", "message", "completionTime", "resultStorage")


class _Step(NamedTuple):
    state: str
    entered: datetime
    message: str | None = None


def state_of(run: Object) -> str:
    """The state of a FlowRun, which may be one of a later version; before the operator has seen it, it is scheduled."""
    return str(run.get("status", {}).get("state") or RunState.SCHEDULED)


def has_ended(run: Object) -> bool:
    """Whether nothing more happens to a FlowRun."""
    state = state_of(run)
    return RunState(state).is_final if state in STATES else "completionTime" in run["status"]


def flow_run_of(run: Object, deployment: Object | None) -> FlowRun:
    """A FlowRun, with what its deployment says now; that may be gone."""
    meta, spec, status = run["metadata"], run["spec"], run.get("status", {})
    of = spec.get("deploymentRef", {}).get("name")
    template = spec.get("template") or (deployment or {}).get("spec", {})
    flow_name = _flow_name(template) if template else of
    return FlowRun(
        id=meta["uid"],
        name=meta["name"],
        tags=sorted({*template.get("tags", ()), *spec.get("tags", ())}),
        state=_state(run, _last_step(run)),
        start_time=_time(status.get("startTime")),
        end_time=_time(status.get("completionTime")),
        run_count=status.get("attempt", 0),
        updated=_updated(meta),
        flow_id=flow_id(flow_name),
        flow_name=flow_name,
        flow_version=template.get("version"),
        deployment_name=of,
        parameters=template.get("parameters", {}) | spec.get("parameters", {}),
        expected_start_time=_due(run),
        created=_moment(meta["creationTimestamp"]),
        parent_flow_run_id=meta.get("labels", {}).get(labels.PARENT_RUN_UID),
        parent_task_run_id=None,
        task_counts=status.get("tasks", {}),
    )


def states_of(run: Object) -> list[State[Any]]:
    """The states that a FlowRun was in, oldest first, as far as its status tells: of the latest ten attempts."""
    steps = [_Step(RunState.SCHEDULED, _moment(run["metadata"]["creationTimestamp"])), *_steps(run)]
    last = _last_step(run)
    if steps[-1].state == last.state:
        steps.pop()
    return [_state(run, step) for step in (*steps, last)]


def deployment_of(found: Object) -> Deployment:
    """A FlowDeployment."""
    meta, spec = found["metadata"], found["spec"]
    flow_name = _flow_name(spec)
    return Deployment(
        id=meta["uid"],
        name=meta["name"],
        flow_id=flow_id(flow_name),
        flow_name=flow_name,
        entrypoint=spec["entrypoint"],
        version=spec.get("version"),
        description=spec.get("description"),
        tags=sorted(spec.get("tags", ())),
        parameters=spec.get("parameters", {}),
        parameter_openapi_schema=spec.get("parameterSchema"),
        schedules=spec.get("schedules", []),
        paused=spec.get("suspend", False),
        concurrency_limit=spec.get("concurrency", {}).get("limit"),
        created=_moment(meta["creationTimestamp"]),
        updated=_updated(meta),
    )


def deployment_facts(run: Object, deployment: Object | None) -> DeploymentFacts:
    """What filters of deployments look at, of a FlowRun's one."""
    name = run["spec"].get("deploymentRef", {}).get("name")
    if deployment is None:
        return DeploymentFacts(name=name)
    return DeploymentFacts(deployment["metadata"]["uid"], name, tuple(deployment["spec"].get("tags", ())))


def flows_of(runs: Iterable[FlowRun]) -> list[Flow]:
    """The flows that runs are of."""
    found: dict[str, list[FlowRun]] = {}
    for run in runs:
        found.setdefault(run.flow_name, []).append(run)
    return [
        Flow(
            id=flow_id(name),
            name=name,
            created=min(run.created for run in of),
            updated=max(run.updated for run in of),
        )
        for name, of in found.items()
    ]


def _flow_name(template: Object) -> str:
    """The name of the function: a deployment does not say another one that `@flow` may have given."""
    return str(template["entrypoint"]).rpartition(":")[2]


def _steps(run: Object) -> Iterator[_Step]:
    attempts = run.get("status", {}).get("attempts", [])
    for number, attempt in enumerate(attempts, 1):
        yield _Step(RunState.PENDING, _moment(attempt["creationTime"]))
        if "startTime" in attempt:
            yield _Step(RunState.RUNNING, _moment(attempt["startTime"]))
        if number < len(attempts) and "completionTime" in attempt:
            suspended = attempt.get("reason") == Reason.SUSPENDED
            state = RunState.PAUSED if suspended else RunState.AWAITING_RETRY
            yield _Step(
                state, _moment(attempt["completionTime"]), attempt.get("message") or attempt.get("reason")
            )


def _last_step(run: Object) -> _Step:
    """The state that it is in now, and since when."""
    status, state = run.get("status", {}), state_of(run)
    attempt = (status.get("attempts") or [{}])[-1]
    since: dict[str, str | None] = {
        RunState.SCHEDULED: run["metadata"]["creationTimestamp"],
        RunState.PENDING: attempt.get("creationTime"),
        RunState.RUNNING: attempt.get("startTime"),
        RunState.AWAITING_RETRY: attempt.get("completionTime"),
        RunState.PAUSED: status.get("pausedTime"),
    }
    entered = _time(status.get("completionTime") if has_ended(run) else since.get(state))
    message = status.get("message") or status.get("reason")
    return _Step(state, entered or _updated(run["metadata"], "status"), message)


def _state(run: Object, step: _Step) -> State[Any]:
    kind, name = _told(run, step.state)
    status = run.get("status", {})
    due = None
    if kind is StateType.SCHEDULED:
        due = _due(run)
        if step.state == RunState.AWAITING_RETRY:
            due = _time(status.get("nextAttemptTime"))
    result = status.get("result") if kind is StateType.COMPLETED else None
    told = told_state(kind, name, step.entered.timestamp(), step.message, result, due)
    if kind is StateType.COMPLETED and result is None:
        return StateWithResultElsewhere(told, partial(_fetched_result, _with_result_only(run)))
    return told


def _told(run: Object, state: str) -> tuple[StateType, str]:
    if state in STATES:
        return STATES[RunState(state)]
    return StateType.CRASHED if has_ended(run) else StateType.PENDING, state


def _with_result_only(run: Object) -> Object:
    """What tells of a run where its result is: those who read many runs keep nothing else of them."""
    meta, status = run["metadata"], run["status"]
    return {
        "metadata": {name: meta[name] for name in ("name", "uid")},
        "status": {name: status[name] for name in _RESULT_FACTS if name in status},
    }


def _fetched_result(run: Object) -> Any:
    from millstream._cluster.results import read_result  # noqa: PLC0415 - few ask for it

    return read_result(run)


def _due(run: Object) -> datetime:
    return _moment(run["spec"].get("scheduledTime") or run["metadata"]["creationTimestamp"])


def _updated(meta: Object, part: str | None = None) -> datetime:
    """When an object, or a subresource of it, was written last."""
    written = [
        entry["time"]
        for entry in meta.get("managedFields", ())
        if "time" in entry and part in {None, entry.get("subresource")}
    ]
    return _moment(max([meta["creationTimestamp"], *written]))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)
