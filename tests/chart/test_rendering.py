import json
import re
import subprocess
import sys
import typing

import pytest
import yaml
from chart.conftest import CHART, ROOT, VERSION
from pydantic import BaseModel

from millstream.resources import api_access, namespace_defaults
from millstream.resources.flow_deployment import FlowDeploymentSpec
from millstream.resources.flow_run import FlowRunSpec
from millstream.resources.namespace_defaults import NamespaceDefaults
from millstream.resources.run_template import ApiAccess
from millstream_operator import sample_run
from millstream_operator.settings import Settings

GRACE = "terminationGracePeriodSeconds"
REVISION = "millstream.dev/schema-revision"
HELM_WAITS_SECONDS = 5 * 60
BY_NODE = {"topologyKey": "kubernetes.io/hostname", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
# What a service account's rights are used by: a deployment that names it needs the right to it for a change of these.
WHAT_RUNS = {
    "apiAccess", "blocks", "entrypoint", "image", "imagePullPolicy", "imagePullSecrets", "overrides", "pod", "source",
    "storage",
}  # fmt: skip
HOST_FIELDS = {"hostNetwork", "hostPID", "hostIPC", "hostPath", "hostPort", "hostUsers", "privileged"}


def _named(objects, kind, suffix=""):
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"].endswith(suffix)]
    return found


def _pods(objects):
    return [o for o in objects if o["kind"] == "Pod"] + [
        o["spec"]["template"] for o in objects if o["kind"] in {"Deployment", "Job"}
    ]


def _keys(node):
    if isinstance(node, dict):
        yield from node
        for child in node.values():
            yield from _keys(child)
    elif isinstance(node, list):
        for child in node:
            yield from _keys(child)


def test_kinds(render, nothing):
    by_default = [o["kind"] for o in render()]
    assert sorted(by_default) == sorted(
        ["CustomResourceDefinition"] * 2
        + ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment", "Service"]
        + ["ClusterRole", "ClusterRoleBinding"] * 2  # what reaches beyond the served namespaces
        + ["Role", "RoleBinding"]  # for the lease
        + ["ClusterRole"] * 2  # for users
        + ["ClusterRole"] * 2  # for runs with apiAccess
        + ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"] * 4
        + ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Job"]  # after an uninstall
        + ["ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Pod"]  # for `helm test`
    )
    at_least = ["ServiceAccount", *["ClusterRole"] * 3, *["ClusterRoleBinding"] * 3]
    assert [o["kind"] for o in render(nothing)] == [*at_least, "Role", "RoleBinding", "Deployment"]


def test_with_namespaces_the_operator_gets_nothing_clusterwide(render, nothing):
    objects = render(nothing | {"namespaces": ["team-a", "team-b"]})
    assert [o["kind"] for o in objects if "namespace" not in o["metadata"]] == []
    for kind in ("Role", "RoleBinding"):
        places = [(o["metadata"]["namespace"], o["metadata"]["name"]) for o in objects if o["kind"] == kind]
        defaults = "millstream:millstream-system:defaults"
        assert sorted(places) == [
            ("millstream-system", defaults),
            ("millstream-system", "millstream:millstream-system:lease"),
            ("team-a", "millstream:millstream-system"),
            ("team-a", defaults),
            ("team-b", "millstream:millstream-system"),
            ("team-b", defaults),
        ]


def test_the_release_may_be_in_a_namespace_that_it_serves(render):
    objects = render({"namespaces": ["team-a", "team-b"]}, namespace="team-a")
    places = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    assert len(places) == len(set(places))


def test_policies_hold_where_the_release_serves(render):
    def selectors(values):
        bindings = [o for o in render(values) if o["kind"] == "ValidatingAdmissionPolicyBinding"]
        assert len(bindings) == 4
        return [o["spec"].get("matchResources") for o in bindings]

    assert selectors({}) == [None] * 4
    names = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a", "team-b"]}
    only = {"namespaceSelector": {"matchExpressions": [names]}}
    assert selectors({"namespaces": ["team-a", "team-b"]}) == [only] * 4


def test_policies_fail_closed_and_look_at_nothing_but_our_own_resources(render):
    objects = render()
    policies = [o for o in objects if o["kind"] == "ValidatingAdmissionPolicy"]
    bindings = [o["spec"] for o in objects if o["kind"] == "ValidatingAdmissionPolicyBinding"]
    for o in policies:
        assert o["spec"]["failurePolicy"] == "Fail"
        (rule,) = o["spec"]["matchConstraints"]["resourceRules"]
        assert rule["apiGroups"] == ["millstream.dev"]
        assert not any("*" in value for values in rule.values() for value in values)
    assert [spec["policyName"] for spec in bindings] == [o["metadata"]["name"] for o in policies]
    assert {tuple(spec["validationActions"]) for spec in bindings} == {("Deny",)}


def test_defaults_are_what_the_operator_reads(render, everything):
    given = everything["defaults"]
    config = _named(render(everything), "ConfigMap", namespace_defaults.NAME)
    assert config["metadata"]["namespace"] == "millstream-system"
    assert {field: yaml.safe_load(text) for field, text in config["data"].items()} == given
    read = NamespaceDefaults.model_validate(given)
    assert read.model_fields_set == NamespaceDefaults.model_fields.keys(), "set every field in conftest.py"


def test_the_values_have_the_fields_of_the_defaults(chart):
    schema = json.loads((chart / "values.schema.json").read_text())

    def check(node, model, path):
        node = schema["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        node = node.get("items", node)
        fields = {info.alias: info.annotation for info in model.model_fields.values()}
        assert node["properties"].keys() == fields.keys(), path
        for name, annotation in fields.items():
            for child in (annotation, *typing.get_args(annotation)):
                if isinstance(child, type) and issubclass(child, BaseModel):
                    check(node["properties"][name], child, f"{path}.{name}")

    check(schema["properties"]["defaults"], NamespaceDefaults, "defaults")


def test_names_of_what_runs_get(render):
    objects = render()
    roles = {o["metadata"]["name"] for o in objects if o["metadata"]["name"].startswith("millstream-run-")}
    assert roles == set(api_access.CLUSTER_ROLES.values())
    assert api_access.CLUSTER_ROLES.keys() == set(ApiAccess) - {ApiAccess.NONE}
    assert api_access.SERVICE_ACCOUNTS.keys() == api_access.CLUSTER_ROLES.keys()
    (condition,) = _named(objects, "ValidatingAdmissionPolicy", "api-access")["spec"]["matchConditions"]
    (pattern,) = re.findall(r"matches\('(.*)'\)", condition["expression"])
    for account in api_access.SERVICE_ACCOUNTS.values():
        assert re.search(pattern, f"system:serviceaccount:team:{account}")
        assert not re.search(pattern, f"system:serviceaccount:team:{account}s")
        assert not re.search(pattern, f"system:serviceaccount:team:a-{account}")
        assert not re.search(pattern, f"my-system:serviceaccount:team:{account}")


def test_standard_labels(render, values):
    for o in render(values):
        labels = o["metadata"]["labels"]
        expected = {
            "app.kubernetes.io/name": values.get("nameOverride", "millstream"),
            "app.kubernetes.io/instance": "millstream",
            "app.kubernetes.io/version": VERSION,
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/part-of": "millstream",
            "helm.sh/chart": f"millstream-{VERSION}",
        }
        assert expected.items() <= labels.items(), o["metadata"]["name"]


def test_no_access_to_the_host(render, values):
    for pod in _pods(render(values)):
        assert HOST_FIELDS.isdisjoint(_keys(pod))


def test_pods_are_restricted(render, values):
    for pod in _pods(render(values)):
        spec = pod["spec"]
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert spec["volumes"] == [{"name": "tmp", "emptyDir": {}}, *values.get("extraVolumes", [])]
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}


def test_deployment(render):
    deployment = _named(render(), "Deployment")["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pod = deployment["template"]
    assert pod["metadata"] == {"labels": deployment["selector"]["matchLabels"]}
    assert pod["spec"]["terminationGracePeriodSeconds"] == 30
    (container,) = pod["spec"]["containers"]
    assert container["image"] == f"millstream-operator:{VERSION}"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["args"] == [
        "--port=8080",
        "--log-level=INFO",
        "--log-format=text",
        "--workers=16",
        "--lease-name=millstream",
    ]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        request = container[probe]["httpGet"]
        assert (request["path"], ports[request["port"]]) == (path, 8080)


def test_every_option_arrives(render, everything):
    deployment = _named(render(everything), "Deployment")["spec"]
    pod = deployment["template"]
    own = deployment["selector"]["matchLabels"]
    assert own["app.kubernetes.io/component"] == "operator"
    assert pod["metadata"]["labels"] == own | {"team": "data"}
    assert pod["metadata"]["annotations"] == everything["podAnnotations"] | everything["commonAnnotations"]
    spec = pod["spec"]
    for name in (
        "imagePullSecrets",
        "nodeSelector",
        "tolerations",
        "affinity",
        "priorityClassName",
        "terminationGracePeriodSeconds",
    ):
        assert spec[name] == everything[name]
    (container,) = spec["containers"]
    assert container["image"] == f"registry.example.com:5000/team/operator:1.2.3@sha256:{'0' * 64}"
    assert container["imagePullPolicy"] == "Always"
    assert container["env"] == everything["extraEnv"]
    assert container["envFrom"] == everything["extraEnvFrom"]
    assert container["volumeMounts"][1:] == everything["extraVolumeMounts"]
    assert container["resources"] == everything["resources"]
    assert container["args"] == [
        "--port=8080",
        "--log-level=DEBUG",
        "--log-format=json",
        "--workers=4",
        "--lease-name=mill-operator",
        "--namespaces=team-a,team-b",
    ]


def test_the_operator_reads_its_arguments(render, everything):
    arguments = _named(render(everything), "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert Settings.read(arguments, {}) == Settings(
        namespaces=("team-a", "team-b"),
        log_level="DEBUG",
        log_format="json",
        workers=4,
        lease_name="mill-operator",
    )


def test_several_operators_keep_out_of_each_others_way(render, everything):
    assert "PodDisruptionBudget" not in {o["kind"] for o in render()}
    assert "topologySpreadConstraints" not in _named(render(), "Deployment")["spec"]["template"]["spec"]
    objects = render(everything)
    deployment = _named(objects, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    budget = _named(objects, "PodDisruptionBudget")["spec"]
    assert budget == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": deployment["selector"],
    }
    given = everything["topologySpreadConstraints"]
    for values, expected in (
        (everything, [constraint | {"labelSelector": deployment["selector"]} for constraint in given]),
        (
            everything | {"topologySpreadConstraints": []},
            [BY_NODE | {"labelSelector": deployment["selector"]}],
        ),
    ):
        pod = _named(render(values), "Deployment")["spec"]["template"]["spec"]
        assert pod["topologySpreadConstraints"] == expected


def test_metrics_service_finds_the_operator_only(render, everything):
    for values in ({}, everything):
        objects = render(values)
        service = _named(objects, "Service")["spec"]
        selector = service["selector"].items()
        assert selector <= _named(objects, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
        assert not selector <= _named(objects, "Job")["spec"]["template"]["metadata"]["labels"].items()
        assert service["publishNotReadyAddresses"] is True
    service = _named(render(everything), "Service")
    assert service["spec"]["ports"] == [{"name": "metrics", "port": 9090, "targetPort": "http"}]
    assert service["metadata"]["labels"]["scrape"] == "yes"
    assert service["metadata"]["annotations"] == {"example.com/a": "b"} | everything["commonAnnotations"]


def test_names_of_two_releases_differ(render):
    def clusterwide(objects):
        names = {
            o["metadata"]["name"]
            for o in objects
            if "namespace" not in o["metadata"] and o["kind"] != "CustomResourceDefinition"
        }
        # Like the CRDs they are the same for all, and one release has them.
        return names - set(api_access.CLUSTER_ROLES.values())

    here, there = (clusterwide(render(namespace=namespace)) for namespace in ("here", "there"))
    assert here
    assert here.isdisjoint(there)


def test_long_names_fit(render):
    for o in render(release="r" * 53):
        if o["kind"] != "CustomResourceDefinition":
            assert len(re.split("[:.]", o["metadata"]["name"])[0]) <= 63


def test_names_that_yaml_takes_for_something_else_stay_names(render, everything):
    values = everything | {
        "nameOverride": "y",
        "fullnameOverride": "on",
        "namespaces": ["1", "1e3"],
        "priorityClassName": "true",
        "terminationGracePeriodSeconds": 10_000_000,
        "test": {"namespace": "1e3"},
    }
    named = {"name", "namespace", "serviceAccountName", "priorityClassName", "policyName"}
    for o in render(values, release="null", namespace="0x10"):
        for key, value in _items(o):
            assert isinstance(value, str) or key not in named, (o["kind"], key, value)
        assert {type(value) for value in o["metadata"]["labels"].values()} == {str}
    assert _named(render(values), "Deployment")["spec"]["template"]["spec"][GRACE] == 10_000_000
    monitor = _named(render(values, namespace="0x10"), "ServiceMonitor")["spec"]
    assert monitor["namespaceSelector"] == {"matchNames": ["0x10"]}


def _items(node):
    """Go through all fields of an object with one value."""
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _items(child)
    if isinstance(node, dict):
        yield from ((key, value) for key, value in node.items() if not isinstance(value, dict | list))


def test_crds_are_the_projects(render, chart):
    source = {path.name: path.read_text() for path in (chart.parents[1] / "crds").iterdir()}
    copies = {path.name: path.read_text() for path in (chart / "files/crds").iterdir()}
    assert copies == source, "run: make generate"
    rendered = [o for o in render() if o["kind"] == "CustomResourceDefinition"]
    for o in rendered:
        assert o["metadata"]["annotations"].pop("helm.sh/resource-policy") == "keep"
        assert o["metadata"].pop("labels")
    assert {f"{o['metadata']['name']}.json": o for o in rendered} == {
        name: json.loads(text) for name, text in source.items()
    }


def test_crds_that_are_not_kept(render):
    for o in render({"crds": {"keep": False}}):
        if o["kind"] == "CustomResourceDefinition":
            assert o["metadata"]["annotations"].keys() == {REVISION}


def test_crds_that_are_not_the_previous_releases_have_a_higher_revision(render):
    (previous,) = (ROOT / "tests/e2e/previous").glob("millstream-*.tgz")
    then, now = (
        {o["metadata"]["name"]: o for o in render(chart=chart) if o["kind"] == "CustomResourceDefinition"}
        for chart in (previous, CHART)
    )
    for name, o in now.items():
        if o["spec"] != then[name]["spec"]:
            assert _revision(o) > _revision(then[name]), "raise _REVISION in millstream/resources/crd.py"


def _revision(definition):
    return int(definition["metadata"]["annotations"].get(REVISION, 0))


def test_hooks_bring_what_they_need_before_they_run(render, values):
    hooks = [o for o in render(values) if "helm.sh/hook" in o["metadata"].get("annotations", {})]
    assert {o["metadata"]["annotations"]["helm.sh/hook"] for o in hooks} <= {"post-delete", "test"}
    for o in hooks:
        annotations = o["metadata"]["annotations"]
        policies = set(annotations["helm.sh/hook-delete-policy"].split(","))
        weight = int(annotations.get("helm.sh/hook-weight", 0))
        if annotations["helm.sh/hook"] == "test":
            assert o["kind"] == "Pod", "of all others `helm test --logs` finds no log"
            assert policies == {"before-hook-creation"}, "its log stays until the next one"
            assert (
                o["spec"]["activeDeadlineSeconds"] == values.get("test", {}).get("timeoutSeconds", 180) + 60
            )
        elif o["kind"] == "Job":
            assert weight == 0
            assert policies == {"before-hook-creation", "hook-succeeded"}
            # helm waits for it: it ends also where its image cannot be had.
            assert o["spec"]["activeDeadlineSeconds"] <= 300
            assert o["spec"]["ttlSecondsAfterFinished"]
        else:
            assert weight < 0
            assert policies == {"before-hook-creation", "hook-succeeded", "hook-failed"}


def test_each_field_may_be_changed_under_a_foreign_service_account_or_says_what_runs_under_it(render):
    spec = _named(render(), "ValidatingAdmissionPolicy", "flowdeployments")["spec"]
    (free,) = [variable["expression"] for variable in spec["variables"] if variable["name"] == "free"]
    fields = {info.alias for info in FlowDeploymentSpec.model_fields.values()}
    assert fields == {*yaml.safe_load(free)} ^ WHAT_RUNS, "put a new field into one of the two lists"


def test_what_all_objects_get(render, everything):
    objects = render(everything)
    for o in [*objects, *_pods(objects)]:
        assert o["metadata"]["annotations"]["example.com/owner"] == "platform"
        assert o["metadata"]["labels"]["team"] in {"platform", "data"}
        assert o["metadata"]["labels"]["app.kubernetes.io/name"] == "mill"
    crds = [o["metadata"]["annotations"] for o in objects if o["kind"] == "CustomResourceDefinition"]
    assert [annotations["example.com/crd"] for annotations in crds] == ["yes", "yes"]
    account = _named(objects, "ServiceAccount", "mill-operator")
    assert account["metadata"]["annotations"]["example.com/role"] == "operator"


def test_digest_pins_every_pod(render, everything):
    images = {pod["spec"]["containers"][0]["image"] for pod in _pods(render(everything))}
    assert images == {f"registry.example.com:5000/team/operator:1.2.3@sha256:{'0' * 64}"}


def test_monitors_find_the_operator_and_leave_its_labels_alone(render, everything):
    objects = render(everything)
    monitor = _named(objects, "ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    selector = monitor["spec"]["selector"]["matchLabels"].items()
    (found,) = [o for o in objects if o["kind"] == "Service" and selector <= o["metadata"]["labels"].items()]
    (endpoint,) = monitor["spec"]["endpoints"]
    given = everything["metrics"]["serviceMonitor"]
    assert endpoint == {
        "port": found["spec"]["ports"][0]["name"],
        "path": "/metrics",
        "honorLabels": True,
        **{name: given[name] for name in ("interval", "scrapeTimeout", "relabelings", "metricRelabelings")},
    }

    objects = render({"metrics": {"podMonitor": {"create": True, "labels": {"release": "prometheus"}}}})
    monitor = _named(objects, "PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    deployment = _named(objects, "Deployment")["spec"]
    assert monitor["spec"]["selector"] == deployment["selector"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (port,) = deployment["template"]["spec"]["containers"][0]["ports"]
    assert endpoint == {"port": port["name"], "path": "/metrics", "honorLabels": True, "interval": "30s"}


def test_the_operator_is_told_of_scrapes_that_are_rarer_than_it_takes_for_granted(render):
    def seconds(interval, *environment, monitor="serviceMonitor", create=True):
        metrics = {monitor: {"create": create, "interval": interval}}
        objects = render({"metrics": metrics, "extraEnv": environment})
        (container,) = _named(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
        return Settings.read(container["args"], {}).scrape_seconds

    said = {"name": "MILLSTREAM_OPERATOR_SCRAPE_SECONDS", "value": "900"}
    for monitor in ("serviceMonitor", "podMonitor"):
        for interval, told in (("15s", 60), ("1m", 60), ("60s1ms", 61), ("5m", 300), ("240h", 864_000)):
            assert seconds(interval, monitor=monitor) == told
        assert seconds("5m", monitor=monitor, create=False) == 60
        assert seconds("5m", said, monitor=monitor) == 60, "the command line would win over the environment"


def test_every_alert_of_the_file_arrives(render, everything, watched_chart):
    written = yaml.safe_load((watched_chart / "files/alerts.yaml").read_text())
    rule = _named(render(everything, chart=watched_chart), "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert rule["spec"] == written

    first = written["groups"][0]
    for disabled, expected in (
        (["Failed"], [first]),
        (["Down"], [first | {"rules": first["rules"][1:]}, written["groups"][1]]),
    ):
        values = {"alerts": {"create": True, "disabled": disabled}}
        assert _named(render(values, chart=watched_chart), "PrometheusRule")["spec"]["groups"] == expected


def test_without_any_alert_there_is_no_rule(render):
    groups = yaml.safe_load((ROOT / "charts/millstream/files/alerts.yaml").read_text())["groups"]
    names = [rule["alert"] for group in groups for rule in group["rules"]]
    values = {"alerts": {"create": True, "disabled": names}}
    assert not [o for o in render(values) if o["kind"] == "PrometheusRule"]


def _alert(objects, name):
    groups = _named(objects, "PrometheusRule")["spec"]["groups"]
    return next(rule for group in groups for rule in group["rules"] if rule.get("alert") == name)


def test_an_operator_of_another_release_is_no_sign_of_this_one(render):
    for monitor in ("serviceMonitor", "podMonitor"):
        values = {"alerts": {"create": True}, "metrics": {monitor: {"create": True}}}
        found = _alert(render(values, "second", "team"), "MillstreamOperatorDown")["expr"]
        pods = "second-millstream-[a-z0-9]+-?[a-z0-9]+"
        assert found == f'absent(millstream_operator_build_info{{namespace="team", pod=~"{pods}"}})'
    found = _alert(render({"alerts": {"create": True}}), "MillstreamOperatorDown")["expr"]
    assert found == "absent(millstream_operator_build_info)"


@pytest.mark.parametrize("length", [10, 46, 47, 50])
def test_pods_of_a_long_name_are_a_sign_of_it(render, length):
    values = {
        "alerts": {"create": True},
        "metrics": {"podMonitor": {"create": True}},
        "fullnameOverride": "x" * length,
    }
    objects = render(values)
    name = _named(objects, "Deployment")["metadata"]["name"]
    pattern = re.search(r'pod=~"([^"]*)"', _alert(objects, "MillstreamOperatorDown")["expr"])[1]
    replica_set = f"{name}-6d4cf56db6"
    pod = f"{replica_set}-"[:58] + "x7k2p"  # what Kubernetes makes of generateName
    assert re.fullmatch(pattern, pod)
    assert not re.fullmatch(pattern, f"{name}-other-6d4cf56db6-x7k2p")


def test_alerts_have_the_thresholds_of_the_values(render):
    plain = yaml.safe_load((ROOT / "charts/millstream/files/alerts.yaml").read_text())["groups"]
    assert _named(render({"alerts": {"create": True}}), "PrometheusRule")["spec"]["groups"] == plain

    chosen = {
        "failureRatio": 0.25,
        "failures": 7,
        "failedInARow": 4,
        "pendingSeconds": 1800,
        "runningSeconds": 2592000,
        "lastSuccessSeconds": 1209600,
    }
    objects = render({"alerts": {"create": True, "thresholds": chosen}})
    found = {
        alert: set(re.findall(r"([^ [=]+) # (\w+)", _alert(objects, alert)["expr"]))
        for alert in (
            "MillstreamRunFailureRatioHigh",
            "MillstreamRunsFailInARow",
            "MillstreamRunStuckPending",
            "MillstreamRunStuckRunning",
            "MillstreamLastSuccessTooOld",
        )
    }
    assert found == {
        "MillstreamRunFailureRatioHigh": {("0.25", "failureRatio"), ("7", "failures")},
        "MillstreamRunsFailInARow": {("4", "failedInARow")},
        "MillstreamRunStuckPending": {("1800", "pendingSeconds")},
        "MillstreamRunStuckRunning": {("2592000", "runningSeconds")},
        "MillstreamLastSuccessTooOld": {("1209600", "lastSuccessSeconds")},
    }


def test_where_the_runbooks_are(render):
    for url in ("https://example.com/runbooks", "https://example.com/runbooks/"):
        objects = render({"alerts": {"create": True, "runbookBaseUrl": url}})
        annotations = _alert(objects, "MillstreamNoLeader")["annotations"]
        assert annotations["runbook_url"] == "https://example.com/runbooks/MillstreamNoLeader.md"
        assert "runbook" not in annotations


def test_helm_waits_for_its_test_long_enough(render):
    (pod,) = [o for o in render() if o["kind"] == "Pod" and o["metadata"]["name"].endswith("-test")]
    assert pod["spec"]["activeDeadlineSeconds"] < HELM_WAITS_SECONDS


def test_runbooks_name_what_there_is(render):
    objects = render()
    deployment = _named(objects, "Deployment")
    (lease,) = [
        argument.partition("=")[2]
        for argument in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        if argument.startswith("--lease-name=")
    ]
    text = "".join(path.read_text() for path in (ROOT / "docs/runbooks").glob("*.md"))
    assert set(re.findall(r"deploy(?:ment)?/([\w-]+)", text)) == {deployment["metadata"]["name"]}
    assert set(re.findall(r"lease ([\w-]*millstream[\w-]*)", text)) == {lease}


def test_every_dashboard_of_the_folder_arrives(render, everything, watched_chart):
    files = {path.name: path.read_text() for path in (watched_chart / "files/dashboards").iterdir()}
    for values, label in (
        ({"dashboards": {"create": True}}, ("grafana_dashboard", "1")),
        (everything, ("dashboards", "yes")),
    ):
        maps = [o for o in render(values, chart=watched_chart) if "-dashboard-" in o["metadata"]["name"]]
        assert {name: text for o in maps for name, text in o["data"].items()} == files
        for o in maps:
            assert label in o["metadata"]["labels"].items()
            assert re.fullmatch(r"[a-z0-9.-]{1,253}", o["metadata"]["name"])
    assert maps[0]["metadata"]["labels"]["grafana"] == "main"
    assert maps[0]["metadata"]["annotations"]["grafana_folder"] == "Millstream"


def test_own_dashboards_fit_into_a_config_map_and_a_release(chart):
    sizes = [path.stat().st_size for path in (chart / "files").rglob("*") if path.is_file()]
    assert max(sizes) < 900_000
    assert sum(sizes) < 2_000_000, "compressed, Helm keeps a release in a Secret of 1 MiB"


def test_network_policy_denies_what_is_not_named(render, everything):
    assert "NetworkPolicy" not in {o["kind"] for o in render()}
    for values, sources, ports, servers in (
        ({"networkPolicy": {"create": True}}, None, [443, 6443], None),
        (
            everything,
            everything["networkPolicy"]["metricsFrom"],
            [6443],
            [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
        ),
    ):
        objects = render(values)
        policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
        assert [
            o["metadata"]["annotations"].get("helm.sh/hook") if "annotations" in o["metadata"] else None
            for o in policies
        ] == [None, "post-delete"]
        for o in policies:
            spec = o["spec"]
            assert spec["policyTypes"] == ["Ingress", "Egress"]
            selector = spec["podSelector"]["matchLabels"].items()
            assert all(selector <= pod["metadata"]["labels"].items() for pod in _pods(objects))
            (ingress,) = spec["ingress"]
            assert ingress.get("from") == sources
            assert [port["port"] for port in ingress["ports"]] == ["http"]
            dns, server = spec["egress"]
            assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
            assert [port["port"] for port in server["ports"]] == ports
            assert server.get("to") == servers


def test_the_flow_of_the_test_runs(render, everything, tmp_path):
    for values, place, image in (
        ({}, "millstream-system", f"millstream-operator:{VERSION}"),
        ({"namespaces": ["team-a", "team-b"]}, "team-a", f"millstream-operator:{VERSION}"),
        (everything, "team-b", "flows:1"),
    ):
        objects = render(values)
        (pod,) = [o for o in objects if o["kind"] == "Pod"]
        options = sample_run._options(pod["spec"]["containers"][0]["args"])
        assert (options.namespace, options.image) == (place, image)
        assert options.pull_secret == [secret["name"] for secret in values.get("imagePullSecrets", [])]
        assert FlowRunSpec.model_validate(sample_run.manifest(options)["spec"])
        (code,) = [
            o for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == options.config_map
        ]
        assert code["metadata"]["namespace"] == place
        (tmp_path / "flow.py").write_text(code["data"]["flow.py"])
    run = "from flow import main; assert main(6, 7) == 42"
    subprocess.run([sys.executable, "-c", run], cwd=tmp_path, check=True)
