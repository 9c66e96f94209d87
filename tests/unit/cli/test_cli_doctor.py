"""What the doctor says of which facts."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from millstream._cluster.answers import refusal
from millstream._cluster.kinds import ADMISSION_POLICIES, CUSTOM_RESOURCE_DEFINITIONS
from millstream.cli._doctor.checks import findings
from millstream.cli._doctor.facts import (
    RIGHTS,
    ClusterFacts,
    Hidden,
    LocalFacts,
    Policies,
    lease_of,
    look_at_cluster,
    namespaces_of,
)
from millstream.cli._doctor.installation import OLDEST_KUBERNETES, POLICIES
from millstream.resources.crd import definitions
from millstream.resources.model import VERSION

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOCAL = LocalFacts(python="3.12.1", version="1.2.3")
HIDDEN = Hidden("You may not list them.")


def ago(**time):
    return (NOW - timedelta(**time)).isoformat()


def operator(
    name="millstream", *, image="registry.example.com/millstream-operator:1.2.3", replicas=2, ready=2, args=()
):
    lease = ["--port=8080", f"--lease-name={name}", *args]
    pod = {"spec": {"containers": [{"name": "operator", "image": image, "args": lease}]}}
    return {
        "metadata": {"name": name, "namespace": "system", "uid": f"uid-{name}"},
        "spec": {"replicas": replicas, "template": pod},
        "status": {"readyReplicas": ready},
    }


def lease(holder="pod-1", **since):
    renewed = {"renewTime": ago(**since)} if since else {}
    return {"spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, **renewed}}


def deployment(status="True", reason="Valid", message=""):
    condition = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {
        "metadata": {"name": "etl", "namespace": "team"},
        "spec": {},
        "status": {"conditions": [condition]},
    }


def run(name="r", created=None, scheduled=None, attempt=None, **status):
    spec = {"deploymentRef": {"name": "etl"}} | ({"scheduledTime": scheduled} if scheduled else {})
    if attempt:
        status["attempts"] = [{"creationTime": attempt}]
    return {
        "metadata": {"name": name, "namespace": "team", "creationTimestamp": created or ago(days=2)},
        "spec": spec,
        "status": status,
    }


def policies(selector=None, actions=("Deny",), names=POLICIES, **resources):
    names = [f"millstream.system.{name}" for name in names]
    if selector is not None:
        resources["namespaceSelector"] = selector
    rest = {"validationActions": [*actions], **({"matchResources": resources} if resources else {})}
    return Policies(
        [{"metadata": {"name": f"millstream.system.{name}"}} for name in POLICIES],
        [{"metadata": {"name": name}, "spec": {"policyName": name, **rest}} for name in names],
    )


def by_name(operator, *names):
    term = {"key": "kubernetes.io/metadata.name", "operator": operator, "values": [*names]}
    return {"matchExpressions": [term]}


WELL = ClusterFacts(
    server="https://api",
    namespace="team",
    namespace_is_there=True,
    now=NOW,
    version="v1.33.2+k3s1",
    skew=0.4,
    served_versions=("v1beta1", VERSION),
    definitions={one["metadata"]["name"]: one for one in definitions().values()},
    operators=[operator()],
    leases={("system", "millstream"): lease(seconds=2)},
    policies=policies(),
    missing_rights=(),
    deployments=[deployment()],
    runs=[run(state="Completed")],
)


def bad(local=LOCAL, **facts):
    """The findings that are not ok: check, level, message."""
    found = findings(local, replace(WELL, **facts))
    return [(one.check, str(one.level), one.message) for one in found if one.level != "ok"]


def test_all_is_well():
    found = findings(LOCAL, WELL)
    assert {str(one.level) for one in found} == {"ok"}
    assert [one.check for one in found] == [
        "millstream",
        "settings",
        "cluster",
        "clock",
        "resources",
        "operator",
        "lease",
        "policies",
        "rights",
        "deployments",
        "runs",
    ]


def test_the_oldest_kubernetes_is_that_of_the_chart():
    chart = yaml.safe_load((Path(__file__).parents[3] / "charts/millstream/Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={'.'.join(map(str, OLDEST_KUBERNETES))}.0-0"


@pytest.mark.parametrize(
    ("local", "check", "level", "said"),
    [
        ({"missing_extras": ("postgres",)}, "extras", "ok", "for such storages only: postgres"),
        ({"missing_extras": ("kubernetes", "postgres")}, "extras", "problem", "What speaks to clusters"),
        (
            {"settings_problem": "It takes a number."},
            "settings",
            "problem",
            "It takes a number.",
        ),
    ],
)
def test_this_machine_is_judged_without_a_cluster(local, check, level, said):
    found = findings(replace(LOCAL, **local), Hidden("No cluster is configured."))
    assert (found[-1].check, str(found[-1].level), found[-1].message) == (
        "cluster",
        "problem",
        "No cluster is configured.",
    )
    [one] = [one for one in found if one.check == check]
    assert str(one.level) == level
    assert said in one.message


OTHER = {
    name: {**one, "spec": {**one["spec"], "versions": [{**one["spec"]["versions"][0], "schema": {}}]}}
    for name, one in WELL.definitions.items()
    if name.startswith("flowruns")
}

LEASES = {("system", name): lease(seconds=2) for name in ("millstream", "other")}
NO_IMAG = "ConfigMap millstream-defaults in namespace team: there is no imag; did you mean image?"
HELD_UP = {"reason": "UnreadableDefaults", "message": NO_IMAG}
UNREADABLE = deployment()
UNREADABLE["status"]["conditions"].append({"type": "Suspended", "status": "True", **HELD_UP})
QUEUED = run(
    created=ago(minutes=2),
    state="Queued",
    conditions=[{"type": "Succeeded", "status": "Unknown", **HELD_UP}],
    **HELD_UP,
)

CASES = [
    ({"version": "v1.31.9"}, "cluster", "problem", "is Kubernetes v1.31.9."),
    ({"version": "?"}, "cluster", "warning", "does not say which Kubernetes"),
    ({"namespace_is_there": False}, "namespace", "problem", "There is no namespace team."),
    ({"skew": 7.0}, "clock", "warning", "is 7 s ahead of this machine's"),
    ({"skew": -90.0}, "clock", "problem", "is 90 s behind this machine's"),
    ({"definitions": {**WELL.definitions, **OTHER}}, "resources", "warning", "flowruns.millstream.dev."),
    (
        {"definitions": {}},
        "resources",
        "warning",
        "than this millstream: flowdeployments.millstream.dev, flow",
    ),
    ({"definitions": HIDDEN}, "resources", "warning", "cannot be seen"),
    ({"served_versions": ()}, "resources", "problem", "has no FlowDeployments and FlowRuns"),
    (
        {"served_versions": ("v1beta9",)},
        "resources",
        "problem",
        f"of millstream.dev/v1beta9, and not of {VERSION}",
    ),
    ({"operators": HIDDEN, "leases": {}}, "operator", "warning", "Whether an operator runs cannot be seen"),
    ({"operators": [], "leases": {}}, "operator", "problem", "No operator of the chart"),
    (
        {"operators": [operator(ready=0)]},
        "operator",
        "problem",
        "system/millstream: 0 of 2 replicas are ready.",
    ),
    ({"operators": [operator(ready=1)]}, "operator", "warning", "1 of 2 replicas are ready."),
    ({"operators": [operator(replicas=0, ready=0)]}, "operator", "problem", "is scaled to 0"),
    ({"operators": [operator(image="host:5000/op:1.2.4@sha256:ab")]}, "operator", "warning", "is 1.2.3"),
    ({"leases": {("system", "millstream"): None}}, "lease", "problem", "No operator holds the Lease"),
    ({"leases": {("system", "millstream"): lease("", seconds=2)}}, "lease", "problem", "No operator holds"),
    ({"leases": {("system", "millstream"): lease()}}, "lease", "problem", "No operator holds"),
    (
        {"leases": {("system", "millstream"): lease(seconds=90)}},
        "lease",
        "problem",
        "not renewed it for 90 s",
    ),
    ({"leases": {("system", "millstream"): HIDDEN}}, "lease", "warning", "in charge cannot be seen"),
    ({"policies": HIDDEN}, "policies", "warning", "cannot be seen"),
    ({"policies": Policies([], [])}, "policies", "warning", "no admission policies of the chart"),
    (
        {"policies": policies(names=POLICIES[1:])},
        "policies",
        "warning",
        "Not in force in namespace team: flowdeployments. They hold",
    ),
    (
        {"policies": policies(actions=["Audit", "Warn"])},
        "policies",
        "warning",
        "Not in force in namespace team: flowdeployments, flowruns, api-access, status.",
    ),
    (
        {"policies": policies(by_name("In", "a", "b"))},
        "policies",
        "warning",
        "Not in force in namespace team",
    ),
    (
        {"policies": policies(by_name("NotIn", "team"))},
        "policies",
        "warning",
        "Not in force in namespace team",
    ),
    ({"policies": policies({"matchLabels": {"flows": "yes"}})}, "policies", "warning", "Not in force in"),
    (
        {"policies": policies(objectSelector={"matchLabels": {"a": "b"}})},
        "policies",
        "warning",
        "Not in force in",
    ),
    (
        {"operators": [operator(args=["--namespaces=a,b"])]},
        "operator",
        "problem",
        "No operator serves namespace team, so nothing runs in it; served are: a, b.",
    ),
    (
        {"missing_rights": RIGHTS[:1]},
        "rights",
        "problem",
        "may not list flowruns in namespace team, as is needed",
    ),
    (
        {"missing_rights": RIGHTS[5:6]},
        "rights",
        "warning",
        "needed for: deployment run, run retry, backfill.",
    ),
    ({"missing_rights": RIGHTS[-1:]}, "rights", "warning", "may not get pods/log"),
    ({"deployments": [deployment("False", "InvalidPod", "no")]}, "deployments", "problem", "not ready: no"),
    (
        {"operators": [operator(), operator("other", args=["--namespaces=a,team"])], "leases": LEASES},
        "operator",
        "problem",
        "More than one operator serves namespace team: system/millstream, system/other. Each is refused",
    ),
    (
        {"deployments": [UNREADABLE, UNREADABLE], "runs": [QUEUED]},
        "defaults",
        "problem",
        "Nothing new starts: ConfigMap millstream-defaults in namespace team: there is no imag",
    ),
    (
        {"deployments": HIDDEN, "runs": [QUEUED]},
        "defaults",
        "problem",
        "Nothing new starts: ConfigMap millstream-defaults in namespace team: there is no imag",
    ),
    (
        {"runs": [run(state="Completed"), run("s", ago(days=1), state="Crashed", reason="StartTimeout")]},
        "starts",
        "problem",
        "The newest run of etl, s, did not start: StartTimeout",
    ),
    ({"runs": [run(created=ago(minutes=2))]}, "runs", "warning", "r: no operator has looked at it yet."),
    (
        {"runs": [run(name, state="Running", reason="NodeLost") for name in "abcde"]},
        "runs",
        "warning",
        "a, b, c and 2 more: Running, NodeLost.",
    ),
    ({"runs": [run(state="Queued", reason="ConcurrencyLimit")]}, "runs", "warning", "for more than an hour"),
    (
        {"runs": [run(state="Pending", reason="Unschedulable", attempt=ago(minutes=16))]},
        "runs",
        "warning",
        "r: Pending for more than a quarter of an hour, Unschedulable.",
    ),
]


@pytest.mark.parametrize(("facts", "check", "level", "said"), CASES, ids=[case[3][:30] for case in CASES])
def test_each_trouble_is_told_once(facts, check, level, said):
    [(found_check, found_level, message)] = bad(**facts)
    assert (found_check, found_level) == (check, level)
    assert said in message


@pytest.mark.parametrize(
    "facts",
    [
        {"operators": [operator(image="registry.example.com/op:latest")]},
        {"operators": [operator(image="registry.example.com/op@sha256:ab")]},
        {"deployments": HIDDEN, "runs": HIDDEN},
        {"operators": [operator(args=["--namespaces=a"]), operator(args=["--namespaces=b,team"])]},
        {"operators": [operator(args=["--namespaces=a"]), operator()]},
        {"operators": [operator(args=["--namespaces=a"]), operator("other")], "leases": LEASES},
        {"operators": [operator(), operator()]},
        {"policies": policies({})},
        {"policies": policies(by_name("In", "a", "team"))},
        {"policies": policies({"matchLabels": {"kubernetes.io/metadata.name": "team"}})},
        {"deployments": [{"metadata": {"name": "new"}, "spec": {}}]},
        {"runs": [run(state="Crashed", reason="StartTimeout"), run("s", ago(days=1), state="Completed")]},
        {"runs": [run(created=ago(seconds=30))]},
        {"runs": [run(state="Queued", scheduled=ago(minutes=5))]},
        {"runs": [run(state="Running", attempt=ago(days=1))]},
        {"runs": [run(state="Pending", attempt=ago(minutes=5))]},
        {"runs": [run(state="Failed", reason="NodeLost")]},
    ],
)
def test_what_is_no_trouble(facts):
    assert bad(**facts) == []


def test_the_policies_are_those_of_the_chart():
    chart = Path(__file__).parents[3] / "charts/millstream/templates/admission-policies.yaml"
    assert tuple(re.findall(r'policyMetadata" \(list \. "([a-z-]+)"\)', chart.read_text())) == POLICIES


class OldCluster:
    """A cluster whose API server answers some requests as a Kubernetes, or a proxy, of its own kind does."""

    server, namespace = "https://api", "team"

    def __init__(self, version, kinds=()):
        self.version = version
        self.kinds = kinds
        self.listed = []

    def connect(self):
        return self

    def read(self, path):
        return 200, {}, self.version if path == "/version" else b"{}"

    def allows(self, verb, kind, *, part=None):
        return True

    def list(self, kind, *, everywhere=False, labels="", fields=""):
        self.listed.append((kind, fields))
        if kind.plural not in self.kinds:
            status = {"message": "the server could not find the requested resource", "details": {}}
            raise refusal("list", kind, None, None, 404, json.dumps(status).encode())
        return iter(())


def test_a_cluster_that_does_not_know_admission_policies_is_diagnosed():
    cluster = OldCluster(b'{"gitVersion": "v1.28.3"}', ["flowruns", "flowdeployments", "deployments"])
    facts = look_at_cluster(cluster)
    assert facts.policies == Hidden("the server could not find the requested resource")
    messages = [one.message for one in findings(LOCAL, facts)]
    assert "https://api is Kubernetes v1.28.3." in messages
    assert "Admission policies cannot be seen." in messages
    assert ADMISSION_POLICIES in [kind for kind, _ in cluster.listed]


@pytest.mark.parametrize("page", [b"<html>Log in</html>", b"[]", b"{}", b"null"])
def test_what_is_no_kubernetes_is_told(page):
    facts = look_at_cluster(OldCluster(page))
    assert "https://api answers, and does not say which Kubernetes it is." in [
        one.message for one in findings(LOCAL, facts)
    ]


def test_of_the_definitions_of_a_cluster_only_ours_are_read():
    cluster = OldCluster(b"{}", ["customresourcedefinitions"])
    look_at_cluster(cluster)
    assert [fields for kind, fields in cluster.listed if kind == CUSTOM_RESOURCE_DEFINITIONS] == [
        "metadata.name=flowdeployments.millstream.dev",
        "metadata.name=flowruns.millstream.dev",
    ]


def test_an_operator_without_a_lease():
    alone = operator()
    alone["spec"]["template"]["spec"]["containers"][0]["args"] = ["--no-leader-election"]
    assert lease_of(alone) is None
    assert namespaces_of(alone) == []
    assert bad(operators=[alone], leases={}) == []


def test_no_cluster(call, home, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(home / "nowhere"))
    done = call("doctor")
    assert done.exit_code == 1
    *local, cluster = done.stdout.splitlines()
    assert [line.split()[0] for line in local] == ["ok"] * len(local)
    assert cluster.split()[:2] == ["problem", "cluster"]
    assert "No cluster is configured" in cluster
    document = json.loads(call("doctor", "-o", "json").stdout)
    assert document[-1]["level"] == "problem"
    assert set(document[-1]) == {"check", "level", "message", "advice"}


def test_settings_that_cannot_be_read(call, home, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(home / "nowhere"))
    home.mkdir()
    (home / "profiles.toml").write_text("active = [")
    done = call("doctor")
    assert done.exit_code == 1
    [line] = [line for line in done.stdout.splitlines() if line.split()[1:2] == ["settings"]]
    assert line.startswith("problem")
    assert "profiles.toml" in line


def test_a_setting_with_a_wrong_value(call, home, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(home / "nowhere"))
    monkeypatch.setenv("MILLSTREAM_LOGGING_LEVEL", "loud")
    assert "problem   settings      MILLSTREAM_LOGGING_LEVEL" in call("doctor").stdout
