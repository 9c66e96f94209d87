"""Fixtures of the chart's tests: helm, kubectl, and one API server for all."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
import uuid
from functools import cache
from pathlib import Path

import pytest
import yaml
from patience import HANG_SECONDS, PATIENTLY, eventually

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "millstream"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
# helm knows the cluster's version only when it talks to one.
OFFLINE = ("--kube-version", "1.32.0")


def _control_plane():
    name = "millstream_hack_control_plane"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "hack/cluster/control_plane.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def chart():
    """The chart's folder."""
    return CHART


@pytest.fixture(scope="session")
def kubeconfig():
    """Credentials of an administrator of a control plane with no nodes."""
    with _control_plane().running(controllers=True) as plane:
        yield plane.kubeconfig


@pytest.fixture(scope="session")
def call():
    """Run helm or kubectl, and give what it prints: with `fails`, why it failed; with `fails=None`, whichever it is."""

    def run(name, *arguments, stdin=None, kubeconfig=None, fails=False):
        program = _control_plane().program(name)
        done = subprocess.run(
            [program, *map(str, arguments)],
            input=stdin,
            env={**os.environ, "KUBECONFIG": str(kubeconfig or os.devnull)},
            capture_output=True,
            text=True,
            check=False,
            timeout=HANG_SECONDS,
        )
        assert fails is None or bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stderr if done.returncode else done.stdout

    return run


@pytest.fixture
def kubectl(call, kubeconfig):
    """Run kubectl as an administrator."""

    def run(*arguments, **options):
        return call("kubectl", *arguments, kubeconfig=kubeconfig, **options)

    return run


@pytest.fixture
def helm(call, kubeconfig):
    """Run helm as an administrator."""

    def run(*arguments, **options):
        return call("helm", *arguments, kubeconfig=kubeconfig, **options)

    return run


def delete_crds(kubectl, *names):
    """Delete CRDs that may have been made a moment ago."""
    kubectl("delete", "crds", *names, "--ignore-not-found", "--wait=false")
    await_deletion(kubectl, *names)


def await_deletion(kubectl, *names):
    """Wait for the end of CRDs that are being deleted, and remind the API server of it.

    If it could not yet list their instances, as soon after they were made, it tries again; where its second look is at an
    older state it waits for the next change, and else for minutes.
    """

    def are_gone():
        left = kubectl("get", "crds", *names, "--ignore-not-found", "-o", "name").split()
        if left:
            kubectl("annotate", "--overwrite", *left, f"reminded={uuid.uuid4()}", fails=None)
        return not left

    eventually(are_gone, f"{names} are gone", pause=0.2)


@pytest.fixture
def bare_cluster(kubectl):
    """A cluster that knows nothing of Millstream, and does not afterwards."""

    def clean():
        policies = "validatingadmissionpolicies,validatingadmissionpolicybindings"
        ours = ("-l", "app.kubernetes.io/part-of=millstream")
        kubectl("delete", f"clusterroles,clusterrolebindings,{policies}", *ours)
        kubectl("delete", "deployments", "--all-namespaces", *ours)
        delete_crds(kubectl, "flowdeployments.millstream.dev", "flowruns.millstream.dev")

    clean()
    yield
    clean()


@pytest.fixture
def prometheus_operator(kubectl):
    """The kinds of the Prometheus operator, without what serves them."""
    kinds = _control_plane().program("helm")
    kubectl("apply", "--server-side", "-f", Path(kinds).parent / "monitoring-crds.yaml")
    names = [
        f"{name}.monitoring.coreos.com" for name in ("servicemonitors", "podmonitors", "prometheusrules")
    ]
    kubectl("wait", PATIENTLY, "--for=condition=Established", *(f"crd/{name}" for name in names))
    yield
    delete_crds(kubectl, *names)


