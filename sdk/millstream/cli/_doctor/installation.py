"""What is judged of the installation: this machine, the cluster, the operator, and the caller's rights."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from millstream.cli._doctor.facts import ClusterFacts, Hidden, LocalFacts, lease_of, namespaces_of
from millstream.cli._doctor.finding import Finding, Level
from millstream.resources.crd import definitions
from millstream.resources.model import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

OLDEST_KUBERNETES: Final = (1, 32)
POLICIES: Final = ("flowdeployments", "flowruns", "api-access", "status")
"""How the names of the chart's admission policies end."""
_WITHOUT_POLICIES: Final = (
    "They hold runs to the service accounts that their makers may use, and keep the status the operator's."
)
_SKEW_TO_SPEAK_OF: Final = 5.0
_SKEW_THAT_HURTS: Final = 60.0
_INSTALL: Final = (
    "Install the chart (docs/install.md): helm upgrade --install millstream charts/millstream "
    "--namespace millstream-system --create-namespace"
)
_SAME_VERSION: Final = "Use the millstream of the operator's version, or upgrade the chart (docs/install.md)."


def here(local: LocalFacts) -> Iterator[Finding]:
    """This machine."""
    yield Finding("millstream", Level.OK, f"millstream {local.version}, Python {local.python}.")
    if "kubernetes" in local.missing_extras:
        yield Finding(
            "extras",
            Level.PROBLEM,
            "What speaks to clusters is not installed.",
            "pip install 'millstream[kubernetes]'",
        )
    elif local.missing_extras:
        missing = ", ".join(local.missing_extras)
        yield Finding("extras", Level.OK, f"Not installed, and needed for such storages only: {missing}.")
    if local.settings_problem is None:
        yield Finding("settings", Level.OK, "All settings can be read.")
    else:
        advice = "Mend it; `millstream config view` shows where settings come from."
        yield Finding("settings", Level.PROBLEM, local.settings_problem, advice)


def api_server(cluster: ClusterFacts) -> Iterator[Finding]:
    """Whether Kubernetes is recent enough."""
    found = re.match(r"v(\d+)\.(\d+)", cluster.version)
    oldest = ".".join(map(str, OLDEST_KUBERNETES))
    if found is None:
        message = f"{cluster.server} answers, and does not say which Kubernetes it is."
        yield Finding("cluster", Level.WARNING, message, f"Millstream needs {oldest} or later.")
    elif (int(found[1]), int(found[2])) < OLDEST_KUBERNETES:
        message = f"{cluster.server} is Kubernetes {cluster.version}."
        yield Finding("cluster", Level.PROBLEM, message, f"Upgrade it: Millstream needs {oldest} or later.")
    else:
        yield Finding("cluster", Level.OK, f"{cluster.server} is Kubernetes {cluster.version}.")


def clock(cluster: ClusterFacts) -> Iterator[Finding]:
    """Whether clocks agree."""
    skew = abs(cluster.skew)
    if skew < _SKEW_TO_SPEAK_OF:
        yield Finding("clock", Level.OK, "The clocks of the API server and of this machine agree.")
        return
    way = "ahead of" if cluster.skew > 0 else "behind"
    level = Level.WARNING if skew < _SKEW_THAT_HURTS else Level.PROBLEM
    yield Finding(
        "clock",
        level,
        f"The API server's clock is {skew:.0f} s {way} this machine's.",
        "Set the wrong one, by NTP: tokens, schedules, time limits and the ages shown here go by clocks.",
    )


def namespace(cluster: ClusterFacts) -> Iterator[Finding]:
    """Whether there is the namespace that is looked at."""
    if cluster.namespace_is_there:
        return
    yield Finding(
        "namespace",
        Level.PROBLEM,
        f"There is no namespace {cluster.namespace}.",
        f"Name another one by --namespace, or make it: kubectl create namespace {cluster.namespace}",
    )


