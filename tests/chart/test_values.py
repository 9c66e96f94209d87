import dataclasses
import json
import re
import tomllib

import pytest
import yaml

from millstream_operator.settings import Settings

TMP = "/tmp"  # noqa: S108 - a path in a container
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
WANTED = "preferredDuringSchedulingIgnoredDuringExecution"
HOSTS = {"topologyKey": "kubernetes.io/hostname"}
SPREAD = {**HOSTS, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}


def _required_of_nodes(requirement):
    terms = [{"matchExpressions": [requirement]}]
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}}


def _leaves(node, path=()):
    if isinstance(node, dict) and node and path[-1:] not in {("requests",), ("limits",)}:
        for key, child in node.items():
            yield from _leaves(child, (*path, key))
    else:
        yield path


def _undeclared(schema, values, path=""):
    """Give what is only in the schema or only in the values."""
    yield from (f"{path}/{name}" for name in schema["properties"].keys() ^ values.keys())
    for name, child in schema["properties"].items():
        if values.get(name) and "properties" in child:
            yield from _undeclared(child, values[name], f"{path}/{name}")


def test_lint(call, chart, values):
    output = call(
        "helm", "lint", "--strict", chart, "--kube-version", "1.32.0", "-f", "-", stdin=json.dumps(values)
    )
    assert "[WARNING]" not in output


def test_every_value_is_in_the_schema_and_has_a_description_of_one_line(chart):
    text = (chart / "values.yaml").read_text()
    values = yaml.safe_load(text)
    described = re.findall(r"^ *# -- .*[.]\n *(\w+):", text, flags=re.MULTILINE)
    assert described == [path[-1] for path in _leaves(values)]
    schema = json.loads((chart / "values.schema.json").read_text())
    assert list(_undeclared(schema, values)) == ["/global"]  # which parent charts set


def test_nothing_in_the_schema_is_open(chart):
    def check(node, path):
        if isinstance(node, dict):
            condition = path.endswith("/if")
            if "properties" in node and not condition:
                assert node["additionalProperties"] is False, path
            for key, child in node.items():
                check(child, f"{path}/{key}")

    check(json.loads((chart / "values.schema.json").read_text()), "")


