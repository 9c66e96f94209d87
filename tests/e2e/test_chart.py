"""The life of a release with live runs: from the previous chart to this one, tested, taken away, and put back."""

import subprocess

import pytest
from control_plane import program
from e2e.conftest import RELEASE, ROOT, SYSTEM, Cluster, eventually, helm, upgrade
from patience import PATIENTLY

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

(PREVIOUS,) = (ROOT / "tests/e2e/previous").glob("millstream-*.tgz")
NAP = """
import time
from millstream import flow

@flow
def main(seconds: float = 0) -> float:
    time.sleep(seconds)
    return seconds
"""
CRDS = ["flowdeployments.millstream.dev", "flowruns.millstream.dev"]
OURS = "app.kubernetes.io/part-of=millstream"


@pytest.fixture
def release(operator):
    """The release, which is there again afterwards whatever the test did to it."""
    yield operator
    upgrade()


def test_helm_test_runs_a_flow(operator):
    done = subprocess.run(
        [program("helm"), "test", RELEASE, f"--namespace={SYSTEM}", "--logs"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Phase:          Succeeded" in done.stdout
    assert "Completed" in done.stdout.rpartition("FlowRun sample-")[2]
    assert operator.items("flowruns") == []


def test_helm_test_fails_where_flows_do(release):
    upgrade("--set=test.flowImage=there.is.no.such/image:1", "--set=test.timeoutSeconds=15")
    done = subprocess.run(
        [program("helm"), "test", RELEASE, f"--namespace={SYSTEM}", "--logs"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "millstream_operator: the run is " in done.stdout
    assert "there.is.no.such/image:1" in done.stdout
    assert release.items("flowruns") == []


def test_from_the_previous_chart_to_this_one_with_live_runs(release, runs):
    upgrade(chart=PREVIOUS)
    often = {"name": "often", "interval": 5, "missed": "All", "maxCatchUp": 100}
    # On a busy machine more ticks than are kept by default may come before a run is looked at.
    runs.deploy("nap", NAP, schedules=[often], runHistory={"successful": 100})
    lasting = runs.start("nap", parameters={"seconds": 30})
    runs.until(lasting, "Running")
    upgrade()
    assert "Stalled" in runs.kubectl("get", "crd", CRDS[0], "--output=json")
    made = runs.start("nap", parameters={"seconds": 1})
    for run in (made, lasting):
        assert runs.until(run, "Completed")["attempt"] == 1
    runs.kubectl("patch", "fdep", "nap", "--type=merge", '--patch={"spec":{"suspend":true}}')

    helm("rollback", RELEASE)
    assert runs.until(runs.start("nap"), "Completed")["attempt"] == 1


def test_an_uninstall_leaves_the_data_and_blocks_nothing(release, runs):
    runs.deploy("nap", NAP)
    done = runs.start("nap")
    runs.until(done, "Completed")
    lasting = runs.start("nap", parameters={"seconds": 600})
    runs.until(lasting, "Running")
    gone = Cluster(f"{runs.namespace}-gone")
    gone.kubectl("create", "namespace", gone.namespace)
    for kind in ("configmap", "flowdeployment"):
        o = runs.get(kind, "nap")
        gone.apply(o | {"metadata": {"name": "nap"}})
    gone.apply(
        {
            "apiVersion": "millstream.dev/v1alpha1",
            "kind": "FlowRun",
            "metadata": {"name": "nap"},
            "spec": {"deploymentRef": {"name": "nap"}, "parameters": {"seconds": 600}},
        }
    )
    eventually(
        lambda: (gone.get("flowrun", "nap") or {}).get("status", {}).get("state") == "Running", "it runs"
    )

    helm("uninstall", RELEASE)
    # Of a test, its pod stays, for its log.
    everything = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,jobs"
    assert release.kubectl("get", everything, f"--selector={OURS}", "--output=name") == ""
    clusterwide = (
        "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
    )
    assert release.kubectl("get", clusterwide, f"--selector={OURS}", "--output=name") == ""
    assert runs.status(done)["state"] == "Completed"
    assert runs.status(lasting)["state"] == "Running"
    # The flow goes on without an operator; and nothing holds up a namespace.
    assert runs.pod(lasting)["status"]["phase"] == "Running"
    gone.kubectl("delete", "namespace", gone.namespace, PATIENTLY)

    upgrade()
    runs.until(lasting, "Running")
    runs.kubectl("patch", "flowrun", lasting, "--type=merge", '--patch={"spec":{"cancel":true}}')
    runs.until(lasting, "Cancelled")
    assert runs.until(runs.start("nap"), "Completed")["attempt"] == 1


def test_an_uninstall_takes_the_crds_when_told_to(release, runs):
    upgrade("--set=crds.keep=false")
    runs.deploy("nap", NAP)
    run = runs.start("nap", parameters={"seconds": 600})
    runs.until(run, "Running")
    helm("uninstall", RELEASE)
    runs.kubectl("wait", "--for=delete", *(f"crd/{name}" for name in CRDS), PATIENTLY)
    eventually(lambda: runs.items("pods") == [], "the pods go with them")