def resources(cluster: ClusterFacts) -> Iterator[Finding]:
    """Whether the cluster has our resources, and those of this version."""
    if not cluster.is_served and cluster.served_versions:
        others = ", ".join(cluster.served_versions)
        message = f"The cluster has FlowDeployments and FlowRuns of {GROUP}/{others}, and not of {VERSION}."
        yield Finding("resources", Level.PROBLEM, message, _SAME_VERSION)
        return
    if not cluster.is_served:
        yield Finding(
            "resources", Level.PROBLEM, "The cluster has no FlowDeployments and FlowRuns.", _INSTALL
        )
        return
    if isinstance(cluster.definitions, Hidden):
        message = "There are FlowDeployments and FlowRuns; whether they are of this version cannot be seen."
        yield Finding("resources", Level.WARNING, message, cluster.definitions.why)
        return
    stored, ours = cluster.definitions, {one["metadata"]["name"]: one for one in definitions().values()}
    other = [name for name in ours if _shape(stored.get(name, {})) != _shape(ours[name])]
    if other:
        yield Finding(
            "resources",
            Level.WARNING,
            f"Of another version than this millstream: {', '.join(other)}.",
            f"{_SAME_VERSION} What one of them does not know, it refuses or leaves out.",
        )
    else:
        yield Finding("resources", Level.OK, "FlowDeployments and FlowRuns are those of this version.")


def _shape(definition: Object) -> Object:
    """What decides which objects are accepted, and how they can be selected."""
    for version in definition.get("spec", {}).get("versions", ()):
        if version["name"] == VERSION:
            return {"schema": version["schema"], "fields": version.get("selectableFields", [])}
    return {}


def operators(local: LocalFacts, cluster: ClusterFacts) -> Iterator[Finding]:
    """Whether an operator is there, ready, of this version and in charge."""
    if isinstance(cluster.operators, Hidden):
        message = "Whether an operator runs cannot be seen."
        yield Finding("operator", Level.WARNING, message, cluster.operators.why)
        return
    if not cluster.operators:
        message = "No operator of the chart was found, so nothing runs."
        yield Finding("operator", Level.PROBLEM, message, _INSTALL)
    elif not any(
        cluster.namespace in (namespaces_of(one) or [cluster.namespace]) for one in cluster.operators
    ):
        served = ", ".join(name for one in cluster.operators for name in namespaces_of(one))
        message = (
            f"No operator serves namespace {cluster.namespace}, so nothing runs in it; served are: {served}."
        )
        yield Finding(
            "operator",
            Level.PROBLEM,
            message,
            "Add it to `namespaces` in the chart's values, or use one of those.",
        )
    yield from _rivals(cluster.namespace, cluster.operators)
    for operator in cluster.operators:
        yield _replicas(operator)
        yield from _image(local, operator)
        yield from _lease(cluster, operator)


def _rivals(namespace: str, found: list[Object]) -> Iterator[Finding]:
    """Operators that do not know of each other; those of one Lease work in turns."""
    serving = {
        lease_of(one) or one["metadata"]["uid"]: f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in found
        if namespace in (namespaces_of(one) or [namespace]) and one["spec"].get("replicas", 1) > 0
    }
    if len(serving) > 1:
        yield Finding(
            "operator",
            Level.PROBLEM,
            f"More than one operator serves namespace {namespace}: {', '.join(sorted(serving.values()))}. "
            "Each is refused what the other writes, and runs stand still.",
            "Remove all but one, or give each `namespaces` in the chart's values that no other has.",
        )


def _replicas(operator: Object) -> Finding:
    meta = operator["metadata"]
    name, wanted = f"{meta['namespace']}/{meta['name']}", operator["spec"].get("replicas", 1)
    ready = operator.get("status", {}).get("readyReplicas", 0)
    message = f"{name}: {ready} of {wanted} replicas are ready."
    see = f"kubectl describe pods --namespace {meta['namespace']} --selector app.kubernetes.io/component=operator"
    if wanted == 0:
        up = f"kubectl scale deployment/{meta['name']} --namespace {meta['namespace']} --replicas=2"
        return Finding("operator", Level.PROBLEM, f"{name} is scaled to 0.", f"If that is over: {up}")
    if ready == 0:
        return Finding("operator", Level.PROBLEM, message, f"See why: {see}")
    if ready < wanted:
        return Finding("operator", Level.WARNING, message, f"See why: {see}")
    return Finding("operator", Level.OK, message)


def _image(local: LocalFacts, operator: Object) -> Iterator[Finding]:
    for container in operator["spec"]["template"]["spec"]["containers"]:
        image = container["image"]
        tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        if container["name"] == "operator" and re.match(r"v?\d", tag) and tag.lstrip("v") != local.version:
            yield Finding(
                "operator",
                Level.WARNING,
                f"Its image is {image}, and this millstream is {local.version}.",
                f"Use the same version here: pip install millstream=={tag.lstrip('v')}",
            )