def test_every_kind_of_volume_is_tried_where_pods_are_restricted(chart, everything):
    """And nothing else is taken: test_api_server.py has those values admitted."""
    schema = json.loads((chart / "values.schema.json").read_text())["properties"]["extraVolumes"]["items"]
    assert set(schema["properties"]) == {name for volume in everything["extraVolumes"] for name in volume}
    sentence = (chart / "templates/_pod_options.tpl").read_text()
    kinds = sorted(set(schema["properties"]) - {"name"}, key=str.lower)
    assert f"one kind: {', '.join(kinds[:-1])} or {kinds[-1]}." in sentence


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"replica": 2}, "additional properties 'replica' not allowed"),
        ({"replicas": 4}, "at '/replicas': maximum: got 4, want 3"),
        ({"replicas": 0}, "at '/replicas': minimum: got 0, want 1"),
        ({"image": {"tga": "x"}}, "at '/image': additional properties 'tga' not allowed"),
        ({"image": {"tag": 1.10}}, "at '/image/tag': got number, want string"),
        ({"image": {"digest": "latest"}}, "at '/image/digest'"),
        ({"image": {"pullPolicy": "always"}}, "at '/image/pullPolicy'"),
        ({"imagePullSecrets": ["registry"]}, "at '/imagePullSecrets/0': got string, want object"),
        ({"namespaces": "team-a,team-b"}, "at '/namespaces': got string, want array"),
        ({"namespaces": ["Team"]}, "at '/namespaces/0'"),
        ({"namespaces": ["team-*"]}, "at '/namespaces/0'"),
        ({"namespaces": ["team", "team"]}, "at '/namespaces'"),
        ({"crds": {"keep": "yes"}}, "at '/crds/keep': got string, want boolean"),
        ({"crds": False}, "at '/crds': got boolean, want object"),
        (
            {"defaults": {"maxRuns": 1}},
            "at '/defaults': additional properties 'maxRuns' not allowed",
        ),
        ({"defaults": {"suspend": "yes"}}, "at '/defaults/suspend': got string, want boolean"),
        ({"defaults": {"maxLiveRuns": "10"}}, "at '/defaults/maxLiveRuns': got string, want integer"),
        ({"defaults": {"maxResources": {"cpu": 0.5}}}, "at '/defaults/maxResources/cpu'"),
        ({"defaults": {"storage": {"url": "s3://key:secret@bucket"}}}, "at '/defaults/storage/url'"),
        (
            {"defaults": {"storage": {"url": "s3://bucket", "persistentVolumeClaim": "results"}}},
            "at '/defaults/storage': 'oneOf' failed",
        ),
        (
            {"defaults": {"storage": {"persistentVolumeClaim": "results", "secretName": "keys"}}},
            "at '/defaults/storage': properties 'url' required, if 'secretName' exists",
        ),
        (
            {"defaults": {"resources": {"memory": "1Gi"}}},
            "at '/defaults/resources': additional properties 'memory' not allowed",
        ),
        (
            {"defaults": {"maxRetries": {"failure": 1}}},
            "at '/defaults/maxRetries': additional properties 'failure' not allowed",
        ),
        ({"logLevel": "debug"}, "at '/logLevel'"),
        ({"logFormat": "xml"}, "at '/logFormat'"),
        ({"workers": 0}, "at '/workers'"),
        ({"extraEnv": [{"name": "A", "value": 1}]}, "at '/extraEnv/0/value': got number, want string"),
        ({"extraEnv": {"A": "1"}}, "at '/extraEnv': got object, want array"),
        (
            {"terminationGracePeriodSeconds": 5},
            "at '/terminationGracePeriodSeconds': minimum: got 5, want 30",
        ),
        ({"resources": {"memory": "1Gi"}}, "at '/resources': additional properties 'memory' not allowed"),
        ({"podLabels": {"a": True}}, "at '/podLabels/a': got boolean, want string"),
        ({"tolerations": [{"effect": "noSchedule"}]}, "at '/tolerations/0/effect'"),
        (
            {"affinity": {"nodeAfinity": {}}},
            "at '/affinity': additional properties 'nodeAfinity' not allowed",
        ),
        ({"metrics": {"serviceMonitor": {"interval": "30s1h"}}}, "at '/metrics/serviceMonitor/interval'"),
        (
            {"metrics": {"podMonitor": {"relabelings": [{"action": "remove"}]}}},
            "at '/metrics/podMonitor/relabelings/0/action'",
        ),
        ({"nodeSelector": {"pool": "a b"}}, "at '/nodeSelector/pool'"),
        ({"priorityClassName": "High Priority"}, "at '/priorityClassName'"),
        ({"imagePullSecrets": [{"name": "Registry"}]}, "at '/imagePullSecrets/0/name'"),
        ({"extraEnv": [{"name": "A", "valueFrom": {}}]}, "at '/extraEnv/0/valueFrom': minProperties"),
        (
            {"extraEnv": [{"name": "A", "valueFrom": {"secretRef": {"name": "a"}}}]},
            "at '/extraEnv/0/valueFrom': additional properties 'secretRef' not allowed",
        ),
        (
            {"networkPolicy": {"metricsFrom": [{"podSelector": {"matchLabel": {"a": "b"}}}]}},
            "at '/networkPolicy/metricsFrom/0/podSelector': additional properties 'matchLabel' not allowed",
        ),
        (
            {"affinity": {"nodeAffinity": {"requiredDuringScheduling": {}}}},
            "at '/affinity/nodeAffinity': additional properties 'requiredDuringScheduling' not allowed",
        ),
        (
            {"affinity": {"podAntiAffinity": {WANTED: [{"weight": 101, "podAffinityTerm": HOSTS}]}}},
            f"at '/affinity/podAntiAffinity/{WANTED}/0/weight': maximum: got 101, want 100",
        ),
        (
            _required_of_nodes({"key": "pool", "operator": "In"}),
            "/nodeSelectorTerms/0/matchExpressions/0': missing property 'values'",
        ),
        (
            {"extraEnv": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.node"}}}]},
            "at '/extraEnv/0/valueFrom/fieldRef/fieldPath'",
        ),
        (
            {"extraEnv": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "memory"}}}]},
            "at '/extraEnv/0/valueFrom/resourceFieldRef/resource'",
        ),
        ({"extraEnvFrom": [{"prefix": "1 =", "secretRef": {"name": "a"}}]}, "at '/extraEnvFrom/0/prefix'"),
        ({"extraVolumes": [{"name": "a", "nonsense": 1}]}, "additional properties 'nonsense' not allowed"),
        (
            {"extraVolumes": [{"name": "a", "hostPath": {"path": "/"}}]},
            "at '/extraVolumes/0': additional properties 'hostPath' not allowed",
        ),
        (
            {"extraVolumes": [{"name": "a", "secret": {"name": "b"}}]},
            "at '/extraVolumes/0/secret': missing property 'secretName'",
        ),
        ({"extraVolumes": [{"name": "a", "emptyDir": None}]}, "at '/extraVolumes/0/emptyDir': got null"),
        (
            {"extraVolumes": [{"name": "a", "projected": {"sources": [{"secret": {"secretName": "b"}}]}}]},
            "at '/extraVolumes/0/projected/sources/0/secret'",
        ),
        (
            {"topologySpreadConstraints": [SPREAD | {"labelSelector": {"matchNames": []}}]},
            "at '/topologySpreadConstraints/0/labelSelector': additional properties 'matchNames' not allowed",
        ),
        ({"alerts": {"thresholds": {"failureRatio": 50}}}, "at '/alerts/thresholds/failureRatio'"),
        ({"alerts": {"thresholds": {"pendingSeconds": "10m"}}}, "at '/alerts/thresholds/pendingSeconds'"),
        ({"alerts": {"thresholds": {"pending": 600}}}, "additional properties 'pending' not allowed"),
        ({"alerts": {"runbookBaseUrl": "docs/runbooks"}}, "at '/alerts/runbookBaseUrl'"),
        ({"metrics": {"enabled": True}}, "at '/metrics': additional properties 'enabled' not allowed"),
    ],
    ids=json.dumps,
)
def test_a_mistake_is_refused_by_name(call, chart, setting, message):
    arguments = ("template", "x", chart, "--kube-version", "1.32.0", "-f", "-")
    refusal = call("helm", *arguments, stdin=json.dumps(setting), fails=True)
    assert message in refusal


