"""What is judged of the deployments and runs of a namespace."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Final

from millstream.cli._doctor.facts import ClusterFacts, Hidden
from millstream.cli._doctor.finding import Finding, Level
from millstream.resources.flow_deployment import READY
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Object = dict[str, Any]

_LONG_UNSEEN: Final = timedelta(minutes=1)
_LONG_PENDING: Final = timedelta(minutes=15)
_LONG_QUEUED: Final = timedelta(hours=1)
_NAMED: Final = 3


def deployments(cluster: ClusterFacts) -> Iterator[Finding]:
    """Deployments that are not ready."""
    if isinstance(cluster.deployments, Hidden):
        return  # as the rights say
    broken = False
    for deployment in cluster.deployments:
        name, status = deployment["metadata"]["name"], deployment.get("status", {})
        ready = next((one for one in status.get("conditions", ()) if one["type"] == READY), None)
        if ready is not None and ready["status"] == "False":
            broken = True
            message = f"{name} is not ready: {ready.get('message') or ready['reason']}"
            yield Finding("deployments", Level.PROBLEM, message, _hint(ready["reason"], deployment))
    if not broken:
        number = len(cluster.deployments)
        yield Finding(
            "deployments", Level.OK, f"None of {number} in namespace {cluster.namespace} is broken."
        )


def defaults(cluster: ClusterFacts) -> Iterator[Finding]:
    """Defaults that cannot be read, as the operator says of all that they hold up."""
    held_up = chain(_unless_hidden(cluster.deployments), _unless_hidden(cluster.runs))
    conditions = (one for o in held_up for one in o.get("status", {}).get("conditions", ()))
    told = (one["message"] for one in conditions if one["reason"] == Reason.UNREADABLE_DEFAULTS)
    if message := next(told, None):
        advice = Reason.UNREADABLE_DEFAULTS.hint
        yield Finding("defaults", Level.PROBLEM, f"Nothing new starts: {message}", advice)


def _unless_hidden(found: list[Object] | Hidden) -> list[Object]:
    return [] if isinstance(found, Hidden) else found  # as the rights say


def starts(cluster: ClusterFacts) -> Iterator[Finding]:
    """Deployments whose newest run did not come to start."""
    if isinstance(cluster.runs, Hidden):
        return
    of_deployments = [run for run in cluster.runs if "deploymentRef" in run["spec"]]
    of_deployments.sort(key=lambda run: (_deployment(run), run["metadata"]["creationTimestamp"]))
    for deployment, same in groupby(of_deployments, key=_deployment):
        *_, newest = same
        status = newest.get("status", {})
        if status.get("reason") in {Reason.START_TIMEOUT, Reason.IMAGE_PULL_ERROR, Reason.CONFIG_ERROR}:
            name = newest["metadata"]["name"]
            message = f"The newest run of {deployment}, {name}, did not start: {status.get('message') or status['reason']}"
            yield Finding("starts", Level.PROBLEM, message, _hint(status["reason"], newest))


def runs(cluster: ClusterFacts) -> Iterator[Finding]:
    """Runs that do not go on."""
    if isinstance(cluster.runs, Hidden):
        return
    stuck = [(why, run["metadata"]["name"]) for run in cluster.runs if (why := _stuck(run, cluster.now))]
    for (what, advice), same in groupby(sorted(stuck), key=lambda one: one[0]):
        names = [name for _, name in same]
        yield Finding("runs", Level.WARNING, f"{_listed(names)}: {what}", advice)
    if not stuck:
        yield Finding(
            "runs", Level.OK, f"None of {len(cluster.runs)} in namespace {cluster.namespace} is stuck."
        )


def _stuck(run: Object, now: datetime) -> tuple[str, str] | None:
    """Why a run seems to be stuck, and what to do; None if it does not."""
    status = run.get("status", {})
    state, reason = status.get("state"), status.get("reason")
    due = max(_time(run["metadata"]["creationTimestamp"]), _time(run["spec"].get("scheduledTime")))
    if state is None:
        unseen = now - _time(run["metadata"]["creationTimestamp"]) > _LONG_UNSEEN
        return ("no operator has looked at it yet.", "See what is said of the operator.") if unseen else None
    if RunState(state).is_final:
        return None
    if reason in {Reason.NODE_LOST, Reason.JOB_CONFLICT}:
        return f"{state}, {reason}.", _hint(reason, run)
    if state == RunState.QUEUED and now - due > _LONG_QUEUED:
        return f"Queued for more than an hour, {reason}.", _hint(reason or "", run)
    began = max((_time(one["creationTime"]) for one in status.get("attempts", ())), default=due)
    if state == RunState.PENDING and now - began > _LONG_PENDING:
        return f"Pending for more than a quarter of an hour, {reason}.", _hint(reason or "", run)
    return None


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "1970-01-01T00:00:00Z")


def _deployment(run: Object) -> str:
    return str(run["spec"]["deploymentRef"]["name"])


def _hint(reason: str, of: Object) -> str:
    meta = of["metadata"]
    return Reason(reason).advice(meta["name"], meta["namespace"]) if reason in set(Reason) else ""


def _listed(names: Iterable[str]) -> str:
    first, rest = list(names)[:_NAMED], list(names)[_NAMED:]
    return ", ".join(first) + (f" and {len(rest)} more" if rest else "")
