import json
import re
import typing

import yaml
from pydantic import BaseModel

from millstream.resources import api_access, namespace_defaults
from millstream.resources.flow_deployment import FlowDeploymentSpec
from millstream.resources.namespace_defaults import NamespaceDefaults
from millstream.resources.run_template import ApiAccess
from millstream_operator.settings import Settings

HOST_FIELDS = {"hostNetwork", "hostPID", "hostIPC", "hostPath", "hostPort", "hostUsers", "privileged"}


def _named(objects, kind, suffix=""):
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"].endswith(suffix)]
    return found


def _pods(objects):
    return [o["spec"]["template"] for o in objects if o["kind"] in {"Deployment", "Job"}]


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
    config = _named(render(everything), "ConfigMap")
    assert config["metadata"]["name"] == namespace_defaults.NAME
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
            "app.kubernetes.io/version": "0.1.0",
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/part-of": "millstream",
            "helm.sh/chart": "millstream-0.1.0",
        }
        assert expected.items() <= labels.items(), o["metadata"]["name"]


def test_no_access_to_the_host(render, values):
    for pod in _pods(render(values)):
        assert HOST_FIELDS.isdisjoint(_keys(pod))


def test_pods_are_restricted(render, values):
    for pod in _pods(render(values)):
        spec = pod["spec"]
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert spec["volumes"] == [{"name": "tmp", "emptyDir": {}}]
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
    assert container["image"] == "millstream-operator:0.1.0"
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
    assert pod["metadata"]["annotations"] == everything["podAnnotations"]
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
    assert budget == {"maxUnavailable": 1, "selector": deployment["selector"]}
    (spread,) = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == deployment["selector"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"


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
    assert service["metadata"]["annotations"] == {"example.com/a": "b"}


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


def test_crds_are_the_projects(render, chart):
    source = {path.name: path.read_text() for path in (chart.parents[1] / "crds").iterdir()}
    copies = {path.name: path.read_text() for path in (chart / "files/crds").iterdir()}
    assert copies == source, "run: make generate"
    rendered = [o for o in render() if o["kind"] == "CustomResourceDefinition"]
    for o in rendered:
        assert o["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert o["metadata"].pop("labels")
    assert {f"{o['metadata']['name']}.json": o for o in rendered} == {
        name: json.loads(text) for name, text in source.items()
    }


def test_crds_that_are_not_kept(render):
    for o in render({"crds": {"keep": False}}):
        if o["kind"] == "CustomResourceDefinition":
            assert "annotations" not in o["metadata"]


def test_hook_brings_what_it_needs_before_it_runs(render, values):
    hooks = [o for o in render(values) if "helm.sh/hook" in o["metadata"].get("annotations", {})]
    assert {o["metadata"]["annotations"]["helm.sh/hook"] for o in hooks} <= {"post-delete"}
    for o in hooks:
        annotations = o["metadata"]["annotations"]
        policies = set(annotations["helm.sh/hook-delete-policy"].split(","))
        weight = int(annotations["helm.sh/hook-weight"])
        if o["kind"] == "Job":
            assert weight == 0
            assert policies == {"before-hook-creation", "hook-succeeded"}
            # helm waits for it: it ends also where its image cannot be had.
            assert o["spec"]["activeDeadlineSeconds"] <= 300
            assert o["spec"]["ttlSecondsAfterFinished"]
        else:
            assert weight < 0
            assert policies == {"before-hook-creation", "hook-succeeded", "hook-failed"}


def test_what_may_be_changed_under_a_foreign_service_account_exists(render):
    spec = _named(render(), "ValidatingAdmissionPolicy", "flowdeployments")["spec"]
    (free,) = [variable["expression"] for variable in spec["variables"] if variable["name"] == "free"]
    fields = {info.alias for info in FlowDeploymentSpec.model_fields.values()}
    assert set(yaml.safe_load(free)) <= fields - {"pod", "image", "entrypoint", "source", "overrides"}