def _nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def _volume(name, **further):
    return {"name": name, "emptyDir": {}, **further}


def _monitor(**options):
    return {"metrics": {"serviceMonitor": options}}


AMOUNT = "is no amount: write 500m, 2, 512Mi or 1.5Gi."
REGISTRY = "is no registry: write its host, with a port and a path if need be"
ADDRESSES = "is no range of addresses: write 10.0.0.0/8, 10.0.0.1/32 or fd00::/8."


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (
            _monitor(interval="30s", scrapeTimeout="40s"),
            "metrics.serviceMonitor: scrapeTimeout (40s) is longer than interval (30s)",
        ),
        (
            _monitor(interval="1m", scrapeTimeout="1m1ms"),
            "scrapeTimeout (1m1ms) is longer than interval (1m)",
        ),
        (
            _nested("metrics.podMonitor.scrapeTimeout", "1h"),
            "metrics.podMonitor: scrapeTimeout (1h) is longer than interval (30s)",
        ),
        (_monitor(interval="0s"), "metrics.serviceMonitor.interval: 0s is no time at all"),
        (_monitor(scrapeTimeout="0m0s"), "metrics.serviceMonitor.scrapeTimeout: 0m0s is no time at all"),
        (_nested("resources.limits.memory", "lots"), f'resources.limits.memory: "lots" {AMOUNT}'),
        (_nested("resources.requests.cpu", -1), f'resources.requests.cpu: "-1" {AMOUNT}'),
        (_nested("resources.requests.cpu", "500 m"), f'resources.requests.cpu: "500 m" {AMOUNT}'),
        (_nested("resources.limits.memory", "512MB"), f'resources.limits.memory: "512MB" {AMOUNT}'),
        (_nested("defaults.resources.requests.cpu", -1), f'defaults.resources.requests.cpu: "-1" {AMOUNT}'),
        (_nested("defaults.maxResources.memory", "32 Gi"), f'defaults.maxResources.memory: "32 Gi" {AMOUNT}'),
        (_nested("resources.limits.cpus", 1), 'resources.limits: "cpus" is no resource: write cpu, memory'),
        (
            {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "900Mi"}}},
            "resources: the request for memory (1Gi) is larger than the limit (900Mi): lower the one",
        ),
        (
            {"defaults": {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1900m"}}}},
            "defaults.resources: the request for cpu (2) is larger than the limit (1900m)",
        ),
        (
            _nested("networkPolicy.apiServer.to", [{"ipBlock": {"cidr": "10.0.0.1"}}]),
            f'"10.0.0.1" {ADDRESSES}',
        ),
        (
            _nested("networkPolicy.apiServer.to", [{"ipBlock": {"cidr": "10.0.0.256/8"}}]),
            f'networkPolicy.apiServer.to: "10.0.0.256/8" {ADDRESSES}',
        ),
        (
            _nested("networkPolicy.metricsFrom", [{"ipBlock": {"cidr": "nonsense"}}]),
            f'networkPolicy.metricsFrom: "nonsense" {ADDRESSES}',
        ),
        (
            _nested(
                "networkPolicy.metricsFrom", [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1/16"]}}]
            ),
            f'networkPolicy.metricsFrom: "10.1/16" {ADDRESSES}',
        ),
        (
            _nested("networkPolicy.metricsFrom", [{"ipBlock": {"cidr": "fd00:::/8"}}]),
            f'"fd00:::/8" {ADDRESSES}',
        ),
        (
            _nested("networkPolicy.metricsFrom", [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]),
            "networkPolicy.metricsFrom: an ipBlock stands alone",
        ),
        (_nested("image.registry", "https://x"), f'image.registry: "https://x" {REGISTRY}'),
        (_nested("image.registry", "my registry"), f'image.registry: "my registry" {REGISTRY}'),
        (_nested("image.registry", "registry.example.com/"), f'"registry.example.com/" {REGISTRY}'),
        (_nested("image.repository", "operator:1"), 'image.repository: "operator:1" is no repository'),
        (_nested("image.repository", "a b"), 'image.repository: "a b" is no repository'),
        (_nested("image.repository", ""), 'image.repository: "" is no repository'),
        (_nested("defaults.registry", "http://x"), f'defaults.registry: "http://x" {REGISTRY}'),
        (_nested("defaults.image", "a b"), 'defaults.image: "a b" is no image'),
        (_nested("test.flowImage", "https://x/flows:1"), 'test.flowImage: "https://x/flows:1" is no image'),
        ({"extraEnv": [{"name": "MY VAR"}]}, 'extraEnv: "MY VAR" is no name of an environment variable'),
        ({"extraEnv": [{"name": "1A"}]}, 'extraEnv: "1A" is no name of an environment variable'),
        ({"extraEnv": [{"name": "A"}, {"name": "A"}]}, "extraEnv: A is there twice"),
        (
            {
                "extraEnv": [
                    {"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
                ]
            },
            "extraEnv: A has value and valueFrom",
        ),
        (
            {"extraEnv": [{"name": "MILLSTREAM_OPERATOR_NAMESPACES", "value": "a"}]},
            "would give the operator no rights there: use the value namespaces",
        ),
        (
            {"extraEnv": [{"name": "MILLSTREAM_OPERATOR_LEADER_ELECTION", "value": "false"}], "replicas": 3},
            "extraEnv: MILLSTREAM_OPERATOR_LEADER_ELECTION would have two operators do the same work",
        ),
        (
            {"extraEnv": [{"name": "MILLSTREAM_OPERATOR_LOG_LEVL", "value": "DEBUG"}]},
            "extraEnv: MILLSTREAM_OPERATOR_LOG_LEVL is no option of the operator",
        ),
        (
            {"extraEnvFrom": [{"prefix": "MILLSTREAM_OPERATOR_", "configMapRef": {"name": "a"}}]},
            "extraEnvFrom: with the prefix MILLSTREAM_OPERATOR_ the keys would become options of the operator",
        ),
        ({"extraEnvFrom": [{}]}, "extraEnvFrom: each entry has either a configMapRef or a secretRef"),
        (
            {"extraEnvFrom": [{"configMapRef": {"name": "a"}, "secretRef": {"name": "b"}}]},
            "extraEnvFrom: each entry has either a configMapRef or a secretRef",
        ),
        ({"extraVolumes": [_volume("tmp")]}, "extraVolumes: there is a volume tmp already"),
        ({"extraVolumes": [{"name": "a"}]}, "extraVolumes: a has to be of one kind: configMap, csi"),
        (
            {"extraVolumes": [_volume("a", secret={"secretName": "b"})]},
            "extraVolumes: a has to be of one kind",
        ),
        (
            {"extraVolumeMounts": [{"name": "certificates", "mountPath": "/etc/ssl"}]},
            "extraVolumeMounts: there is no volume certificates: add it to extraVolumes",
        ),
        (
            {"extraVolumes": [_volume("a")], "extraVolumeMounts": [{"name": "a", "mountPath": TMP}]},
            "extraVolumeMounts: something is mounted at /tmp already",
        ),
        (
            {"extraVolumeMounts": [{"name": "tmp", "mountPath": "/a", "subPath": "b", "subPathExpr": "c"}]},
            "extraVolumeMounts: tmp has subPath and subPathExpr",
        ),
        (
            {"extraVolumeMounts": [{"name": "tmp", "mountPath": "/a", "subPath": "b/../c"}]},
            "extraVolumeMounts: subPath of tmp leads out of the volume",
        ),
        (
            {"extraVolumeMounts": [{"name": "tmp", "mountPath": "/a", "recursiveReadOnly": "Enabled"}]},
            "extraVolumeMounts: recursiveReadOnly of tmp needs readOnly to be true",
        ),
        ({"tolerations": [{"value": "spot"}]}, "tolerations: one without a key needs the operator Exists"),
        (
            {"tolerations": [{"key": "pool", "operator": "Exists", "value": "spot"}]},
            'tolerations: the operator Exists looks at no value: leave "spot" out',
        ),
        (
            _nested("defaults.tolerations", [{"key": "pool", "tolerationSeconds": 5}]),
            'defaults.tolerations: tolerationSeconds of "pool" needs the effect NoExecute',
        ),
        (
            {"topologySpreadConstraints": [SPREAD | {"minDomains": 2}]},
            "topologySpreadConstraints: minDomains of kubernetes.io/hostname needs whenUnsatisfiable",
        ),
        ({"commonLabels": {"my team": "a"}}, 'commonLabels: "my team" is no name of a label or annotation'),
        (_nested("crds.annotations", {"a/b/c": ""}), 'crds.annotations: "a/b/c" is no name of a label'),
        (_nested("dashboards.sidecarLabel", "a b"), 'dashboards.sidecarLabel: "a b" is no name of a label'),
        (
            _nested("dashboards.sidecarLabel", "app.kubernetes.io/part-of"),
            "dashboards.sidecarLabel: app.kubernetes.io/part-of is a label of all the chart's objects",
        ),
        (
            _nested("dashboards.sidecarLabelValue", "yes please"),
            'dashboards.sidecarLabelValue: "yes please" is no value of a label',
        ),
        (
            {"namespaces": ["team-a"], "test": {"namespace": "team-b"}},
            "test.namespace: team-b is none of namespaces, so nobody would run the test's flow there",
        ),
    ],
    ids=json.dumps,
)
def test_a_mistake_is_refused_in_words(call, chart, setting, sentence):
    arguments = ("template", "x", chart, "--kube-version", "1.32.0", "-f", "-")
    assert sentence in call("helm", *arguments, stdin=json.dumps(setting), fails=True)


@pytest.mark.parametrize(
    "setting",
    [
        _monitor(interval="1m", scrapeTimeout="60s"),
        _monitor(interval="1h0m", scrapeTimeout="08m90000ms"),
        {
            "resources": {
                "requests": {"cpu": "700m", "memory": 1048576},
                "limits": {"cpu": 0.7, "memory": "1Mi"},
            }
        },
        {"resources": {"requests": {"cpu": "1e-1"}, "limits": {"cpu": "100m", "memory": "1.5Gi"}}},
        {
            "resources": {
                "limits": {"example.com/device": 1, "hugepages-2Mi": "4Mi", "ephemeral-storage": "1G"}
            }
        },
        {"resources": {"limits": None, "requests": None}},
        _nested("networkPolicy.metricsFrom", [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]),
        _nested(
            "networkPolicy.metricsFrom",
            [{"ipBlock": {"cidr": "::/0", "except": ["fd00::/8", "2001:db8::1/128"]}}],
        ),
        {"image": {"registry": "localhost:5000/a/b_c", "repository": "team/millstream-operator"}},
        {"image": {"registry": "[fd00::1]:5000"}},
        _nested("test.flowImage", f"registry.example.com:5000/team/flows:1@sha256:{'0' * 64}"),
        _nested("dashboards.sidecarLabelValue", ""),
        {"tolerations": [{"operator": "Exists"}, {"key": "pool", "value": "spot"}]},
        {"extraEnv": [{"name": "my.proxy-name", "value": ""}]},
        {
            "extraVolumes": [
                {
                    "name": "a",
                    "projected": {"sources": [{"clusterTrustBundle": {"name": "a", "path": "ca.crt"}}]},
                }
            ]
        },
        {"extraEnvFrom": [{"prefix": "MILLSTREAM_", "secretRef": {"name": "a"}}]},
        {"podAnnotations": {"not-helm.sh/hook": "x"}, "commonLabels": {"helm.sh/team": "a"}},
        _required_of_nodes({"key": "pool", "operator": "Exists"}),
        _required_of_nodes({"key": "pool", "operator": "In", "values": ["batch"]}),
    ],
    ids=json.dumps,
)
def test_what_is_right_is_taken(call, chart, setting):
    call("helm", "template", "x", chart, "--kube-version", "1.32.0", "-f", "-", stdin=json.dumps(setting))


def test_each_option_of_the_operator_has_a_value_or_is_the_charts(call, chart):
    for option in (field.name.upper() for field in dataclasses.fields(Settings)):
        name = f"MILLSTREAM_OPERATOR_{option}"
        environment = json.dumps({"extraEnv": [{"name": name, "value": "1"}]})
        arguments = ("template", "x", chart, "--kube-version", "1.32.0", "-f", "-")
        taken = option == "SCRAPE_SECONDS"
        answer = call("helm", *arguments, stdin=environment, fails=not taken)
        assert taken or f"extraEnv: {name} would " in answer


def test_what_helm_does_with_an_object_is_not_a_values_matter(call, chart):
    values = yaml.safe_load((chart / "values.yaml").read_text())
    paths = [".".join(path) for path in _leaves(values) if path[-1].lower().endswith("annotations")]
    assert len(paths) > 8
    for path in paths:
        for key in ("helm.sh/hook", "helm.sh/resource-policy", "meta.helm.sh/release-name"):
            setting = json.dumps(_nested(path, {key: "x"}))
            arguments = ("template", "x", chart, "--kube-version", "1.32.0", "-f", "-")
            refusal = call("helm", *arguments, stdin=setting, fails=True)
            assert f"{path}: {key} tells Helm what to do with the object" in refusal


def _nulls(values, path=()):
    """Give what each value would be without one, by its path: as if only a comment stood below its name."""
    for name, value in values.items():
        yield (*path, name), value
        if isinstance(value, dict) and name != "resources":  # of which everything may be left out
            yield from _nulls(value, (*path, name))


def _all_null(paths):
    values = {}
    for path in paths:
        node = values
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = None
    return values


def test_a_value_without_anything_is_empty_or_refused_by_name(call, chart, render):
    by_default = list(_nulls(yaml.safe_load((chart / "values.yaml").read_text())))
    assert render(_all_null(path for path, value in by_default if value in ("", {}, []))) == render()
    needed = [path for path, value in by_default if value not in ("", {}, [])]
    for depth in (1, 2, 3):
        paths = [path for path in needed if len(path) == depth]
        arguments = ("template", "x", chart, "--kube-version", "1.32.0", "-f", "-")
        refusal = call("helm", *arguments, stdin=json.dumps(_all_null(paths)), fails=True)
        assert "missing propert" in refusal
        for path in paths:
            assert f"'{path[-1]}'" in refusal, path


def test_an_old_cluster_is_refused(call, chart):
    refusal = call("helm", "template", "x", chart, "--kube-version", "1.31.9", fails=True)
    assert "chart requires kubeVersion: >=1.32.0-0" in refusal


def test_version_is_the_projects(chart):
    described = yaml.safe_load((chart / "Chart.yaml").read_text())
    project = tomllib.loads((chart.parents[1] / "pyproject.toml").read_text())["project"]
    assert (
        described["version"],
        described["appVersion"],
        described["description"],
    ) == (project["version"], project["version"], project["description"])


def test_an_upgrade_takes_the_new_charts_values_too(chart):
    root = chart.parents[1]
    pages = [root / "README.md", *(root / "docs").rglob("*.md"), *chart.rglob("*.md"), *chart.rglob("*.txt")]
    texts = [path.read_text().replace("\\\n", " ") for path in pages]
    upgrades = [line for text in texts for line in re.findall(r"^\$ (helm upgrade .*)", text, re.MULTILINE)]
    assert upgrades
    for line in upgrades:
        assert "--install" in line or "--reset-then-reuse-values" in line
    assert not [text for text in texts if " --reuse-values" in text]
