"""Bringing a deployment into a cluster, by server-side apply.

The order never leaves a deployment without its files: first the ConfigMap, then the FlowDeployment that names it, then
the ConfigMap once more, which is owned by the FlowDeployment from then on. Whoever dies between two of these leaves at
most a ConfigMap that is not used; the next deploy goes on from there.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from millstream._cluster.answers import UNDECLARED, FieldsOwnedError
from millstream._cluster.cluster import FIELD_MANAGER
from millstream._cluster.kinds import CONFIG_MAPS, FLOW_DEPLOYMENTS, FLOW_RUNS, REVISIONS
from millstream._deploy.changes import Change, changes
from millstream.exceptions import (
    ClusterForbidden,
    DeploymentError,
    ObjectInvalid,
    ObjectNotFound,
    OutdatedObject,
)
from millstream.resources.labels import DEPLOYMENT, SOURCE
from millstream.resources.model import API_VERSION
from millstream.resources.namespace_defaults import NAME as DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from millstream._cluster.cluster import Cluster, Object
    from millstream._deploy.manifests import Manifests

_GRACE: Final = timedelta(hours=1)
"""Another deploy may have made a ConfigMap that no FlowDeployment names yet."""
_LOOKS: Final = 5


class Planned(NamedTuple):
    """What applying a deployment would do.

    Attributes:
        manifests: Its objects.
        before: The FlowDeployment as it is stored; None if there is none.
        after: What would be stored.
        force: Whether fields are to be taken that others own.
    """

    manifests: Manifests
    before: Object | None
    after: Object
    force: bool

    @property
    def changes(self) -> list[Change]:
        """The fields that differ."""
        return [] if self.before is None else changes(self.before["spec"], self.after["spec"])

    @property
    def word(self) -> str:
        """What happens to it, in kubectl's words."""
        if self.before is None:
            return "created"
        return "configured" if self.changes else "unchanged"


def plan(cluster: Cluster, wanted: Iterable[Manifests], *, force: bool) -> list[Planned]:
    """Ask the API server what applying deployments would do; nothing is stored.

    Args:
        cluster: Where they go.
        wanted: Their objects.
        force: Take fields that others own.

    Raises:
        DeploymentError: Naming all that the API server refuses.
        ClusterForbidden: The same, and we lack rights.
    """
    planned, problems = [], []
    is_forbidden = False
    for one in wanted:
        try:
            planned.append(_planned(cluster, one, force=force))
        except (ObjectInvalid, OutdatedObject, ClusterForbidden) as error:
            problems.append(f"{one.name} cannot be deployed: {_told(error)}")
            is_forbidden |= isinstance(error, ClusterForbidden)
    if is_forbidden:
        raise ClusterForbidden("\n".join([*problems, "`millstream doctor` says which rights you lack."]))
    if problems:
        raise DeploymentError("\n".join(problems))
    return planned


def apply(cluster: Cluster, planned: Planned) -> Object:
    """Store a deployment with its files, and delete files that nobody needs any more.

    Returns:
        The FlowDeployment as it is stored.
    """
    source = planned.manifests.source
    if source is not None:
        cluster.apply(CONFIG_MAPS, _owned(source, planned.before), force=True)
    _, stored = _applied(cluster, planned.manifests, force=planned.force, dry_run=False)
    if source is not None:
        cluster.apply(CONFIG_MAPS, _owned(source, stored), force=True)
    return stored


def delete_old_sources(cluster: Cluster, planned: Planned, stored: Object) -> list[str]:
    """Delete ConfigMaps with files of a deployment that no live run, revision or deployment names; give their names.

    Those that this deploy has replaced stay until the next: a run that begins just now may still take them.

    Raises:
        ClusterForbidden: We may not look, or not delete.
    """
    kept = {_source_of(one["spec"]) for one in (stored, planned.before) if one is not None}
    limit = _written(stored) - _GRACE
    labels = f"{SOURCE}={stored['metadata']['name']}"
    old = [
        one
        for one in cluster.list(CONFIG_MAPS, labels=labels)
        if one["metadata"]["name"] not in kept
        and datetime.fromisoformat(one["metadata"]["creationTimestamp"]) < limit
    ]
    if not old:
        return []
    needed = set(_needed(cluster))
    deleted = [one for one in old if one["metadata"]["name"] not in needed]
    for one in deleted:
        try:
            cluster.delete(CONFIG_MAPS, one["metadata"]["name"], uid=one["metadata"]["uid"])
        except (ObjectNotFound, OutdatedObject):  # somebody else did, or it is another one now
            continue
    return [one["metadata"]["name"] for one in deleted]


