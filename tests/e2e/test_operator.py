"""What the operator's death does to runs: nothing."""

from datetime import datetime, timedelta

import pytest
from e2e.conftest import RELEASE, eventually, helm, upgrade

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

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
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-jobs"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    runs.deploy("nap", NAP)
    runs.apply(quota)
    names = [runs.start("nap") for _ in range(3)]
    for run in names:
        status = runs.until(run, "Pending", reason="PodCreationFailed")
        assert (status["attempt"], runs.jobs(run)) == (1, [])
    kill(operator)
    runs.kubectl("delete", "resourcequota", "no-jobs")
    for run in names:
        status = runs.until(run, "Completed")
        (job,) = runs.items("jobs", f"millstream.dev/run={run}")
        (attempt,) = status["attempts"]
        assert (attempt["number"], attempt["jobUid"]) == (1, job["metadata"]["uid"])


def test_runs_survive_an_operator_that_dies_again_and_again(operator, runs):
    runs.deploy("nap", NAP)
    names = []
    for _ in range(4):
        names += [runs.start("nap", parameters={"seconds": 1}) for _ in range(2)]
        kill(operator)
    for run in names:
        status = runs.until(run, "Completed")
        assert [attempt["number"] for attempt in status["attempts"]] == [1]


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


def test_an_upgrade_and_its_rollback_change_nothing_for_runs(operator, runs):
    often = {"name": "often", "interval": 2, "missed": "All", "maxCatchUp": 100}
    # On a busy machine more ticks than are kept by default may come before a run is looked at.
    runs.deploy("nap", NAP, schedules=[often], runHistory={"successful": 100})
    lasting = runs.start("nap", parameters={"seconds": 40})
    runs.until(lasting, "Running")
    (before,) = (o["metadata"]["annotations"] for o in operator.items("deployments"))
    upgrade("--set-string=podAnnotations.test=upgrade")
    made = [runs.start("nap", parameters={"seconds": 1}) for _ in range(3)]
    helm("rollback", RELEASE)
    made += [runs.start("nap", parameters={"seconds": 1}) for _ in range(3)]
    (after,) = (o["metadata"]["annotations"] for o in operator.items("deployments"))
    revision = "deployment.kubernetes.io/revision"
    assert int(after[revision]) >= int(before[revision]) + 2
    runs.kubectl("patch", "fdep", "nap", "--type=merge", '--patch={"spec":{"suspend":true}}')
    for run in (*made, lasting):
        assert runs.until(run, "Completed")["attempt"] == 1
    scheduled = [o for o in runs.items("flowruns") if "scheduleName" in o["spec"]]
    times = sorted(datetime.fromisoformat(o["spec"]["scheduledTime"]) for o in scheduled)
    assert times == [times[0] + timedelta(seconds=2) * number for number in range(len(times))]
    for run in scheduled:
        assert runs.until(run["metadata"]["name"], "Completed")["attempt"] == 1
