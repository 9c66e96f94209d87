"""What there is to know of this machine, the cluster and what runs in it; reading is all that happens here."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.util import find_spec
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import millstream
from millstream import _surroundings
from millstream._cluster.kinds import (
    ADMISSION_BINDINGS,
    ADMISSION_POLICIES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    FLOW_DEPLOYMENTS,
    FLOW_RUNS,
    LEASES,
    PODS,
    Kind,
)
from millstream.exceptions import ClusterError, ClusterUnreachable, ObjectNotFound, SettingsError
from millstream.resources.model import GROUP, VERSION
from millstream.settings import declared, get_current_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from millstream._cluster.cluster import Cluster
    from millstream._cluster.connection import Place

T = TypeVar("T")
Object = dict[str, Any]

_OURS: Final = "app.kubernetes.io/part-of=millstream"
_LEASE: Final = "--lease-name="
_NAMESPACES: Final = "--namespaces="
_EXTRAS: Final = {
    "kubernetes": ("kubernetes", "jsonschema_rs"),
    "object-storage": ("obstore",),
    "postgres": ("psycopg",),
}


class Right(NamedTuple):
    """A right that commands need.

    Attributes:
        commands: Which.
        verb: As in rules of RBAC.
        kind: Of what.
        part: A subresource.
    """

    commands: str
    verb: str
    kind: Kind
    part: str | None = None


RIGHTS: Final = (
    Right("run ls, show, doctor", "list", FLOW_RUNS),
    Right("run show, result, backfill", "get", FLOW_RUNS),
    Right("--watch, run logs -f", "watch", FLOW_RUNS),
    Right("deployment ls, doctor", "list", FLOW_DEPLOYMENTS),
    Right("deployment show, run, backfill", "get", FLOW_DEPLOYMENTS),
    Right("deployment run, run retry, backfill", "create", FLOW_RUNS),
    Right("run cancel, suspend, resume", "patch", FLOW_RUNS),
    Right("run delete", "delete", FLOW_RUNS),
    Right("deploy", "create", FLOW_DEPLOYMENTS),
    Right("deploy, deployment pause, resume", "patch", FLOW_DEPLOYMENTS),
    Right("deployment delete", "delete", FLOW_DEPLOYMENTS),
    Right("deploy without --image", "create", CONFIG_MAPS),
    Right("deploy without --image", "patch", CONFIG_MAPS),
    Right("run logs", "list", PODS),
    Right("run logs", "get", PODS, "log"),
)


class Hidden(NamedTuple):
    """Something that could not be read.

    Attributes:
        why: In a sentence.
    """

    why: str


class Policies(NamedTuple):
    """Admission policies.

    Attributes:
        there: Those that there are.
        bindings: What puts them in force.
    """

    there: list[Object]
    bindings: list[Object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFacts:
    """This machine.

    Attributes:
        python: Python's version.
        version: Millstream's version.
        missing_extras: Extras of Millstream that are not installed.
        settings_problem: What is wrong with the settings, if anything is.
    """

    python: str
    version: str
    missing_extras: tuple[str, ...] = ()
    settings_problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """The cluster, with the rights of the caller.

    Attributes:
        server: The address of the API server.
        namespace: The namespace that is looked at.
        namespace_is_there: Whether there is one of this name; who may not know that is taken at their word.
        now: The time, by the API server's clock.
        version: Kubernetes' version.
        skew: By how many seconds the API server's clock is ahead of ours.
        served_versions: The versions of our resources that the API server knows.
        definitions: Our CustomResourceDefinitions by their names, those that there are.
        operators: The operator's Deployments.
        leases: The Leases of these by namespace and name, None if there is none.
        policies: The admission policies of the chart.
        missing_rights: Rights that the caller does not have in the namespace.
        deployments: The FlowDeployments of the namespace.
        runs: The FlowRuns of the namespace.
    """

    server: str
    namespace: str
    namespace_is_there: bool
    now: datetime
    version: str
    skew: float
    served_versions: tuple[str, ...]
    definitions: dict[str, Object] | Hidden
    operators: list[Object] | Hidden
    leases: dict[tuple[str, str], Object | Hidden | None]
    policies: Policies | Hidden
    missing_rights: tuple[Right, ...]
    deployments: list[Object] | Hidden
    runs: list[Object] | Hidden

    @property
    def is_served(self) -> bool:
        """Whether the API server knows our resources as we do."""
        return VERSION in self.served_versions


def look_at_this_machine() -> LocalFacts:
    """Read what can be told without a cluster."""
    return LocalFacts(
        python=platform.python_version(),
        version=millstream.__version__,
        missing_extras=tuple(extra for extra, modules in _EXTRAS.items() if not all(map(find_spec, modules))),
        settings_problem=_settings_problem(),
    )


def look_at_cluster(place: Place) -> ClusterFacts | Hidden:
    """Read what can be told of the cluster; why not, if it cannot be reached at all."""
    try:
        return _cluster_facts(place.connect())
    except (ClusterError, SettingsError) as error:  # settings may name the context and the namespace
        return Hidden(str(error))


def lease_of(operator: Object) -> tuple[str, str] | None:
    """Namespace and name of the Lease that an operator's Deployment asks for; None if it is to have none."""
    name = _argument(operator, _LEASE)
    return None if name is None else (operator["metadata"]["namespace"], name)


