import json
import re
import tomllib

import pytest
import yaml


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
            if "properties" in node and path != "/properties/extraVolumes/items":  # of many kinds
                assert node["additionalProperties"] is False, path
            for key, child in node.items():
                check(child, f"{path}/{key}")

    check(json.loads((chart / "values.schema.json").read_text()), "")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"replica": 2}, "additional properties 'replica' not allowed"),
        ({"replicas": 4}, "at '/replicas': maximum: got 4, want 3"),
        ({"replicas": 0}, "at '/replicas': minimum: got 0, want 1"),
        ({"image": {"tga": "x"}}, "at '/image': additional properties 'tga' not allowed"),
        ({"image": {"tag": 1.10}}, "at '/image/tag': got number, want string"),
        ({"image": {"digest": "latest"}}, "at '/image/digest'"),
        ({"image": {"repository": "operator:1"}}, "at '/image/repository'"),
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
        ({"defaults": {"image": "a b"}}, "at '/defaults/image'"),
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
    assert not [path for path in pages if " --reuse-values" in path.read_text()]