def _lease(cluster: ClusterFacts, operator: Object) -> Iterator[Finding]:
    place = lease_of(operator)
    if place is None:
        return
    namespace, name = place
    lease = cluster.leases.get(place)
    log = f"kubectl logs --namespace {namespace} --selector app.kubernetes.io/component=operator --tail=50"
    if isinstance(lease, Hidden):
        yield Finding("lease", Level.WARNING, "Which operator is in charge cannot be seen.", lease.why)
        return
    holder, renewed = (lease or {}).get("spec", {}).get("holderIdentity"), _renewed(lease)
    if lease is None or not holder or renewed is None:
        yield Finding(
            "lease", Level.PROBLEM, f"No operator holds the Lease {namespace}/{name}.", f"See: {log}"
        )
        return
    age = cluster.now - renewed
    if age > timedelta(seconds=2 * lease["spec"].get("leaseDurationSeconds", 15)):
        message = f"{holder} has the Lease {namespace}/{name}, and has not renewed it for {age.total_seconds():.0f} s."
        yield Finding("lease", Level.PROBLEM, message, f"No operator works. See: {log}")
    else:
        yield Finding("lease", Level.OK, f"{holder} is in charge.")


def _renewed(lease: Object | None) -> datetime | None:
    text = (lease or {}).get("spec", {}).get("renewTime")
    return None if text is None else datetime.fromisoformat(text)


def policies(cluster: ClusterFacts) -> Iterator[Finding]:
    """Whether the chart's admission policies are in force."""
    if isinstance(cluster.policies, Hidden):
        yield Finding("policies", Level.WARNING, "Admission policies cannot be seen.", cluster.policies.why)
        return
    there, served = cluster.policies.there, set[str]()
    names = {policy["metadata"]["name"] for policy in there}
    for binding in cluster.policies.bindings:
        if binding["spec"].get("policyName") in names and _is_in_force(binding, cluster.namespace):
            served.add(binding["spec"]["policyName"].rpartition(".")[2])
    missing = [name for name in POLICIES if name not in served]
    if not missing:
        message = f"The chart's admission policies are in force in namespace {cluster.namespace}."
        yield Finding("policies", Level.OK, message)
        return
    what = (
        f"Not in force in namespace {cluster.namespace}: {', '.join(missing)}."
        if there
        else "There are no admission policies of the chart."
    )
    yield Finding(
        "policies",
        Level.WARNING,
        f"{what} {_WITHOUT_POLICIES}",
        "Unless others do their work: admissionPolicies.create=true in the chart's values (docs/access.md).",
    )


def _is_in_force(binding: Object, namespace: str) -> bool:
    """Whether a binding refuses what its policy refuses in a namespace, as far as its selectors go by its name."""
    spec = binding["spec"]
    resources = spec.get("matchResources", {})
    selector = resources.get("namespaceSelector", {})
    terms = [
        *selector.get("matchExpressions", ()),
        *(
            {"key": key, "operator": "In", "values": [value]}
            for key, value in selector.get("matchLabels", {}).items()
        ),
    ]
    return (
        "Deny" in spec.get("validationActions", ())
        and not resources.get("objectSelector")
        and all(_selects(term, namespace) for term in terms)
    )


def _selects(term: Object, namespace: str) -> bool:
    """Whether a term of a label selector is true of the only label of a namespace that is known: its name."""
    if term["key"] != "kubernetes.io/metadata.name":
        return False
    values = term.get("values", ())
    match term["operator"]:
        case "In":
            return namespace in values
        case "NotIn":
            return namespace not in values
        case operator:
            return bool(operator == "Exists")


def rights(cluster: ClusterFacts) -> Iterator[Finding]:
    """What the caller may not do."""
    if not cluster.missing_rights:
        yield Finding("rights", Level.OK, f"You may use all commands in namespace {cluster.namespace}.")
    for right in cluster.missing_rights:
        what = f"{right.kind.plural}/{right.part}" if right.part else right.kind.plural
        reads = right.verb in {"get", "list"} and right.kind.group == GROUP
        yield Finding(
            "rights",
            Level.PROBLEM if reads else Level.WARNING,
            f"You may not {right.verb} {what} in namespace {cluster.namespace}, as is needed for: {right.commands}.",
            f"Ask for the cluster role {'view' if right.verb in {'get', 'list', 'watch'} else 'edit'}, if you need it.",
        )
