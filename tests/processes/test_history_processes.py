"""The history of programs that end, are killed, and write side by side."""

import os
import signal
import subprocess
import sys
import time

import pytest
from seed_programs import QUERY_FLOW_RUNS, UPDATE_TAGS

from millstream.client import get_client
from millstream.settings import temporary_settings

QUICK = """
from millstream import flow, task

@task
def step(n):
    return n

@flow(name="quick")
def quick(n):
    step.map(range(n)).result()

quick(int(__import__("sys").argv[1]))
"""
LONG = """
import time
from millstream import flow, task

@task
def wait():
    print("waiting", flush=True)
    time.sleep(600)

@flow(name="long")
def long():
    wait()

long()
"""
LOST = """
import os, signal
from millstream import flow, task
from millstream.task_runners import ProcessPoolTaskRunner

@task
def dies():
    os.kill(os.getpid(), signal.SIGKILL)

@flow(name="lost", task_runner=ProcessPoolTaskRunner())
def lost():
    print(dies.submit().result(timeout=30, raise_on_failure=False))

lost(return_state=True)
"""
RUN_ONCE_A_DAY = (
    QUERY_FLOW_RUNS
    + """
@flow(name="vtasks.gcal.summary", flow_run_name="vtasks.gcal.summary")
def summary():
    print("summarised")


flow_runs = asyncio.run(
    query_flow_runs(
        name_like="vtasks.gcal.summary",
        env="pro",
        state_names=["Completed"],
        start_time_min=datetime.now() - timedelta(days=1),
    )
)
if not flow_runs:
    with tags("env:pro"):
        summary()
"""
)

GOOD_MORNING = (
    UPDATE_TAGS
    + """
@flow(name="good_morning")
def good_morning(env):
    update_tags([f"env:{env}"])
    greet("John")
    greet("Sam")


if __name__ == "__main__":
    good_morning("pro")
"""
)


@pytest.fixture
def client(tmp_path):
    with temporary_settings({"MILLSTREAM_HOME": tmp_path / "home"}):
        return get_client(sync_client=True)


@pytest.fixture
def begin(tmp_path):
    begun = []

    def start(program, *arguments):
        environment = os.environ | {
            "MILLSTREAM_HOME": str(tmp_path / "home"),
            "MILLSTREAM_HISTORY_ENABLED": "true",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def states(runs):
    return [run.state_name for run in runs]


def test_all_is_there_when_a_program_has_ended(begin, client):
    out, err = begin(QUICK, "500").communicate()
    assert "history" not in out + err
    assert states(client.read_flow_runs()) == ["Completed"]
    assert states(client.read_task_runs()) == ["Completed"] * 500


def test_programs_side_by_side(begin, client):
    programs = [begin(QUICK, "300") for _ in range(4)]
    for program in programs:
        assert "history" not in "".join(program.communicate())
    assert states(client.read_flow_runs()) == ["Completed"] * 4
    assert len(client.read_task_runs()) == 1200


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_programs_that_are_ended(begin, client, how):
    program = begin(LONG)
    assert program.stdout.readline() == "waiting\n"
    deadline = time.monotonic() + 60
    while states(client.read_task_runs()) != ["Running"]:  # written in the background, as it takes so long
        assert time.monotonic() < deadline
        assert program.poll() is None
    assert states(client.read_flow_runs()) == ["Running"]
    program.send_signal(how)
    program.communicate()
    assert states(client.read_flow_runs()) == ["Crashed"]
    assert states(client.read_task_runs()) == ["Crashed"]
    message = client.read_flow_runs()[0].state.message
    assert ("was killed" in message) == (how == signal.SIGKILL)


def test_a_task_run_whose_process_is_killed(begin, client):
    out, err = begin(LOST).communicate()
    assert "AttributeError" not in err
    assert "was killed by SIGKILL" in out
    assert states(client.read_task_runs()) == ["Crashed"]
    assert client.read_task_runs()[0].run_count == 1


def test_a_flow_that_runs_once_a_day(begin, client):
    first, second = (begin(RUN_ONCE_A_DAY).communicate()[0] for _ in range(2))
    assert (first, second) == ("summarised\n", "")
    assert len(client.read_flow_runs()) == 1


def test_tags_that_depend_on_parameters(begin, client):
    program = begin(GOOD_MORNING)
    out, err = program.communicate()
    assert out.splitlines() == ["Hello John", "Hello Sam"]
    assert "Adding tags=['env:pro'] to current flow_run" in err
    runs = {run.flow_name: run.tags for run in client.read_flow_runs()}
    assert runs == {"good_morning": ["env:pro"], "good_morning.greet": []}


def test_a_home_that_cannot_be_written_to(begin, client, tmp_path):
    (tmp_path / "home").write_text("a file in its place")
    program = begin(QUICK, "3")
    _, err = program.communicate()
    assert program.returncode == 0
    assert err.count("The history cannot be written for now") == 1
    assert "Traceback" not in err
