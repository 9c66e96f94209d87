"""Runs of deployments of a cluster, made and waited for by programs and by other flows.

Usage:
    ```python
    from millstream.deployments import run_deployment

    flow_run = run_deployment("etl", parameters={"day": "2026-03-01"})
    print(flow_run.state_name)
    ```
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypedDict, Unpack
from uuid import UUID

from millstream._beside import beside
from millstream._engine.current import current
from millstream._pool import blocked
from millstream._stopping import stop_requested
from millstream.client import get_client
from millstream.client._async import MillstreamClient
from millstream.client._new_runs import NewRun, tags_of
from millstream.client._plain import plain
from millstream.exceptions import ObjectNotFound, RunInterrupted
from millstream.states import Completed, State, get_state_exception
from millstream.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Executor
    from datetime import datetime

    from millstream._engine.flow_runs import FlowRun as LiveFlowRun
    from millstream.client._cluster_deployments import ClusterDeployments
    from millstream.client._sync import SyncMillstreamClient
    from millstream.client.schemas.objects import Deployment, FlowRun

    Client = SyncMillstreamClient | MillstreamClient

__all__ = ["arun_deployment", "run_deployment"]


class _Order(NamedTuple):
    """A run that is wanted, and how long to wait for it.

    Attributes:
        parent: The outermost flow run around the call, if the new one is to be its subflow.
        calls: How many calls there were before with the same words, in this attempt of the parent; negative where nobody
            knows, in another process.
    """

    deployments: ClusterDeployments
    deployment: Deployment
    wanted: NewRun
    timeout: float | None
    poll_interval: float
    parent: LiveFlowRun | None
    calls: int


class RunOptions(TypedDict, total=False):
    """What is said of a run that is wanted, beside its deployment.

    Attributes:
        client: A client of a cluster; one as the settings say if not given.
        parameters: Those that are not to be as the deployment says.
        scheduled_time: When the run is due; at once unless given.
        flow_run_name: The run's name; made of the deployment's unless given.
        timeout: How many seconds to wait; 0 for not at all, None for as long as it takes.
        poll_interval: How many seconds pass at most between two looks, 5 unless given; changes are seen as they happen.
        tags: The run's tags, beside the deployment's.
        idempotency_key: Whoever asks for a run of the same key gets the same one.
        as_subflow: Inside of a flow, and true unless given: show the run as a task run of it, cancel it with it, and have
            the next attempt of the flow find it again.
    """

    client: Client | None
    parameters: Mapping[str, Any] | None
    scheduled_time: datetime | None
    flow_run_name: str | None
    timeout: float | None
    poll_interval: float
    tags: Iterable[str] | None
    idempotency_key: str | None
    as_subflow: bool


def run_deployment(name: str | UUID, **options: Unpack[RunOptions]) -> FlowRun:
    """Make a flow run of a deployment, and wait until it has ended; from asynchronous code it is to be awaited.

    It raises nothing if the run does not complete: look at its `state`, or ask `state.result()`.

    Args:
        name: The deployment's name, FLOW/NAME as in Prefect, or its id.
        options: See `RunOptions`.

    Returns:
        The flow run as it was seen last.

    Raises:
        ParameterTypeError: The parameters do not fit the flow.
        ObjectNotFound: There is no such deployment, or the run was deleted while it was waited for.
        ObjectAlreadyExists: There is a run of that name.
    """
    if _is_awaited():
        return arun_deployment(name, **options)  # type: ignore[return-value] # as in Prefect
    order = _order(name, options)
    if order.parent is None:
        return _carry_out(order)
    found: list[FlowRun] = []

    def subflow() -> State[Any]:
        found.append(_carry_out(order))
        return _mirrored(found[0])

    state = _task(subflow, order)(return_state=True)
    return found[0] if found else _raised(state)


async def arun_deployment(name: str | UUID, **options: Unpack[RunOptions]) -> FlowRun:
    """The same as `run_deployment`, to be awaited."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - slow to import

    with ThreadPoolExecutor(1, "millstream-run") as thread:
        order = await beside(_order, name, options, thread=thread)
        if order.parent is None:
            return await _carry_out_beside(order, thread)
        found: list[FlowRun] = []

        async def subflow() -> State[Any]:
            found.append(await _carry_out_beside(order, thread))
            return _mirrored(found[0])

        state: State[Any] = await _task(subflow, order)(return_state=True)
    return found[0] if found else _raised(state)


