"""Backfills: a run for each tick that a deployment's schedule has in a range of time, and none of them twice."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import ValidationError

from millstream import _surroundings
from millstream._cluster.following import Patience
from millstream._cluster.kinds import FLOW_RUNS
from millstream._cluster.new_runs import new_run
from millstream.exceptions import DeploymentError, ObjectAlreadyExists, ObjectNotFound
from millstream.resources import flow_deployment, labels
from millstream.resources.flow_deployment import ConcurrencyPolicy
from millstream.resources.model import PRIORITY_BOUND
from millstream.resources.names import scheduled_run_name
from millstream.resources.reasons import Reason
from millstream.resources.schedule_spec import ScheduleSpec
from millstream.resources.states import RunState
from millstream.schedules import InvalidScheduleError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from millstream._cluster.cluster import Cluster, Object

MOST_TICKS: Final = 5000
_LOOK_SECONDS: Final = 2.0
_NOT_FINAL: Final = ",".join(f"status.state!={state}" for state in RunState if state.is_final)


class Tick(NamedTuple):
    """A tick, and the run that it has or is to have.

    Attributes:
        time: When the run was due.
        run: The run's name.
        state: Where the run stands; None if there is none, and empty if it is new.
    """

    time: datetime
    run: str
    state: str | None


class Step(NamedTuple):
    """A tick that has been dealt with.

    Attributes:
        tick: The tick.
        created: Whether its run was created now; somebody else had done so if not.
    """

    tick: Tick
    created: bool


def chosen_schedule(deployment: Object, name: str | None) -> ScheduleSpec:
    """The schedule whose ticks are meant: the only one, if none is named.

    Raises:
        DeploymentError: It cannot be told which, or there is none.
    """
    of = deployment["metadata"]["name"]
    schedules = {spec["name"]: spec for spec in deployment["spec"].get("schedules", ())}
    names = ", ".join(schedules)
    if not schedules:
        raise DeploymentError(f"{of} has no schedule, so it has no ticks: create its runs one by one.")
    if name is None and len(schedules) > 1:
        raise DeploymentError(f"{of} has several schedules: choose one with --schedule, of {names}.")
    if name is not None and name not in schedules:
        raise DeploymentError(f"{of} has no schedule {name}, only {names}.")
    try:
        return ScheduleSpec.model_validate(schedules[name or names])
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise DeploymentError(
            f"This millstream cannot read the schedule {name or names} of {of} ({place}: {problem['msg']}): use the "
            "one of the operator's version."
        ) from error


def ticks_between(spec: ScheduleSpec, start: datetime, end: datetime) -> list[datetime]:
    """The ticks of a schedule from `start` on and before `end`, ascending, in UTC.

    Raises:
        DeploymentError: There are none, far too many, or the schedule cannot be read.
    """
    begin, until = (
        start.astimezone(UTC),
        end.astimezone(UTC),
    )  # in a zone, arithmetic is that of the wall clock
    if until <= begin:
        raise DeploymentError(
            f"The range is empty: its end {end.isoformat()} is not after its begin {start.isoformat()}."
        )
    try:
        schedule = spec.parsed()
    except InvalidScheduleError as error:
        raise DeploymentError(f"The schedule {spec.name} cannot be read: {error}.") from error
    following = schedule.next(begin - timedelta(microseconds=1), MOST_TICKS + 1)
    ticks = list(takewhile(lambda tick: tick < until, following))
    if len(ticks) > MOST_TICKS:
        raise DeploymentError(
            f"The range has more than {MOST_TICKS:,} ticks: the first {MOST_TICKS:,} end before "
            f"{ticks[-1].isoformat()}. Backfill it in parts."
        )
    if not ticks:
        raise DeploymentError(
            f"The schedule {spec.name} has no tick from {start.isoformat()} to {end.isoformat()}."
        )
    return ticks


def check_deployment(deployment: Object, *, runs: int, parallel: int | None) -> None:
    """Refuse a backfill whose runs could only fail, or would be cancelled by the deployment's own rules.

    Raises:
        DeploymentError: It says what to do.
    """
    of = deployment["metadata"]["name"]
    conditions = deployment.get("status", {}).get("conditions", ())
    ready = next((one for one in conditions if one["type"] == flow_deployment.READY), None)
    if ready and ready["status"] == "False" and ready["reason"] != Reason.INVALID_SCHEDULE:
        raise DeploymentError(
            f"{of} is not ready, so its runs would fail: {ready['message'] or ready['reason']}"
        )
    concurrency = deployment["spec"].get("concurrency", {})
    policy = concurrency.get("policy", ConcurrencyPolicy.QUEUE)
    if policy != ConcurrencyPolicy.QUEUE and min(runs, parallel or runs) > concurrency["limit"]:
        raise DeploymentError(
            f"The concurrency.policy of {of} is {policy}, which cancels what is over its limit of "
            f"{concurrency['limit']}: give --parallel {concurrency['limit']}, or less."
        )


def ticks_with_runs(
    deployment: Object, spec: ScheduleSpec, times: Iterable[datetime], runs: Iterable[Object]
) -> list[Tick]:
    """The ticks, each with the run that it has among `runs` or is to have.

    It has one if a run has the name that the operator gives to it, or is of that schedule and time.
    """
    by_name: dict[str, Object] = {}
    by_time: dict[datetime, Object] = {}
    for run in runs:
        by_name[run["metadata"]["name"]] = run
        if run["spec"].get("scheduleName") == spec.name and "scheduledTime" in run["spec"]:
            by_time[datetime.fromisoformat(run["spec"]["scheduledTime"])] = run
    found = []
    for time in times:
        name = scheduled_run_name(deployment["metadata"]["name"], spec.name, time)
        run_of_tick = by_name.get(name) or by_time.get(time)
        if run_of_tick is None:
            found.append(Tick(time, name, None))
        else:
            state = run_of_tick.get("status", {}).get("state", "")
            found.append(Tick(time, run_of_tick["metadata"]["name"], state))
    return found


def template_of_runs(
    deployment: Object, spec: ScheduleSpec, parameters: Mapping[str, Any], tags: Iterable[str]
) -> Object:
    """What all runs of the backfill have in common. They come after other runs that wait.

    Raises:
        ParameterTypeError: The parameters do not fit the flow.
    """
    run = new_run(deployment, name="-", parameters={**spec.parameters, **parameters}, tags=tags)
    run["metadata"]["labels"] = {
        labels.MANAGED_BY: labels.MANAGED_BY_VALUE,
        labels.DEPLOYMENT: deployment["metadata"]["name"],
        labels.SCHEDULE: spec.name,
        labels.BACKFILL: "true",
    }
    run["spec"]["scheduleName"] = spec.name
    run["spec"]["priority"] = max(deployment["spec"].get("priority", 0) - 1, -PRIORITY_BOUND)
    return run


def runs_of(cluster: Cluster, deployment: Object) -> list[Object]:
    """All runs of a deployment that there are."""
    of, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    return list(cluster.list(FLOW_RUNS, namespace=namespace, fields=f"spec.deploymentRef.name={of}"))


def create_runs(
    cluster: Cluster, deployment: Object, template: Object, ticks: Iterable[Tick], parallel: int | None
) -> Iterator[Step]:
    """Create the runs of ticks that have none, oldest first; at most `parallel` of all of them are live at once.

    It can be ended at any time and begun anew.

    Raises:
        ClusterUnreachable: The API server is away for long.
        DeploymentError: A run of another deployment has the name of a tick's run, or a run is in an unknown state.
    """
    ticks = list(ticks)
    names = {tick.run for tick in ticks}
    room = 0
    for tick in (one for one in ticks if one.state is None):
        while parallel is not None and room <= 0:
            room = parallel - Patience().answer_to(lambda: _live(cluster, deployment, names))
            if room <= 0:
                _surroundings.current.sleep(_LOOK_SECONDS)
        run = deepcopy(template)
        run["metadata"]["name"] = tick.run
        run["spec"]["scheduledTime"] = tick.time.isoformat()
        created = _created(cluster, run)
        room -= 1
        yield Step(tick, created)


def _created(cluster: Cluster, run: Object) -> bool:
    """Whether the run is created now; it was there before if not.

    One that is there after a call whose answer was lost counts as created: most likely that call has done it.
    """
    is_first = True

    def create() -> bool:
        nonlocal is_first
        may_be_ours, is_first = not is_first, False
        try:
            cluster.create(FLOW_RUNS, run, namespace=run["metadata"]["namespace"])
        except ObjectAlreadyExists:
            return may_be_ours
        return True

    created = Patience().answer_to(create)
    if not created:
        Patience().answer_to(lambda: _check_there(cluster, run))
    return created


def _check_there(cluster: Cluster, run: Object) -> None:
    """Refuse a run of that name which does not count as the tick's."""
    name, of = run["metadata"]["name"], run["spec"]["deploymentRef"]["name"]
    try:
        there = cluster.get(FLOW_RUNS, name, namespace=run["metadata"]["namespace"])
    except ObjectNotFound:
        return  # deleted since
    owner = there["spec"].get("deploymentRef", {}).get("name")
    if owner != of:
        raise DeploymentError(
            f"The tick {run['spec']['scheduledTime']} cannot have its run: there is a FlowRun {name} already, which is "
            f"of {f'the deployment {owner}' if owner else 'no deployment'}. Delete it, or begin after that tick."
        )


def _live(cluster: Cluster, deployment: Object, names: AbstractSet[str]) -> int:
    """How many runs of those names have not ended, as far as the API server selects them: others may be many."""
    of, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    fields = f"spec.deploymentRef.name={of},{_NOT_FINAL}"
    runs = cluster.list(FLOW_RUNS, namespace=namespace, fields=fields)
    return sum(_is_live(run) for run in runs if run["metadata"]["name"] in names)


def _is_live(run: Object) -> bool:
    state = run.get("status", {}).get("state")
    if state is None:
        return True
    try:
        return not RunState(state).is_final
    except ValueError:
        raise DeploymentError(
            f"{run['metadata']['name']} is in the state {state}, which this millstream does not know: use the one of "
            "the operator's version."
        ) from None
