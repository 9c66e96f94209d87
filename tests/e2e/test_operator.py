"""What the operator's death does to runs: nothing."""

import pytest
from e2e.conftest import RELEASE, eventually

pytestmark = pytest.mark.e2e

NAP = """
import time
from millstream import flow

@flow
def main(seconds: float = 0) -> float:
    time.sleep(seconds)
    return seconds
"""
OPERATOR = "app.kubernetes.io/component=operator"


def kill(operator):
    """Kill the operator's pod, as a node's loss would: no signal that it could handle."""
    operator.kubectl("delete", "pod", f"--selector={OPERATOR}", "--grace-period=0", "--force", "--wait=false")


def scale(operator, replicas):
    operator.kubectl("scale", f"deployment/{RELEASE}", f"--replicas={replicas}")
    eventually(lambda: len(operator.items("pods", OPERATOR)) == replicas, f"{replicas} operators")


def test_a_run_made_while_there_is_no_operator_is_run_later(operator, runs):
    runs.deploy("nap", NAP)
    scale(operator, 0)
    try:
        run = runs.start("nap")
    finally:
        scale(operator, 1)
    runs.until(run, "Completed")
    assert runs.jobs(run) == [f"{run}-1"]


def test_an_operator_killed_between_run_and_job_makes_one_job(operator, runs):
    runs.deploy("nap", NAP)
    names = []
    for _ in range(4):
        names += [runs.start("nap") for _ in range(3)]
        kill(operator)
    for run in names:
        runs.until(run, "Completed", seconds=240)
        assert runs.jobs(run) == [f"{run}-1"]


def test_an_end_that_no_operator_saw_is_not_lost(operator, runs):
    runs.deploy("nap", NAP)
    run = runs.start("nap", parameters={"seconds": 2})
    runs.until(run, "Running")
    scale(operator, 0)
    try:
        pod = runs.pod(run)["metadata"]["name"]
        eventually(lambda: runs.get("pod", pod)["status"]["phase"] == "Succeeded", "the pod has ended")
        runs.kubectl("delete", "pod", pod, "--wait=false")
        assert runs.status(run)["state"] == "Running"
    finally:
        scale(operator, 1)
    assert runs.until(run, "Completed")["result"] == 2
