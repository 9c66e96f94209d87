"""How deployments of the cluster are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from millstream import _surroundings
from millstream.cli._flow_run_views import RUNS
from millstream.cli._output import Column, show_fields, show_table
from millstream.cli._schema_words import Parameter, parameters
from millstream.cli._times import ago, duration, local
from millstream.exceptions import MillstreamError
from millstream.resources.flow_deployment import READY, SUSPENDED
from millstream.resources.reasons import Reason
from millstream.schedules import Cron, Interval, RRule
from millstream.serving._words import often

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millstream._cluster.cluster import Object
    from millstream._cluster.deployments import Deployment
    from millstream._cluster.runs import Run
    from millstream.resources.schedule_spec import ScheduleStatus

_PAUSED_BY = {
    Reason.SUSPENDED: "yes",
    Reason.NAMESPACE_SUSPENDED: "by its namespace",
    Reason.CLUSTER_SUSPENDED: "by the cluster",
    Reason.UNREADABLE_DEFAULTS: "by unreadable defaults",
}


def schedule_words(spec: Object) -> str:
    """When a schedule fires."""
    zone = spec.get("timeZone", "UTC")
    try:
        if "cron" in spec:
            return often(Cron(spec["cron"], zone))
        if "interval" in spec:
            return often(Interval(timedelta(seconds=spec["interval"])))
        return often(RRule(spec["rrule"], zone))
    except (MillstreamError, ValueError):
        return str(spec.get("cron") or spec.get("interval") or spec.get("rrule"))


def paused(deployment: Deployment) -> str:
    """Whether its schedules rest, and on whose word."""
    said = deployment.condition(SUSPENDED)
    if deployment.spec.get("suspend") or said is None:
        return "yes" if deployment.spec.get("suspend") else ""
    return _PAUSED_BY.get(said.reason, said.reason) if said.status == "True" else ""  # type: ignore[call-overload]


def ready(deployment: Deployment) -> str:
    """Whether runs can be made of it, and if not, why."""
    said = deployment.condition(READY)
    if said is None:
        return "not seen yet"
    return "yes" if said.status == "True" else f"no: {said.reason}"


def _schedules(deployment: Deployment) -> str:
    schedules = deployment.spec.get("schedules", [])
    more = f", and {len(schedules) - 1} more" if len(schedules) > 1 else ""
    return _brief(schedules[0]) + more if schedules else ""


def _brief(spec: Object) -> str:
    """When a schedule fires, as short as in a list of many."""
    return f"{spec['cron']}, {spec.get('timeZone', 'UTC')}" if "cron" in spec else schedule_words(spec)


def _next(deployment: Deployment) -> str:
    due = deployment.status.next_time
    return "" if due is None or paused(deployment) else _ahead(due)


def _last(deployment: Deployment) -> str:
    last = deployment.status.last_run
    return "" if last is None else f"{last.state.value} {ago(last.completion_time)} ago"


def _ahead(due: datetime) -> str:
    seconds = (due - datetime.fromtimestamp(_surroundings.current.time(), UTC)).total_seconds()
    return f"in {duration(seconds)}" if seconds > 0 else "now"


DEPLOYMENTS: tuple[Column[Deployment], ...] = (
    Column("name", lambda one: one.name, is_kept=True),
    Column("schedule", _schedules),
    Column("next run", _next),
    Column("last run", _last),
    Column("active", lambda one: str(one.status.active)),
    Column("queued", lambda one: str(one.status.queued)),
    Column("paused", paused, is_kept=True),
    Column("ready", ready, is_kept=True),
    Column("entrypoint", lambda one: one.spec["entrypoint"], is_wide=True),
    Column("image", lambda one: one.spec.get("image", ""), is_wide=True),
    Column("version", lambda one: one.spec.get("version", ""), is_wide=True),
    Column("tags", lambda one: ", ".join(one.spec.get("tags", [])), is_wide=True),
)


class _Schedule(NamedTuple):
    spec: Object
    status: ScheduleStatus | None


_SCHEDULES: tuple[Column[_Schedule], ...] = (
    Column("schedule", lambda one: one.spec["name"]),
    Column("when", lambda one: schedule_words(one.spec)),
    Column("next run", lambda one: local(one.status.next_time) if one.status else ""),
    Column("last due", lambda one: local(one.status.last_time) if one.status else ""),
    Column("paused", lambda one: "yes" if one.spec.get("suspend") else ""),
    Column("message", lambda one: one.status.message if one.status else "", is_prose=True),
)
_PARAMETERS: tuple[Column[Parameter], ...] = (
    Column("parameter", lambda one: one.name),
    Column("takes", lambda one: one.takes, is_prose=True),
    Column("value", lambda one: one.value, is_prose=True),
    Column("description", lambda one: one.description, is_prose=True),
)


def print_deployment(deployment: Deployment, runs: Sequence[Run]) -> None:
    """Print all that is known of a deployment, for people; `runs` are its latest."""
    spec, status = deployment.spec, deployment.status
    is_ready = deployment.condition(READY)
    concurrency = spec.get("concurrency")
    retries = spec.get("retryPolicy", {})
    show_fields(
        [
            ("Name", deployment.name),
            ("Namespace", deployment.namespace),
            ("Description", spec.get("description", "")),
            ("Version", spec.get("version", "")),
            ("Owner", spec.get("owner", "")),
            ("Entrypoint", spec["entrypoint"]),
            ("Image", spec.get("image", "")),
            ("Tags", ", ".join(spec.get("tags", []))),
            ("Ready", ready(deployment)),
            ("Because", "" if is_ready is None or is_ready.status == "True" else is_ready.message),
            ("Paused", paused(deployment)),
            ("Runs", f"{status.active} active, {status.queued} queued"),
            ("At once", f"{concurrency['limit']}, then {concurrency['policy']}" if concurrency else ""),
            (
                "Retries",
                ", ".join(f"{retries[k]} for {k}" for k in ("failures", "disruptions") if k in retries),
            ),
            ("Last run", f"{status.last_run.name}: {_last(deployment)}" if status.last_run else ""),
        ]
    )
    if spec.get("schedules"):
        known = {one.name: one for one in status.schedules}
        _show(_SCHEDULES, [_Schedule(one, known.get(one["name"])) for one in spec["schedules"]])
    _show(_PARAMETERS, parameters(spec.get("parameterSchema", {}), spec.get("parameters", {})))
    _show([column for column in RUNS if not column.is_wide and column.title != "deployment"], runs)


def _show(columns: Sequence[Column[Any]], rows: Sequence[Any]) -> None:
    if rows:
        click.echo()
        show_table(columns, rows)
