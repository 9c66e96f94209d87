"""Against a real API server. There is no node: the one pod that an uninstall waits for is played by the test."""

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from chart.conftest import await_deletion
from chart.json_schemas import FILE_NAME, write_schemas
from patience import PATIENTLY, eventually

LABELS = {"millstream.dev/run-uid": "11111111-2222-3333-4444-555555555555"}
OUTCOME = "millstream.dev/outcome"
OTHER = "example.com/other"
CRDS = ["flowdeployments.millstream.dev", "flowruns.millstream.dev"]


@pytest.fixture
def namespaces(kubectl):
    """Create namespaces that enforce the restricted pod security standard. They go with the API server."""

    def create(*names):
        for name in names:
            metadata = {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
            manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    return create


@pytest.fixture
def pod(kubectl):
    """Create the pod of a run, held by finalizers."""

    def create(namespace, name, finalizers=(OUTCOME,), labels=LABELS):
        security = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": namespace,
                "name": name,
                "labels": labels,
                "finalizers": list(finalizers),
            },
            "spec": {"containers": [{"name": "flow", "image": "none", "securityContext": security}]},
        }
        kubectl("create", "-f", "-", stdin=json.dumps(manifest))

    return create


@pytest.fixture
def finalizers(kubectl):
    """Give the finalizers of a pod."""

    def read(namespace, name):
        return json.loads(kubectl("get", "pod", "-n", namespace, name, "-o", "json"))["metadata"].get(
            "finalizers"
        )

    return read


@pytest.fixture
def release_pods(kubectl, kubeconfig, tmp_path):
    """Run the uninstall hook's container outside of the cluster, with its service account."""

    def run(job):
        spec = job["spec"]["template"]["spec"]
        token = kubectl(
            "create", "token", "-n", job["metadata"]["namespace"], spec["serviceAccountName"]
        ).strip()
        config = yaml.safe_load(Path(kubeconfig).read_text())
        config["users"][0]["user"] = {"token": token}
        own = tmp_path / "kubeconfig"
        own.write_text(json.dumps(config))
        (container,) = spec["containers"]
        command = [sys.executable, *container["command"][1:], *container.get("args", ())]
        return subprocess.run(
            command, env={**os.environ, "KUBECONFIG": str(own)}, capture_output=True, text=True, check=False
        )

    return run


def test_objects_are_valid(render, kubectl, values, prometheus_operator):
    objects = render(values, namespace="default")
    for o in objects:
        if o["metadata"].get("namespace"):
            o["metadata"]["namespace"] = "default"
    manifest = yaml.safe_dump_all(objects)
    output = kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=manifest)
    # The Roles of several namespaces have become one here.
    assert len(output.splitlines()) == len(objects)


def test_objects_fit_the_schemas_of_the_api_server(
    render, call, kubectl, values, prometheus_operator, watched_chart, tmp_path
):
    """What kubeconform finds, which needs no API server once it has the schemas."""
    write_schemas(kubectl, tmp_path)
    options = ("-strict", "-summary", "-schema-location", f"{tmp_path}/{FILE_NAME}", "-")

    def check(objects, **more):
        return call("kubeconform", *options, stdin=yaml.safe_dump_all(objects), **more)

    objects = render(values, chart=watched_chart)
    said = check(objects)
    assert f"{len(objects)} resources found" in said
    assert f"Valid: {len(objects)}, Invalid: 0, Errors: 0, Skipped: 0" in said
    for o in objects:
        check([o | {"misspelt": True}], fails=True)


def test_pods_are_admitted_where_pods_are_restricted(render, kubectl, namespaces, values):
    namespaces("restricted")
    for o in render(values, namespace="restricted"):
        if o["kind"] in {"Deployment", "Job", "Pod"}:
            template = o["spec"].get("template", o)
            template["metadata"] |= {"name": "x", "namespace": "restricted"}
            manifest = json.dumps({"apiVersion": "v1", "kind": "Pod", **template})
            kubectl("create", "--dry-run=server", "-n", "restricted", "-f", "-", stdin=manifest)


