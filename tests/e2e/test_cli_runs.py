"""The commands on runs and their logs, on a real cluster."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.conftest import eventually
from patience import HANG_SECONDS

pytestmark = pytest.mark.e2e

MILLSTREAM = Path(sys.executable).parent / "millstream"
LIVES_TWICE = """
import socket, time
from millstream import flow

@flow
def main(lines: int = 3):
    attempt = int(socket.gethostname().split("-")[-2])  # a pod is RUN-ATTEMPT-SUFFIX
    for number in range(lines):
        print(f"[{attempt}] line {number} \\x1b[31m[red]", flush=True)
    if attempt == 1:
        time.sleep(600)
"""
SPEAKS = """
import time
from millstream import flow

@flow
def main(n: int, seconds: float = 0, fails: bool = False):
    for number in range(n):
        print("line", number, flush=True)
        time.sleep(seconds)
    if fails:
        raise ValueError("no rows")
"""
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "seconds": {"type": "number"}, "fails": {"type": "boolean"}},
    "required": ["n"],
}
SHORT = {"pod": {"terminationGracePeriodSeconds": 2}, "retryPolicy": {"backoff": {"seconds": 0}}}


@pytest.fixture
def start(runs):
    """Start `millstream` in the namespace; it is gone at the end."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [MILLSTREAM, *arguments, "-n", runs.namespace],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"NO_COLOR": "1"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def call(start):
    def call(*arguments, expected=0):
        process = start(*arguments)
        out, err = process.communicate(timeout=HANG_SECONDS)
        assert process.returncode == expected, err
        return out, err

    return call


def flow_lines(out):
    return [line for line in out.splitlines() if re.match(r"(\[\d\] )?line \d", line)]


def evict(runs, pod):
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": runs.namespace},
    }
    runs.kubectl(
        "create", f"--raw=/api/v1/namespaces/{runs.namespace}/pods/{pod}/eviction", "-f", "-", body=eviction
    )


def test_a_log_is_followed_over_an_eviction_and_read_again_when_the_pod_is_gone(runs, start, call):
    runs.deploy("twice", LIVES_TWICE, **SHORT)
    run = runs.start("twice")
    following = start("run", "logs", "-f", run)
    runs.until(run, "Running")
    pod = runs.pod(run)["metadata"]["name"]
    eventually(lambda: "line 2" in runs.kubectl("logs", pod, check=False), "the first attempt has printed")
    evict(runs, pod)
    status = runs.until(run, "Completed")
    out, err = following.communicate(timeout=HANG_SECONDS)
    assert following.returncode == 0, err
    assert flow_lines(out) == [f"[{attempt}] line {n} \x1b[31m[red]" for attempt in (1, 2) for n in range(3)]
    assert "Attempt 2:" in err

    assert status["attempts"][0]["reason"] in {"Evicted", "Interrupted"}
    eventually(lambda: "NotFound" in runs.kubectl("get", "pod", pod, check=False), "the first pod is gone")
    out, err = call("run", "logs", run)
    assert "The log of attempt 1 is gone with its pod." in err
    assert flow_lines(out)[-3:] == [f"[2] line {n} \x1b[31m[red]" for n in range(3)]
    kept = status["attempts"][0].get("logTail", "")
    if kept:
        assert "These are the last lines that the run has kept:" in err
        assert "[1] line 2" in out
    assert flow_lines(call("run", "logs", run, "--attempt", "2", "--tail", "100")[0]) == flow_lines(out)[-3:]
    shown = call("run", "show", run)[0]
    assert status["attempts"][0]["reason"] in shown
    assert "between attempts" in shown


def test_a_run_is_watched_and_its_end_is_the_exit_code(runs, call):
    runs.deploy("speaks", SPEAKS, parameterSchema=SCHEMA)
    out, err = call(
        "deployment", "run", "speaks", "-p", "n=3", "-p", "seconds=0.5", "--name", "good", "--watch"
    )
    assert flow_lines(out) == ["line 0", "line 1", "line 2"]
    assert "good is Running" in err
    assert err.splitlines()[-1].startswith("good is Completed")
    out, err = call(
        "deployment", "run", "speaks", "-p", "n=1", "-p", "fails=true", "--name", "bad", "--watch", expected=1
    )
    assert "bad is Failed (FlowFailed)" in err.splitlines()[-1] or "bad is Failed (FlowFailed)" in err
    assert "line 0" in out
    out, err = call("run", "retry", "bad", "--watch", expected=1)
    assert "line 0" in out
    assert "bad runs again as speaks-" in err
    assert call("deployment", "run", "speaks", "-p", "n=x", "--watch", expected=2)[0] == ""
    assert set(call("run", "ls", "--state", "unsuccessful", "-o", "name")[0].split()) > {
        "flowrun.millstream.dev/bad"
    }


def test_ctrl_c_leaves_a_run_and_cancel_ends_it(runs, start, call):
    runs.deploy("speaks", SPEAKS, pod=SHORT["pod"])
    watching = start(
        "deployment", "run", "speaks", "-p", "n=1000", "-p", "seconds=0.2", "--name", "long", "--watch"
    )
    assert "line 0\n" in iter(watching.stdout.readline, "")  # the engine's own line may come before it
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=HANG_SECONDS)
    assert watching.returncode == 130
    assert f"long goes on. Watch its log again by `millstream run logs -f long -n {runs.namespace}`" in err
    assert runs.status("long")["state"] == "Running"
    _, err = call("run", "cancel", "--state", "running", "--wait", "--yes")
    assert err.splitlines() == ["long is to end.", "long is Cancelled."]


def test_a_run_rests_and_goes_on(runs, call):
    runs.deploy("twice", LIVES_TWICE, **SHORT)
    run = runs.start("twice")
    runs.until(run, "Running")
    call("run", "suspend", run)
    runs.until(run, "Paused")
    call("run", "resume", run)
    runs.until(run, "Completed")
    assert "line 2" in call("run", "logs", run)[0]
    call("run", "delete", run, "--yes")
    eventually(lambda: runs.get("flowrun", run) is None, "the run is gone")