def namespace_defaults(cluster: Cluster) -> frozenset[str]:
    """The fields for which the namespace has something where a deployment says nothing, as `image`."""
    try:
        return frozenset(cluster.get(CONFIG_MAPS, DEFAULTS).get("data", {}))
    except ObjectNotFound:
        return frozenset()


def _planned(cluster: Cluster, wanted: Manifests, *, force: bool) -> Planned:
    before = _deployment(cluster, wanted.name)
    if wanted.source is not None:
        cluster.apply(CONFIG_MAPS, _owned(wanted.source, before), force=True, dry_run=True)
    return Planned(wanted, *_applied(cluster, wanted, force=force, dry_run=True), force)


def _applied(
    cluster: Cluster, wanted: Manifests, *, force: bool, dry_run: bool
) -> tuple[Object | None, Object]:
    """Apply a FlowDeployment to what is stored now; gives this, and what it becomes.

    What `millstream deployment` changed was changed by us, and is taken without force, but only of what was looked at:
    who pauses it just now has the later word.
    """
    for _ in range(_LOOKS):
        before = _deployment(cluster, wanted.name)
        body = _kept_suspended(wanted.deployment, before)
        try:
            return before, cluster.apply(FLOW_DEPLOYMENTS, body, force=force, dry_run=dry_run)
        except FieldsOwnedError as error:
            if {manager for manager, _ in error.fields} != {FIELD_MANAGER}:
                raise
        if before is None:
            continue
        seen = {
            **body,
            "metadata": {**body["metadata"], "resourceVersion": before["metadata"]["resourceVersion"]},
        }
        with suppress(OutdatedObject):
            return before, cluster.apply(FLOW_DEPLOYMENTS, seen, force=True, dry_run=dry_run)
    raise OutdatedObject(f"It was changed {_LOOKS} times meanwhile. Deploy again.")


def _deployment(cluster: Cluster, name: str) -> Object | None:
    try:
        return cluster.get(FLOW_DEPLOYMENTS, name)
    except ObjectNotFound:
        return None


def _kept_suspended(body: Object, before: Object | None) -> Object:
    """A deployment that is paused stays paused, unless it is said otherwise."""
    if before is None or "suspend" in body["spec"] or not before["spec"].get("suspend"):
        return body
    return {**body, "spec": {**body["spec"], "suspend": True}}


def _owned(source: Object, owner: Object | None) -> Object:
    if owner is None:
        return source
    reference = {
        "apiVersion": API_VERSION,
        "kind": "FlowDeployment",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {**source, "metadata": {**source["metadata"], "ownerReferences": [reference]}}


def _needed(cluster: Cluster) -> Iterator[str | None]:
    """The ConfigMaps that deployments, revisions of live runs, and runs of templates of their own name."""
    for deployment in cluster.list(FLOW_DEPLOYMENTS):
        yield _source_of(deployment["spec"])
    for revision in cluster.list(REVISIONS, labels=DEPLOYMENT):  # others have some too, of whatever form
        yield _source_of(revision.get("data") or {})
    for run in cluster.list(FLOW_RUNS):
        yield _source_of(run["spec"].get("template", {}))


def _source_of(template: Any) -> str | None:
    name: str | None = (template.get("source") or {}).get("configMap")
    return name


def _written(stored: Object) -> datetime:
    """When this was last written, by the API server's clock."""
    times = [entry["time"] for entry in stored["metadata"].get("managedFields", ()) if "time" in entry]
    return max(map(datetime.fromisoformat, [*times, stored["metadata"]["creationTimestamp"]]))


def _told(error: Exception) -> str:
    if isinstance(error, FieldsOwnedError):
        return "\n  ".join([*_conflicts(error.fields), "Leave these out, or take them with --force."])
    if isinstance(error, ObjectInvalid) and UNDECLARED in str(error):
        return f"{error}. The CRDs of the cluster are of another version: `millstream doctor` says which."
    return str(error)


def _conflicts(fields: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield "others have a say in these fields:"
    for manager, field in fields:
        yield f"spec{field.removeprefix('.spec')} is {manager}'s"
