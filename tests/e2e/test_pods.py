"""Where pods run and as whom, and what a cluster does to them."""

import pytest
from e2e.conftest import Cluster, device, eventually
from patience import PATIENTLY

pytestmark = pytest.mark.e2e

NAP = """
import time
from millstream import flow

@flow
def main(seconds: float = 0) -> float:
    time.sleep(seconds)
    return seconds
"""
DEVICES = """
import os
from millstream import flow

@flow
def main() -> str:
    return os.environ["NODE_NAME"]
"""
BRIEF = {"terminationGracePeriodSeconds": 2}
AT_ONCE = {"backoff": {"seconds": 0}}

CALLS = """
import json, ssl, urllib.error, urllib.request
from pathlib import Path
from millstream import flow

IDENTITY = Path("/var/run/secrets/kubernetes.io/serviceaccount")

def call(method, path, body=None, form="application/json"):
    context = ssl.create_default_context(cafile=str(IDENTITY / "ca.crt"))
    headers = {"Authorization": "Bearer " + (IDENTITY / "token").read_text(), "Content-Type": form}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request("https://kubernetes.default.svc" + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code

@flow
def main(namespace: str) -> dict[str, int]:
    if not IDENTITY.exists():
        return {}
    own = "/apis/millstream.dev/v1alpha1/namespaces/" + namespace + "/flowruns"
    run = lambda name, **spec: {
        "apiVersion": "millstream.dev/v1alpha1", "kind": "FlowRun", "metadata": {"name": name}, "spec": spec
    }
    by_name = {"deploymentRef": {"name": "nap"}}
    template = {"entrypoint": "flow.py:main", "image": "x:1"}
    merge = "application/merge-patch+json"
    return {
        "list": call("GET", own),
        "create": call("POST", own, run("made", **by_name, parameters={"seconds": 600})),
        "cancel": call("PATCH", own + "/made", {"spec": {"cancel": True}}, merge),
        "template": call("POST", own, run("forged", template=template)),
        "tags": call("PATCH", own + "/made", {"spec": {"tags": ["x"]}}, merge),
        "lifetime": call("PATCH", own + "/made", {"spec": {"ttlSecondsAfterFinished": 0}}, merge),
        "status": call("PATCH", own + "/made/status", {"status": {"state": "Completed"}}, merge),
        "delete": call("DELETE", own + "/made"),
        "elsewhere": call("GET", "/apis/millstream.dev/v1alpha1/namespaces/default/flowruns"),
        "secrets": call("GET", "/api/v1/namespaces/" + namespace + "/secrets"),
        "pods": call("GET", "/api/v1/namespaces/" + namespace + "/pods"),
    }
"""
ALLOWED = {
    "None": {},
    "Read": {"list": 200},
    "Trigger": {"list": 200, "create": 201, "cancel": 200, "tags": 200},
}


@pytest.mark.parametrize("access", ALLOWED)
def test_a_flow_reaches_what_its_access_allows_and_nothing_else(runs, access):
    runs.deploy("nap", NAP, pod=BRIEF)
    runs.deploy("caller", CALLS, apiAccess=access)
    result = runs.until(runs.start("caller", parameters={"namespace": runs.namespace}), "Completed")["result"]
    expected = ALLOWED[access]
    assert {name: code for name, code in result.items() if code < 300} == expected
    assert all(code in {403, 404, 422} for name, code in result.items() if name not in expected), result
    if access == "Trigger":
        runs.until("made", "Cancelled")


@pytest.fixture
def gpu_node():
    """A node that says it has GPUs, as a device plugin would have it say."""
    cluster = Cluster("default")
    with device("nvidia.com/gpu", 4) as node:
        cluster.kubectl("label", "node", node, "accelerator=simulated")
        yield node
        cluster.kubectl("label", "node", node, "accelerator-")


def test_a_flow_that_needs_a_gpu_gets_a_node_that_has_one(runs, gpu_node):
    runs.apply(
        {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "simulated"},
            "handler": "runc",
        }
    )
    pod = {
        "resources": {"requests": {"cpu": "10m"}, "limits": {"nvidia.com/gpu": 2, "memory": "256Mi"}},
        "nodeSelector": {"accelerator": "simulated"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "runtimeClassName": "simulated",
        "env": [{"name": "NODE_NAME", "value": gpu_node}],
    }
    runs.deploy("train", DEVICES, pod=pod)
    run = runs.start("train")
    made = runs.pod(run)["spec"]
    (container,) = made["containers"]
    assert container["resources"]["requests"]["nvidia.com/gpu"] == "2"
    assert made["runtimeClassName"] == "simulated"
    assert made["nodeSelector"] == pod["nodeSelector"]
    assert pod["tolerations"][0] in made["tolerations"]
    status = runs.until(run, "Completed")
    assert status["attempts"][0]["node"] == gpu_node
    runs.deploy("greedy", DEVICES, pod=pod | {"resources": {"limits": {"nvidia.com/gpu": 5}}})
    waiting = runs.start("greedy")
    assert "nvidia.com/gpu" in runs.until(waiting, "Pending", reason="Unschedulable")["message"]


@pytest.mark.alone
def test_a_run_on_a_node_that_is_drained_is_tried_again(runs):
    runs.deploy("nap", NAP, pod=BRIEF, retryPolicy=AT_ONCE)
    run = runs.start("nap", parameters={"seconds": 600})
    runs.until(run, "Running")
    node = runs.pod(run)["spec"]["nodeName"]
    try:
        runs.kubectl(
            "drain",
            node,
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            f"--pod-selector=millstream.dev/run={run}",
            PATIENTLY,
        )
        status = runs.until(run, "Pending", reason="Unschedulable")
    finally:
        runs.kubectl("uncordon", node)
    assert (status["attempt"], status["disruptions"]) == (2, 1)
    assert status["attempts"][0]["reason"] == "Evicted"
    runs.until(run, "Running")


def test_a_pod_that_is_deleted_by_force_is_replaced(runs):
    runs.deploy("nap", NAP, pod=BRIEF, retryPolicy=AT_ONCE)
    run = runs.start("nap", parameters={"seconds": 600})
    runs.until(run, "Running")
    pod = runs.pod(run)["metadata"]["name"]
    runs.kubectl("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")
    eventually(lambda: runs.status(run)["attempt"] == 2, "the second attempt begins")
    assert runs.until(run, "Running")["disruptions"] == 1


def test_an_init_container_and_a_sidecar_run_beside_the_flow(runs):
    own = {"image": "millstream-flow:dev", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    flow = "import pathlib\nfrom millstream import flow\n\n@flow\ndef main() -> str:\n"
    flow += "    return pathlib.Path('/data/seen').read_text()\n"
    pod = {
        "volumes": [{"name": "data", "emptyDir": {}}],
        "volumeMounts": own["volumeMounts"],
        "initContainers": [
            own | {"name": "before", "command": ["sh", "-c", "printf ready > /data/seen"]},
            own | {"name": "beside", "restartPolicy": "Always", "command": ["sleep", "600"]},
        ],
        **BRIEF,
    }
    runs.deploy("with-company", flow, pod=pod)
    assert runs.until(runs.start("with-company"), "Completed")["result"] == "ready"
