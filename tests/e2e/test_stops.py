"""Runs that are to end before their flow does, on a real cluster."""

import json

import pytest
from e2e.conftest import eventually

pytestmark = pytest.mark.e2e

DEAF = """
import signal, time
from millstream import flow

@flow
def main() -> str:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    while True:
        time.sleep(1)
"""
NAP = """
import time
from millstream import flow

@flow
def main(seconds: float = 0) -> float:
    time.sleep(seconds)
    return seconds
"""
BRIEF = {"terminationGracePeriodSeconds": 2}


def ask(runs, run, **spec):
    runs.kubectl("patch", "flowrun", run, "--type=merge", f"--patch={json.dumps({'spec': spec})}")


def test_a_flow_that_ignores_sigterm_is_cancelled(runs):
    runs.deploy("deaf", DEAF, pod=BRIEF)
    names = [runs.start("deaf") for _ in range(3)]
    for run in names:
        runs.until(run, "Running")
        ask(runs, run, cancel=True)
    for run in names:
        status = runs.until(run, "Cancelled", reason="CancelRequested")
        assert runs.items("pods", f"millstream.dev/run={run}") == []
        assert status["attempts"][0]["exitCode"] != 0
    assert "CancelRequested" in runs.kubectl("events", f"--for=flowrun/{names[0]}")


def test_a_run_whose_image_is_not_there_is_cancelled(runs):
    runs.deploy("nap", NAP, image="registry.invalid/absent:1")
    run = runs.start("nap")
    runs.until(run, "Pending", reason="ImagePullError")
    ask(runs, run, cancel=True)
    runs.until(run, "Cancelled", reason="CancelRequested")
    assert runs.items("pods") == []


def test_a_run_is_paused_and_goes_on(runs):
    runs.deploy("nap", NAP, pod=BRIEF, parameters={"seconds": 5})
    run = runs.start("nap")
    runs.until(run, "Running")
    ask(runs, run, suspend=True)
    runs.until(run, "Paused", reason="Suspended")
    eventually(lambda: runs.items("pods") == [], "no pod")
    ask(runs, run, suspend=False)
    status = runs.until(run, "Completed")
    assert [(a["number"], a.get("reason")) for a in status["attempts"]] == [(1, "Suspended"), (2, None)]


def test_a_run_ends_when_its_time_is_over(runs):
    runs.deploy("deaf", DEAF, pod=BRIEF, timeouts={"totalSeconds": 4})
    status = runs.until(runs.start("deaf"), "TimedOut", reason="TotalTimeout")
    assert "totalSeconds" in status["message"]


def test_a_deployment_is_edited_and_deleted_under_live_runs(runs):
    runs.deploy("nap", NAP, parameters={"seconds": 20}, concurrency={"limit": 1})
    first, second = runs.start("nap", "first"), runs.start("nap", "second")
    runs.until(first, "Running")
    runs.until(second, "Queued", reason="ConcurrencyLimit")
    runs.deploy("nap", NAP, parameters={"seconds": 0}, concurrency={"limit": 1})
    assert runs.until(first, "Completed")["result"] == 20
    assert runs.until(second, "Completed")["result"] == 0
    third = runs.start("nap", "third", parameters={"seconds": 5})
    runs.until(third, "Running")
    runs.kubectl("delete", "flowdeployment", "nap")
    late = runs.start("nap", "late")
    assert runs.until(third, "Completed")["result"] == 5
    runs.until(late, "Failed", reason="DeploymentNotFound")


def test_a_namespace_that_is_suspended_starts_nothing(runs):
    runs.deploy("nap", NAP, schedules=[{"name": "often", "interval": 2}])
    runs.kubectl("create", "configmap", "millstream-defaults", "--from-literal=suspend=true")
    eventually(lambda: _suspended(runs) == ("True", "NamespaceSuspended"), "the deployment says so")
    run = runs.start("nap")
    runs.until(run, "Queued", reason="NamespaceSuspended")
    before = {o["metadata"]["name"] for o in runs.items("flowruns")}
    runs.kubectl("delete", "configmap", "millstream-defaults")
    runs.until(run, "Completed")
    eventually(
        lambda: {o["metadata"]["name"] for o in runs.items("flowruns")} - before, "the schedule goes on"
    )


def _suspended(runs):
    conditions = runs.get("flowdeployment", "nap").get("status", {}).get("conditions", [])
    return next(((c["status"], c["reason"]) for c in conditions if c["type"] == "Suspended"), None)


def test_a_namespace_is_deleted_under_live_runs(runs, operator):
    runs.deploy("nap", NAP, pod=BRIEF, schedules=[{"name": "often", "interval": 1}])
    runs.until(runs.start("nap", parameters={"seconds": 600}), "Running")
    runs.kubectl("delete", "namespace", runs.namespace, "--wait=false")
    eventually(
        lambda: not operator.kubectl("get", "namespace", runs.namespace, "--ignore-not-found", check=False),
        "the namespace is gone",
    )