def test_life_of_a_release(helm, kubectl, chart, namespaces):
    """The hook is left out here (--no-hooks): no node would run its pod."""
    install = ("install", "millstream", chart, "--namespace", "system")

    def names(kinds, *where):
        return kubectl("get", kinds, *where, "-o", "name").split()

    namespaces("system", "elsewhere")
    helm(*install)
    kubectl("wait", PATIENTLY, "--for=condition=Established", *(f"crd/{name}" for name in CRDS))
    assert names("deployments,services", "-n", "system") == [
        "deployment.apps/millstream",
        "service/millstream-metrics",
    ]
    commands = re.findall(
        r"^  (.*kubectl.*)$", helm("get", "notes", "millstream", "-n", "system"), re.MULTILINE
    )
    assert len(commands) == 4
    for command in commands:
        manifest, _, arguments = command.rpartition("kubectl ")
        kubectl(*arguments.split(), stdin=manifest.removeprefix("echo '").removesuffix("' | "))
    runs = names("flowruns", "-n", "default")
    assert len(runs) == 1

    second = (*install[:1], "second", *install[2:4], "elsewhere")
    refusal = helm(*second, fails=True)
    assert "The release millstream in the namespace system serves all namespaces already" in refusal
    second = (*second, "--set", "namespaces={elsewhere}")
    helm("upgrade", *install[1:], "--set", "namespaces={system,default}")
    refusal = helm(*second, fails=True)
    assert "CustomResourceDefinition" in refusal
    refusal = helm(*second, "--set", "crds.install=false", fails=True)
    assert "ClusterRole" in refusal
    helm(*second, "--set", "crds.install=false,apiAccess.createRoles=false")
    helm("uninstall", "second", "-n", "elsewhere", "--no-hooks")
    helm("upgrade", *install[1:], "--set", "workers=4")

    helm("uninstall", "millstream", "-n", "system", "--no-hooks")
    assert names("deployments,services,serviceaccounts,roles,rolebindings", "-n", "system") == []
    policies = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    ours = ("-l", "app.kubernetes.io/part-of=millstream")
    left = names(f"clusterroles,clusterrolebindings,{policies}", *ours)
    assert left == []
    assert names("flowruns", "-n", "default") == runs
    assert names("crds") == [f"customresourcedefinition.apiextensions.k8s.io/{name}" for name in CRDS]

    helm(*install, "--set", "crds.keep=false")
    helm("uninstall", "millstream", "-n", "system", "--no-hooks")
    await_deletion(kubectl, *CRDS)


def test_releasing_pods(render, kubectl, namespaces, pod, finalizers, release_pods):
    namespaces("hooks", "served", "not-served")
    pod("served", "held")
    pod("served", "held-by-others-too", [OTHER, OUTCOME])
    pod("served", "terminating")
    pod("served", "not-a-run", labels={})
    pod("not-served", "held")
    kubectl("delete", "pod", "-n", "served", "terminating", "--wait=false")
    hooks = [
        o
        for o in render({"namespaces": ["served"]}, namespace="hooks")
        if "helm.sh/hook" in o["metadata"].get("annotations", {})
    ]
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(o for o in hooks if o["kind"] != "Job"))
    (job,) = [o for o in hooks if o["kind"] == "Job"]
    for count in (3, 0):  # it can be repeated
        done = release_pods(job)
        assert f"Released {count} pods in served." in done.stdout, done.stdout + done.stderr
        assert done.returncode == 0
    assert finalizers("served", "held") is None
    assert finalizers("served", "held-by-others-too") == [OTHER]
    assert finalizers("served", "not-a-run") == [OUTCOME]
    assert finalizers("not-served", "held") == [OUTCOME]
    kubectl("wait", PATIENTLY, "--for=delete", "-n", "served", "pod/terminating")

    # Without the right to, it says so.
    job["spec"]["template"]["spec"]["containers"][0]["args"] = ["--namespaces=not-served"]
    done = release_pods(job)
    assert done.returncode == 1
    assert "pods could not be released" in done.stderr
    assert "403" in done.stderr or "forbidden" in done.stderr


def test_uninstall_releases_the_pods_of_runs(helm, kubectl, chart, namespaces, pod, release_pods):
    namespaces("uninstalled", "team")
    helm(
        "install",
        "millstream",
        chart,
        "-n",
        "uninstalled",
        "--set",
        "crds.keep=false",
        "--set",
        "namespaces={team}",
    )
    pod("team", "held")
    with _as_the_hooks_node(kubectl, release_pods) as played:
        helm("uninstall", "millstream", "-n", "uninstalled", PATIENTLY)
    assert "Released 1 pods in team." in played[0].stdout, played[0].stderr
    for namespace in ("uninstalled", "team"):
        kinds = "jobs,serviceaccounts,roles,rolebindings,deployments,services"
        assert kubectl("get", kinds, "-n", namespace, "-o", "name") == ""
    kubectl("delete", "namespace", "team", PATIENTLY)


@contextmanager
def _as_the_hooks_node(kubectl, release_pods):
    """Do what the hook's pod does once there is one, and let it succeed if that does."""
    played = []

    def play():
        selector = "app.kubernetes.io/component=uninstall"
        search = ("get", "pods", "-n", "uninstalled", "-l", selector, "-o", "name")
        pods = eventually(lambda: kubectl(*search).split(), "the hook's pod", pause=0.2)
        job = json.loads(kubectl("get", "job", "-n", "uninstalled", "millstream-release-pods", "-o", "json"))
        played.append(release_pods(job))
        phase = "Failed" if played[0].returncode else "Succeeded"
        status = json.dumps({"status": {"phase": phase}})
        kubectl("patch", "-n", "uninstalled", pods[0], "--subresource=status", "--type=merge", "-p", status)

    node = threading.Thread(target=play)
    node.start()
    try:
        yield played
    finally:
        node.join()
