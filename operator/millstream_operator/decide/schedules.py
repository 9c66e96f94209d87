"""Which ticks of a deployment's schedules are due, and when the next ones are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from millstream.resources import flow_run, labels
from millstream.resources.model import API_VERSION
from millstream.resources.names import scheduled_run_name
from millstream.resources.schedule_spec import MissedPolicy, ScheduleSpec, ScheduleStatus
from millstream.schedules import InvalidScheduleError
from millstream_operator.decide.defaults import stopped
from millstream_operator.decide.observed import Deployment, ObservedDeployment, TickRefusal
from millstream_operator.decide.plan import CreateRun

__all__ = ["Ticks", "due_ticks", "problem_of", "reached"]

ON_TIME = timedelta(seconds=10)
"""A tick that is dealt with so soon after its time has not been missed."""
_MOST_AT_ONCE = 100
_SKEW = timedelta(minutes=1)
"""Clocks of operators differ by less than this; what is remembered from later comes from one that was wrong."""
_NEVER = "It never fires."
_ENDED = "It has no further tick."
_SUSPENDED = "Suspended."
_REFUSED = "The run of a tick cannot be created:"
_TRY_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Ticks:
    """What the schedules of a deployment ask for.

    Attributes:
        due: runs to create.
        statuses: of the schedules, to be stored when these runs are there.
        next_time: when a schedule is due next.
    """

    due: tuple[CreateRun, ...]
    statuses: list[ScheduleStatus]
    next_time: datetime | None


def due_ticks(observed: ObservedDeployment, deployment: Deployment) -> Ticks:
    """Find the ticks that have come since the operator last looked."""
    suspended = deployment.spec.suspend or stopped(observed.defaults) is not None
    known = {status.name: status for status in deployment.status.schedules}
    due: list[CreateRun] = []
    statuses = []
    times: list[datetime] = []
    for spec in deployment.spec.schedules:
        begin = _begin(observed, deployment, spec, known.get(spec.name), suspended=suspended)
        ticks, status = _look(observed.now, spec, begin, suspended=suspended or spec.suspend)
        runs = [_run(deployment, spec, tick) for tick in ticks]
        if refusal := _refusal(observed, runs):
            # Only this schedule waits, and what it has to run is not forgotten.
            runs, status = [], begin.replace(message=f"{_REFUSED} {refusal.message}"[:1024])
            times.append(refusal.time + _TRY_AGAIN)
        due += runs
        statuses.append(status)
    times += [status.next_time for status in statuses if status.next_time and status.next_time > observed.now]
    return Ticks(tuple(due), statuses, min(times, default=None))


def _refusal(observed: ObservedDeployment, runs: Sequence[CreateRun]) -> TickRefusal | None:
    """Find a run that the API server has just refused to create."""
    found = (observed.refused.get(run.run["metadata"]["name"]) for run in runs)
    return next((r for r in found if r is not None and observed.now < r.time + _TRY_AGAIN), None)


def problem_of(spec: ScheduleSpec) -> str:
    """Say what is wrong with a schedule; "" if nothing is."""
    try:
        schedule = spec.parsed()
    except InvalidScheduleError as error:
        return str(error)
    begin = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
    return "" if schedule.next(begin) else _NEVER


def reached(known: ScheduleStatus) -> datetime:
    """Give the time up to which all ticks of a schedule have been dealt with."""
    return max(known.since, known.last_time or known.since)


def _begin(
    observed: ObservedDeployment,
    deployment: Deployment,
    spec: ScheduleSpec,
    known: ScheduleStatus | None,
    *,
    suspended: bool,
) -> ScheduleStatus:
    """Give what is remembered of a schedule; one that is new, was edited or goes on has no past.

    What a clock that was ahead has left is forgotten too: until that time has come nothing would be due.
    """
    timing = spec.timing_hash(suspended=suspended)
    if known is not None and known.spec_hash == timing and reached(known) <= observed.now + _SKEW:
        return known
    unseen = known is None and deployment.status.observed_generation == 0 and not (suspended or spec.suspend)
    since = deployment.creation_time if unseen else observed.now
    last = known.last_time if known else None
    if last is not None and last > since:
        last = None  # of a clock that was ahead
    return ScheduleStatus(name=spec.name, spec_hash=timing, since=since, last_time=last)


def _look(
    now: datetime, spec: ScheduleSpec, known: ScheduleStatus, *, suspended: bool
) -> tuple[Sequence[datetime], ScheduleStatus]:
    if suspended:
        return (), known.replace(next_time=None, message=_SUSPENDED)
    ended = known.message and not known.message.startswith(_REFUSED)
    if ended or (known.next_time is not None and now < known.next_time):
        return (), known  # what has ended has no further tick, until it is edited
    try:
        schedule = spec.parsed()
    except InvalidScheduleError as error:
        return (), known.replace(next_time=None, message=str(error)[:1024])
    passed = schedule.latest(reached(known), now, _MOST_AT_ONCE)
    following = schedule.next(now)
    message = "" if following else problem_of(spec) or _ENDED
    status = known.replace(
        last_time=passed[-1] if passed else known.last_time,
        next_time=following[0] if following else None,
        message=message,
    )
    return _to_run(now, spec, passed), status


def _to_run(now: datetime, spec: ScheduleSpec, passed: Sequence[datetime]) -> Sequence[datetime]:
    """Choose among the ticks that have passed: those on time, and of those missed what the policy says."""
    deadline = spec.missed_deadline_seconds
    in_time = [t for t in passed if deadline is None or (now - t).total_seconds() <= deadline]
    on_time = [tick for tick in in_time if now - tick <= ON_TIME]
    if spec.missed is MissedPolicy.ALL:
        return in_time[-max(spec.max_catch_up, len(on_time)) :]
    if spec.missed is MissedPolicy.LATEST and not on_time:
        return in_time[-1:]
    return on_time


def _run(deployment: Deployment, spec: ScheduleSpec, tick: datetime) -> CreateRun:
    body: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": flow_run.KIND,
        "metadata": {
            "name": scheduled_run_name(deployment.name, spec.name, tick),
            "namespace": deployment.namespace,
            "labels": {
                labels.MANAGED_BY: labels.MANAGED_BY_VALUE,
                labels.DEPLOYMENT: deployment.name,
                labels.SCHEDULE: spec.name,
            },
        },
        "spec": {
            "deploymentRef": {"name": deployment.name},
            "parameters": spec.parameters,
            "scheduledTime": tick.isoformat(),
            "scheduleName": spec.name,
        },
    }
    return CreateRun(body)
