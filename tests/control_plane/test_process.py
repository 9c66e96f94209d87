import json
import os
import signal
import subprocess
import sys

import pytest
from api_server import run_operator
from patience import HANG_SECONDS, eventually

from millstream.resources.states import RunState

pytestmark = pytest.mark.control_plane


def test_ends_when_it_is_told_to(limited_kubeconfig, tmp_path):
    with run_operator(limited_kubeconfig, tmp_path / "log") as running:
        eventually(lambda: "Serving all namespaces" in running.log)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(HANG_SECONDS) == 0, running.log
    assert "Traceback" not in running.log


def test_ends_also_while_it_waits_for_an_api_server(limited_kubeconfig, tmp_path):
    config = json.loads(limited_kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    kubeconfig, log = tmp_path / "kubeconfig", tmp_path / "log"
    kubeconfig.write_text(json.dumps(config))
    command = [sys.executable, "-m", "millstream_operator", "--port", "0"]
    with log.open("wb") as output:
        environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: "Watching pods in all namespaces failed" in log.read_text())
        process.terminate()
        assert process.wait(HANG_SECONDS) == 0, log.read_text()
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--log-level", "loud"], {}, "choose one of"),
        ([], {"KUBECONFIG": "/does/not/exist"}, "no cluster is configured"),
    ],
)
def test_says_what_is_wrong_before_it_starts(arguments, environment, message):
    command = [sys.executable, "-m", "millstream_operator", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=HANG_SECONDS
    )
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_serves_only_its_namespaces(limited_kubeconfig, make_namespace, tmp_path):
    served, other = make_namespace(), make_namespace()
    for ns in (served, other):
        ns.deploy()
        ns.run()
    with run_operator(limited_kubeconfig, tmp_path / "log", "--namespaces", served.name):
        served.becomes(RunState.PENDING)
        served.ready()
    assert "state" not in other.status()
