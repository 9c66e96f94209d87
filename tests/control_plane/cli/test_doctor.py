"""`millstream doctor` on a real API server: what it reads there is what it takes it for."""

import json
import subprocess
import uuid

import control_plane
import pytest
import yaml
from patience import eventually

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState


@pytest.fixture
def found(call):
    """The findings by their checks."""

    def examine(code):
        done = call("doctor", "-o", "json")
        assert done.exit_code == code, done.output
        by_check = {}
        for one in json.loads(done.stdout):
            by_check.setdefault(one["check"], []).append(one)
        return by_check

    return examine


@pytest.fixture
def installed(kubectl, pytestconfig):
    """The chart's Deployment and its admission policies, without any pod."""
    command = [
        control_plane.program("helm"),
        "template",
        "millstream",
        pytestconfig.rootpath / "charts/millstream",
    ]
    options = ["--namespace", "doctor-system", "--kube-version", "1.35.0"]
    made = subprocess.run([*command, *options], check=True, capture_output=True)
    kinds = {"Deployment", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    objects = [one for one in yaml.safe_load_all(made.stdout) if one and one["kind"] in kinds]
    body = {"apiVersion": "v1", "kind": "List", "items": objects}
    kubectl("create", "namespace", "doctor-system")
    applied = kubectl("apply", "--namespace", "doctor-system", "-f", "-", body=body)
    assert "rror" not in applied, applied
    yield
    kubectl("delete", "--namespace", "doctor-system", "-f", "-", body=body)


def test_the_cluster_as_it_is(found, installed):
    checks = found(1)
    for check in ("cluster", "clock", "resources", "rights", "policies", "deployments", "runs"):
        assert [one["level"] for one in checks[check]] == ["ok"], checks[check]
    [operator] = checks["operator"]
    assert operator["message"].startswith("doctor-system/millstream: 0 of ")
    assert "No operator holds the Lease doctor-system/millstream." in checks["lease"][0]["message"]


def test_a_lease_that_is_held(found, installed, kubectl, client):
    path = "/apis/coordination.k8s.io/v1/namespaces/doctor-system/leases"
    now = client.call("POST", path, {"metadata": {"name": "clock"}})["metadata"]["creationTimestamp"]
    spec = {"holderIdentity": "pod-1", "leaseDurationSeconds": 15, "renewTime": now.replace("Z", ".000000Z")}
    client.call("POST", path, {"metadata": {"name": "millstream"}, "spec": spec})
    try:
        [lease] = found(1)["lease"]
        assert (lease["level"], lease["message"]) == ("ok", "pod-1 is in charge.")
    finally:
        kubectl("delete", "leases", "--all", "--namespace", "doctor-system")


def test_without_an_operator(found, ns):
    ns.deploy()
    checks = found(1)
    [operator] = checks["operator"]
    assert operator["message"] == "No operator of the chart was found, so nothing runs."
    assert "helm upgrade --install" in operator["advice"]
    assert "lease" not in checks


def test_what_is_wrong_in_a_namespace(found, ns, operator):
    ns.deploy(schedules=[{"name": "never", "cron": "0 0 30 2 *"}])
    ns.ready()
    ns.run()
    pod = ns.pod()
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    ns.set_container(pod, {"waiting": waiting}, phase="Pending")
    ns.becomes(RunState.PENDING, Reason.IMAGE_PULL_ERROR)
    checks = found(1)
    assert "etl is not ready" in checks["deployments"][0]["message"]
    [start] = checks["starts"]
    assert "The newest run of etl, etl-1, did not start" in start["message"]
    assert "no such image" in start["message"]
    assert "Check spec.image" in start["advice"]


def test_defaults_that_cannot_be_read(found, ns, operator, kubectl):
    for name in ("etl", "other"):
        ns.deploy(name)
        ns.ready(name)
    kubectl("create", "configmap", "millstream-defaults", "-n", ns.name, "--from-literal=imag=etl:1")
    eventually(lambda: "defaults" in found(1), "told by a deployment")
    ns.run()
    ns.becomes(RunState.QUEUED, Reason.UNREADABLE_DEFAULTS)
    [defaults] = found(1)["defaults"]
    assert f"ConfigMap millstream-defaults in namespace {ns.name}: there is no imag" in defaults["message"]
    told = [line for line in operator.log.splitlines() if "cannot be read" in line and ns.name in line]
    assert len(told) == 1


def test_a_namespace_that_is_not_there(call, ns, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ns, "name", "nowhere")
        done = call("doctor")
    assert done.exit_code == 1
    assert "There is no namespace nowhere." in done.stdout
    assert "kubectl create namespace nowhere" in done.stdout


def test_rights_that_are_missing(call, found, plane, kubectl, ns, tmp_path, monkeypatch):
    name = f"reader-{uuid.uuid4().hex[:6]}"
    kubectl("create", "serviceaccount", name, "-n", ns.name)
    rules = ("--verb=get,list,watch", "--resource=flowruns.millstream.dev,flowdeployments.millstream.dev")
    kubectl("create", "role", name, "-n", ns.name, *rules)
    account = f"--serviceaccount={ns.name}:{name}"
    kubectl("create", "rolebinding", name, "-n", ns.name, f"--role={name}", account)
    config = json.loads(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": kubectl("create", "token", name, "-n", ns.name).strip()}
    path = tmp_path / "reader"
    path.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(path))
    checks = found(0)
    for check in ("resources", "operator", "policies"):
        [one] = checks[check]
        assert (one["level"], "You may not list" in one["advice"]) == ("warning", True), one
    assert "namespace" not in checks, "who may not look is not told that it is not there"
    messages = " ".join(one["message"] for one in checks["rights"])
    assert f"You may not create flowruns in namespace {ns.name}" in messages
    assert "list flowruns" not in messages
    assert {one["level"] for one in checks["rights"]} == {"warning"}
    text = call("doctor").stdout
    assert "warning   rights        You may not create flowruns" in text
    assert "Ask for the cluster role edit" in text