@pytest.fixture(scope="session")
def render(call):
    """Give the objects that the chart makes of values."""

    @cache  # many tests look at the same
    def text(values, release, namespace, chart):
        options = ("--namespace", namespace, "--values", "-")
        return call("helm", "template", release, chart, *OFFLINE, *options, stdin=values)

    def objects(values=None, release="millstream", namespace="millstream-system", chart=CHART):
        made = text(json.dumps(values or {}), release, namespace, chart)
        return [o for o in yaml.load_all(made, Loader=yaml.CSafeLoader) if o]

    return objects


@pytest.fixture
def watched_chart(tmp_path):
    """The chart with alerts and dashboards that are a test's, whatever it has itself."""
    copy = tmp_path / "millstream"
    shutil.copytree(CHART, copy)
    shutil.rmtree(copy / "files/dashboards", ignore_errors=True)
    (copy / "files/dashboards").mkdir()
    for name, board in DASHBOARDS.items():
        (copy / "files/dashboards" / name).write_text(json.dumps(board))
    (copy / "files/alerts.yaml").write_text(yaml.safe_dump(ALERTS))
    return copy


DASHBOARDS = {
    "fleet.json": {"uid": "fleet", "title": "{{ the fleet }}", "legend": "{{namespace}}"},
    "deployment_detail.json": {"uid": "detail"},
}
ALERTS = {
    "groups": [
        {
            "name": "operator",
            "rules": [
                {
                    "alert": "Down",
                    "expr": "up == 0",
                    "for": "5m",
                    "annotations": {"summary": "{{ $labels.pod }}"},
                },
                {"record": "a:b", "expr": "sum(up)"},
            ],
        },
        {"name": "runs", "rules": [{"alert": "Failed", "expr": "up == 1"}]},
    ]
}