def namespaces_of(operator: Object) -> list[str]:
    """The namespaces that an operator's Deployment is to serve; none for all."""
    return [name for name in (_argument(operator, _NAMESPACES) or "").split(",") if name]


def _argument(operator: Object, option: str) -> str | None:
    for container in operator["spec"]["template"]["spec"]["containers"]:
        for argument in container.get("args", ()):
            if argument.startswith(option):
                return str(argument.removeprefix(option))
    return None


def _settings_problem() -> str | None:
    settings = get_current_settings()
    try:
        for setting in declared().values():
            found = settings.found(setting)
            if found is not None:
                setting.read(*found)
    except SettingsError as error:
        return str(error)
    return None


def _cluster_facts(cluster: Cluster) -> ClusterFacts:
    version, skew, now = _version(cluster)
    operators = _seen(
        lambda: list(
            cluster.list(DEPLOYMENTS, everywhere=True, labels=f"{_OURS},app.kubernetes.io/component=operator")
        )
    )
    leases = {} if isinstance(operators, Hidden) else set(filter(None, map(lease_of, operators)))
    return ClusterFacts(
        server=cluster.server,
        namespace=cluster.namespace,
        namespace_is_there=cluster.read(f"/api/v1/namespaces/{cluster.namespace}")[0] != HTTPStatus.NOT_FOUND,
        now=now,
        version=version,
        skew=skew,
        served_versions=_served_versions(cluster),
        definitions=_seen(lambda: _definitions(cluster)),
        operators=operators,
        leases={place: _lease(cluster, place) for place in leases},
        policies=_seen(
            lambda: Policies(
                list(cluster.list(ADMISSION_POLICIES, everywhere=True, labels=_OURS)),
                list(cluster.list(ADMISSION_BINDINGS, everywhere=True, labels=_OURS)),
            )
        ),
        missing_rights=tuple(
            right for right in RIGHTS if not cluster.allows(right.verb, right.kind, part=right.part)
        ),
        deployments=_seen(lambda: list(cluster.list(FLOW_DEPLOYMENTS))),
        runs=_seen(lambda: list(cluster.list(FLOW_RUNS))),
    )


def _definitions(cluster: Cluster) -> dict[str, Object]:
    names = [f"{kind.plural}.{kind.group}" for kind in (FLOW_DEPLOYMENTS, FLOW_RUNS)]
    found = chain.from_iterable(
        cluster.list(CUSTOM_RESOURCE_DEFINITIONS, everywhere=True, fields=f"metadata.name={name}")
        for name in names
    )
    return {one["metadata"]["name"]: one for one in found}


def _version(cluster: Cluster) -> tuple[str, float, datetime]:
    """Kubernetes' version, and its clock beside ours: the header is to the second, so it is half of one behind."""
    before = _surroundings.current.time()
    status, headers, content = cluster.read("/version")
    after = _surroundings.current.time()
    ours = (before + after) / 2
    date = headers.get("Date")
    theirs = parsedate_to_datetime(date).timestamp() + 0.5 if date else ours
    version = _git_version(content) if status == HTTPStatus.OK else ""
    return version, theirs - ours, datetime.fromtimestamp(theirs, UTC)


def _git_version(content: bytes) -> str:
    """Nothing if it is not Kubernetes that answers but a proxy, with a page of its own."""
    try:
        return str(json.loads(content)["gitVersion"])
    except (ValueError, TypeError, LookupError):
        return ""


def _served_versions(cluster: Cluster) -> tuple[str, ...]:
    content = cluster.read(f"/apis/{GROUP}")[2]
    try:
        return tuple(str(one["version"]) for one in json.loads(content)["versions"])
    except (ValueError, TypeError, LookupError):
        return ()  # nothing of ours is there, or it is not Kubernetes that answers


def _lease(cluster: Cluster, place: tuple[str, str]) -> Object | Hidden | None:
    namespace, name = place

    def read() -> Object | None:
        try:
            return cluster.get(LEASES, name, namespace=namespace)
        except ObjectNotFound:
            return None

    return _seen(read)


def _seen(read: Callable[[], T]) -> T | Hidden:
    try:
        return read()
    except ClusterUnreachable:
        raise
    except (ClusterError, ObjectNotFound) as error:  # an old cluster does not know some kinds at all
        return Hidden(str(error))
