"""The examples of docs/client.md run, and what it lists is complete."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from api_server import COMPLETED
from patience import HANG_SECONDS

from millstream._cluster.kinds import FLOW_RUNS
from millstream.client._custom_resources import STATES
from millstream.client._sync import SyncMillstreamClient
from millstream.deployments import RunOptions

pytestmark = pytest.mark.control_plane

TEXT = (Path(__file__).parents[3] / "docs/client.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
@pytest.mark.usefixtures("operator")
def test_example(number, plane, ns, tmp_path):
    ns.deploy(parameters={"day": "sunday"})
    ns.ready()
    path = tmp_path / "example.py"
    path.write_text(EXAMPLES[number])
    over = threading.Event()

    def kubelet():
        while not over.wait(0.05):
            for run in ns.items(FLOW_RUNS):
                ns.play(run["metadata"]["name"], COMPLETED)

    playing = threading.Thread(target=kubelet)
    playing.start()
    environment = {
        "KUBECONFIG": str(plane.kubeconfig),
        "MILLSTREAM_API": "cluster",
        "MILLSTREAM_CLUSTER_NAMESPACE": ns.name,
        "MILLSTREAM_HOME": str(tmp_path / "home"),
    }
    try:
        done = subprocess.run(
            [sys.executable, path],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=HANG_SECONDS,
        )
    finally:
        over.set()
        playing.join()
    assert done.returncode == 0, done.stderr


def test_every_state_is_listed():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)`, (\w+) \|$", TEXT, re.MULTILINE)
    assert rows == [(state, kind, name) for state, (kind, name) in STATES.items()]


def test_every_option_of_run_deployment_is_listed():
    listed = set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", TEXT, re.MULTILINE)))
    )
    assert set(RunOptions.__annotations__) <= listed


def test_every_method_is_listed():
    methods = {name for name in vars(SyncMillstreamClient) if not name.startswith("_")}
    told = set(re.findall(r"`(\w+)`", TEXT))
    of_the_history = {"read_task_runs", "read_task_run", "read_task_run_states", "read_artifacts"}
    assert methods - of_the_history <= told