def _order(name: str | UUID, options: RunOptions) -> _Order:
    known = RunOptions.__annotations__
    if unknown := [option for option in options if option not in known]:
        raise TypeError(f"run_deployment has no option {', '.join(unknown)}. It takes {', '.join(known)}.")
    timeout, poll_interval = options.get("timeout"), options.get("poll_interval", 5)
    if timeout is not None and timeout < 0:
        raise ValueError(
            f"timeout of run_deployment is a number of seconds from 0, or None, and got {timeout}."
        )
    if not poll_interval > 0:
        raise ValueError(
            f"poll_interval of run_deployment is a number of seconds above 0, and got {poll_interval}."
        )
    client = options.get("client") or get_client(sync_client=True)
    if isinstance(client, MillstreamClient):
        client = client._client  # noqa: SLF001 - our own
    deployments = client._deployed()  # noqa: SLF001 - our own
    read = partial(client.read_deployment if _is_id(name) else client.read_deployment_by_name, str(name))
    deployment = read() if current.get() is None else deployments.patiently(read)
    parent = _outermost() if options.get("as_subflow", True) else None
    wanted = NewRun(
        plain(options.get("parameters") or {}),
        options.get("flow_run_name"),
        tuple(tags_of(options.get("tags")) or ()),
        options.get("scheduled_time"),
        options.get("idempotency_key"),
        None if parent is None else parent.id,
    )
    calls = -1 if parent is None else parent.next_number(f"{parent.run_count} {_words(deployment, wanted)}")
    return _Order(deployments, deployment, wanted, timeout, poll_interval, parent, calls)


def _carry_out(order: _Order) -> FlowRun:
    run = _made(order)
    if order.timeout == 0:
        return run
    with blocked():
        for found in _looks(order, run):
            run = found
    return run


async def _carry_out_beside(order: _Order, thread: Executor) -> FlowRun:
    run = await beside(_made, order, to_its_end=True, thread=thread)
    if order.timeout == 0:
        return run
    with blocked():
        looks = _looks(order, run)
        while (found := await beside(next, looks, None, thread=thread)) is not None:
            run = found
    return run


def _made(order: _Order) -> FlowRun:
    """The run: one that an earlier attempt of the parent has made, unless it did not complete, or a new one."""
    wanted, deployment = order.wanted, order.deployment

    def made(wanted: NewRun) -> FlowRun:
        return order.deployments.create_run(deployment.id, wanted) or _gone(deployment)

    if wanted.key is not None or order.parent is None or order.calls < 0:
        return made(wanted)
    keys = f"{order.parent.id}/{_words(deployment, wanted)}/"
    run = made(wanted._replace(key=f"{keys}{order.calls}"))
    if _takes(order, run):
        return run
    # Tasks that were tried again have called as often as they were tried: their runs are those of other calls.
    for run in order.deployments.subflows(order.parent.id, keys):
        if _takes(order, run):
            return run
    for number in count(2):
        name = wanted.name and f"{wanted.name}-{number}"
        run = made(wanted._replace(name=name, key=f"{keys}{order.calls}-{number}"))
        if _takes(order, run):
            break
    return run


def _takes(order: _Order, run: FlowRun) -> bool:
    """Whether a call takes a run for its own, which no other call of this attempt does then."""
    if order.parent is None or (run.state.is_final() and not run.state.is_completed()):
        return False
    return order.parent.next_number(f"{order.parent.run_count} {run.id}") == 0


def _looks(order: _Order, run: FlowRun) -> Iterator[FlowRun]:
    looks = order.deployments.follow(run, seconds=order.timeout, poll_interval=order.poll_interval)
    for found in looks:
        yield found
        if stop_requested() and not found.state.is_final():
            raise RunInterrupted(
                f"The flow run {run.name} was not waited for any longer: the process was asked to stop."
            )


def _task(subflow: Callable[[], Any], order: _Order) -> Any:
    """The task whose run stands for another flow run."""
    return Task(subflow, name=order.deployment.name, retries=0, persist_result=False)


def _raised(state: State[Any]) -> NoReturn:
    raise get_state_exception(state)


def _mirrored(run: FlowRun) -> State[Any]:
    """The state of the task run that stands for another flow run."""
    if not run.state.is_final():
        return Completed(name="Started", message=f"The flow run {run.name} goes on, and is not waited for.")
    told = f"The flow run {run.name} is {run.state_name}"
    message = f"{told}: {run.state.message}" if run.state.message else f"{told}."
    return State(run.state_type, run.state_name, message, run.state.data)


def _words(deployment: Deployment, wanted: NewRun) -> str:
    """What is the same in two calls that want the same; not when it is due, which may be so long after now."""
    said = json.dumps([deployment.name, wanted.parameters, wanted.tags, wanted.name], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _outermost() -> LiveFlowRun | None:
    """The outermost flow run around this code: in a pod, that of the FlowRun."""
    run, found = current.get(), None
    while run is not None:
        found, run = run.flow_run or found, run.parent
    return found


def _is_id(name: str | UUID) -> bool:
    try:
        UUID(str(name))
    except ValueError:
        return False
    return True


def _is_awaited() -> bool:
    """Whether this is called from asynchronous code; the innermost run says so, as its thread may have a loop of another."""
    run = current.get()
    if run is not None:
        return run.definition.isasync
    import asyncio  # noqa: PLC0415 - slow to import

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _gone(deployment: Deployment) -> NoReturn:
    raise ObjectNotFound(f"The deployment {deployment.name} was deleted meanwhile.")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        from millstream._prefect import missing  # noqa: PLC0415 - for what is not there only

        raise missing(__name__, name)
