"""What `helm test` runs, with a pod that the test plays."""

import os
import subprocess
import sys

import pytest
from api_server import COMPLETED, FAILED
from patience import HANG_SECONDS, eventually

from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_RUNS

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]


@pytest.fixture
def sample(plane, ns):
    """Run it, and meanwhile have its pod end in a way; give what it says, and its exit code."""

    def run(ending=None, seconds=HANG_SECONDS):
        own = (
            "--namespace",
            ns.name,
            "--config-map",
            "test",
            "--image",
            "flows:1",
            "--pull-secret",
            "registry",
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "millstream_operator.sample_run", *own, "--seconds", str(seconds)],
            env={**os.environ, "KUBECONFIG": str(plane.kubeconfig)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            (made,) = eventually(lambda: ns.items(FLOW_RUNS))
            pod = ns.pod(run=made["metadata"]["name"])
            assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
            if ending:
                ns.start(pod)
                ns.becomes(RunState.RUNNING, name=made["metadata"]["name"])
                ns.finish(pod, *ending)
            said, _ = process.communicate(timeout=HANG_SECONDS)
        eventually(lambda: not ns.items(FLOW_RUNS), "the run is deleted")
        return said, process.returncode

    return run


def test_it_says_that_a_flow_ran(sample):
    said, code = sample((COMPLETED[0], COMPLETED[1] | {"result": 42, "has_result": True}))
    assert code == 0, said
    assert said.splitlines()[-1] == "Completed"


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (FAILED, "the run is Failed (FlowFailed): ValueError: no."),
        (
            (COMPLETED[0], COMPLETED[1] | {"result": 41, "has_result": True}),
            "the flow's result is 41, not 42",
        ),
    ],
)
def test_it_says_what_went_wrong(sample, ending, message):
    said, code = sample(ending)
    assert code == 1
    assert f"millstream_operator: {message}" in said


def test_it_does_not_wait_for_ever(sample):
    said, code = sample(seconds=1)
    assert code == 1
    assert "millstream_operator: the run is Crashed (StartTimeout)" in said
