"""Nodes that go away, and pods that have to make room."""

import shutil
import subprocess
import uuid

import pytest
from e2e.conftest import RELEASE, Cluster, device, eventually
from patience import PATIENTLY

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

NAP = """
import time
from millstream import flow

@flow
def main(seconds: float = 0) -> float:
    time.sleep(seconds)
    return seconds
"""
AT_ONCE = {"backoff": {"seconds": 0}}
LEAVES_SOON = {
    "terminationGracePeriodSeconds": 2,
    "tolerations": [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
        for key in ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
    ],
}
LONG = {"parameters": {"seconds": 600}}


def is_ready(node):
    conditions = Cluster("default").get("node", node)["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@pytest.fixture
def kubelet():
    """Start or stop the kubelet of the only node; what runs there goes on, and nobody can tell."""
    (node,) = [o["metadata"]["name"] for o in Cluster("default").items("nodes")]

    def order(word):
        subprocess.run(["docker", "exec", node, "systemctl", word, "kubelet"], check=True)

    inspect = ["docker", "container", "inspect", node]
    if shutil.which("docker") is None or subprocess.run(inspect, capture_output=True, check=False).returncode:
        pytest.skip("stops a node's kubelet, which only a kind cluster on this machine lets us do")
    yield order
    order("start")
    eventually(lambda: is_ready(node), "the node answers again")


def test_what_ran_on_a_lost_node_is_told_and_only_replaced_when_asked(operator, runs, kubelet):
    runs.deploy("waits", NAP, pod=LEAVES_SOON, retryPolicy=AT_ONCE)
    runs.deploy("replaces", NAP, pod=LEAVES_SOON, retryPolicy=AT_ONCE, disruptionPolicy="Replace")
    waiting, replaced = runs.start("waits", **LONG), runs.start("replaces", **LONG)
    cancelled = runs.start("waits", **LONG)
    for run in (waiting, replaced, cancelled):
        runs.until(run, "Running")
    pod = runs.pod(waiting)["metadata"]["name"]
    kubelet("stop")
    runs.kubectl("patch", "flowrun", cancelled, "--type=merge", '--patch={"spec":{"cancel":true}}')

    status = runs.until(cancelled, "Cancelling", reason="NodeLost")
    assert runs.pod(cancelled)["metadata"]["deletionTimestamp"]
    assert "lost" in status["message"]

    status = runs.until(waiting, "Running", reason="NodeLost")
    assert (status["attempt"], status["disruptions"], runs.jobs(waiting)) == (1, 0, [f"{waiting}-1"])
    assert pod in status["message"]

    status = runs.until(replaced, "Pending")
    assert (status["attempt"], status["disruptions"]) == (2, 1)
    assert status["attempts"][0]["reason"] == "NodeLost"

    kubelet("start")
    operator.kubectl("rollout", "status", f"deployment/{RELEASE}", PATIENTLY)
    runs.until(cancelled, "Cancelled", reason="CancelRequested")
    eventually(lambda: runs.status(waiting).get("attempt") == 2, "another attempt of what waited")
    runs.until(waiting, "Running")
    runs.until(replaced, "Running")


@pytest.fixture
def urgent():
    """A class of pods that others make room for."""
    cluster, name = Cluster("default"), f"urgent-{uuid.uuid4().hex[:8]}"
    kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}
    cluster.apply(kind | {"metadata": {"name": name}})
    yield name
    cluster.kubectl("delete", "priorityclass", name)


def test_a_run_that_has_to_make_room_is_tried_again(runs, urgent):
    with device("example.com/place", 1):
        pod = {"terminationGracePeriodSeconds": 2, "resources": {"limits": {"example.com/place": "1"}}}
        runs.deploy("nap", NAP, pod=pod, retryPolicy=AT_ONCE)
        runs.deploy("urgent", NAP, pod=pod | {"priorityClassName": urgent})
        moved = runs.start("nap", parameters={"seconds": 600})
        runs.until(moved, "Running")
        runs.until(runs.start("urgent", parameters={"seconds": 1}), "Completed")
        eventually(lambda: runs.status(moved).get("attempt") == 2, "another attempt")
        status = runs.until(moved, "Running")
        assert (status["attempts"][0]["reason"], status["disruptions"]) == ("Evicted", 1)
        assert "preempt" in status["attempts"][0]["message"].lower()