EVERYTHING = {
    "nameOverride": "mill",
    "fullnameOverride": "mill-operator",
    "namespaces": ["team-a", "team-b"],
    "preflight": False,
    "commonLabels": {"team": "platform", "app.kubernetes.io/name": "cannot-be-taken"},
    "commonAnnotations": {"example.com/owner": "platform"},
    "crds": {"install": True, "keep": False, "annotations": {"example.com/crd": "yes"}},
    "rbac": {"readNodes": True},
    "defaults": {
        "suspend": True,
        "maxLiveRuns": 1_000_000,
        "image": "1.10",
        "registry": "registry.example.com:5000/team",
        "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": 2}},
        "nodeSelector": {"kubernetes.io/os": "linux", "y": "NO"},
        "tolerations": [
            {"key": "dedicated", "operator": "Exists"},
            {"key": "spot", "effect": "NoExecute", "tolerationSeconds": 5},
        ],
        "storage": {"url": "s3://bucket/team", "secretName": "keys"},
        "allowedImages": ["registry.example.com/*"],
        "maxResources": {"cpu": 8, "memory": "32Gi"},
        "maxRetries": {"failures": 3, "disruptions": 5},
    },
    "image": {
        "registry": "registry.example.com:5000/team",
        "repository": "operator",
        "tag": "1.2.3",
        "digest": f"sha256:{'0' * 64}",
        "pullPolicy": "Always",
    },
    "imagePullSecrets": [{"name": "registry"}],
    "logLevel": "DEBUG",
    "logFormat": "json",
    "replicas": 2,
    "workers": 4,
    "extraEnv": [
        {"name": "NO_PROXY", "value": "10.0.0.1"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ],
    "extraEnvFrom": [{"secretRef": {"name": "proxy", "optional": True}}],
    "extraVolumes": [
        {
            "name": "authorities",
            "configMap": {
                "name": "authorities",
                "optional": True,
                "defaultMode": 0o444,
                "items": [{"key": "ca.crt", "path": "own/ca.crt", "mode": 0o400}],
            },
        },
        {
            "name": "vault",
            "csi": {
                "driver": "secrets-store.csi.k8s.io",
                "fsType": "ext4",
                "readOnly": True,
                "nodePublishSecretRef": {"name": "vault"},
                "volumeAttributes": {"secretProviderClass": "operator"},
            },
        },
        {
            "name": "about",
            "downwardAPI": {
                "defaultMode": 0o444,
                "items": [{"path": "labels", "mode": 0o400, "fieldRef": {"fieldPath": "metadata.labels"}}],
            },
        },
        {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {
            "name": "dumps",
            "ephemeral": {
                "volumeClaimTemplate": {
                    "metadata": {"labels": {"a": "b"}, "annotations": {"example.com/a": "b"}},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1Gi"}, "limits": {"storage": "1Gi"}},
                        "selector": {"matchLabels": {"a": "b"}},
                        "storageClassName": "fast",
                        "volumeMode": "Filesystem",
                    },
                }
            },
        },
        {"name": "kept", "persistentVolumeClaim": {"claimName": "kept", "readOnly": True}},
        {
            "name": "identity",
            "projected": {
                "defaultMode": 0o444,
                "sources": [
                    {"configMap": {"name": "a", "optional": True, "items": [{"key": "a", "path": "a"}]}},
                    {"secret": {"name": "b", "optional": True, "items": [{"key": "b", "path": "b"}]}},
                    {
                        "downwardAPI": {
                            "items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]
                        }
                    },
                    {"serviceAccountToken": {"audience": "x", "expirationSeconds": 600, "path": "token"}},
                ],
            },
        },
        {
            "name": "keys",
            "secret": {
                "secretName": "keys",
                "optional": True,
                "defaultMode": 0o400,
                "items": [{"key": "a", "path": "a"}],
            },
        },
    ],
    "extraVolumeMounts": [{"name": "authorities", "mountPath": "/etc/ssl/certs", "readOnly": True}],
    "serviceAccount": {"annotations": {"example.com/role": "operator"}},
    "topologySpreadConstraints": [
        {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    ],
    "terminationGracePeriodSeconds": 60,
    "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 2, "memory": "2Gi"}},
    "podLabels": {"team": "data", "app.kubernetes.io/component": "cannot-be-taken"},
    "podAnnotations": {"example.com/note": "yes"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "ops", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}
                        ]
                    }
                ]
            }
        }
    },
    "priorityClassName": "system-cluster-critical",
    "metrics": {
        "service": {"port": 9090, "labels": {"scrape": "yes"}, "annotations": {"example.com/a": "b"}},
        "serviceMonitor": {
            "create": True,
            "labels": {"release": "prometheus"},
            "annotations": {"example.com/a": "b"},
            "interval": "15s",
            "scrapeTimeout": "10s",
            "relabelings": [{"action": "labeldrop", "regex": "pod"}],
            "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
        },
    },
    "alerts": {
        "create": True,
        "labels": {"release": "prometheus"},
        "annotations": {"example.com/a": "b"},
        "runbookBaseUrl": "https://example.com/runbooks",
    },
    "dashboards": {
        "create": True,
        "sidecarLabel": "dashboards",
        "sidecarLabelValue": "yes",
        "labels": {"grafana": "main"},
        "annotations": {"grafana_folder": "Millstream"},
    },
    "networkPolicy": {
        "create": True,
        "metricsFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ],
        "apiServer": {"ports": [6443], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
    },
    "test": {"namespace": "team-b", "flowImage": "flows:1", "timeoutSeconds": 60},
}
NOTHING = {
    "crds": {"install": False},
    "rbac": {"aggregateToUserRoles": False},
    "apiAccess": {"createRoles": False},
    "admissionPolicies": {"create": False},
    "metrics": {"service": {"create": False}},
    "test": {"create": False},
    "uninstall": {"releasePods": False},
}


@pytest.fixture(
    params=[{}, {"namespaces": ["team-a", "team-b"]}, EVERYTHING, NOTHING],
    ids=["defaults", "namespaces", "everything", "nothing"],
)
def values(request):
    """Values of a matrix that reaches every branch of the templates."""
    return request.param


@pytest.fixture
def everything():
    """Values with every option set."""
    return EVERYTHING


@pytest.fixture
def nothing():
    """Values with every optional object left out."""
    return NOTHING
