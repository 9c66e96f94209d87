"""`millstream run FILE:FLOW` as a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pseudo_terminal import read_to_end


@pytest.fixture
def run(flows, home):
    def run(*arguments, expected=0):
        done = subprocess.run(
            [Path(sys.executable).parent / "millstream", "run", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr or expected == 1
        assert done.returncode == expected, done.stderr
        return done

    return run


def test_parameters_are_of_the_types_that_the_flow_takes(run):
    done = run("flows.py:nightly", "-p", "day=2026-01-31", "-p", "n=3", "-p", 'tags=["a"]', "-p", "any=[1]")
    assert done.stdout == "nightly 2026-01-31 4 ['a'] [1] []\n"
    assert "Finished in state Completed" in done.stderr


def test_parameters_of_a_file_and_those_that_win_over_it(run, tmp_path):
    (tmp_path / "p.yaml").write_text("day: 2026-01-31\nn: 3\nany: 2026-01-01\n")
    done = run("flows:nightly", "--params-file", "p.yaml", "--params", '{"n": 4, "tags": []}', "-p", "n=5")
    assert done.stdout == "nightly 2026-01-31 6 [] 2026-01-01 []\n"


def test_all_problems_are_told_at_once_and_nothing_runs(run):
    done = run("flows.py:nightly", "-p", "n=x", "-p", "dy=1", expected=2)
    assert done.stdout == ""
    for told in ("missing 'day'", "unknown 'dy'", "n: Input should be a valid integer"):
        assert told in done.stderr


def test_the_flow_of_a_file_with_one(run, tmp_path):
    (tmp_path / "one.py").write_text("from millstream import flow\n@flow\ndef only(): print('only')\n")
    assert run("one.py").stdout == "only\n"


def test_a_declarative_flow(run, tmp_path):
    (tmp_path / "graph.py").write_text(
        "from millstream.v1 import Flow, Parameter, task\n"
        "@task\ndef show(x): print('shown', x)\n"
        "with Flow('graph') as graph: show(Parameter('x', default=1))\n"
    )
    assert run("graph.py", "-p", "x=[2]").stdout == "shown [2]\n"


@pytest.mark.parametrize("hint", ["Flow", "'Flow'", "millstream.v1.Flow"])
def test_a_function_that_says_that_it_builds_a_flow(hint, run, tmp_path):
    (tmp_path / "graph.py").write_text(
        "import millstream.v1\nfrom millstream.v1 import Flow, task\n"
        "@task\ndef show(): print('shown')\n"
        "def other(): return 1\n"
        f"def build() -> {hint}:\n    with Flow('graph') as graph: show()\n    return graph\n"
    )
    assert run("graph.py").stdout == "shown\n"


def test_an_asynchronous_flow(run):
    assert run("flows.py:awaited").stdout == "awaited\n"


@pytest.mark.parametrize("name", ["fails", "is_cancelled"])
def test_a_run_that_fails(name, run):
    run(f"flows.py:{name}", expected=1)


@pytest.mark.parametrize("kind", ["", "async "])
def test_ctrl_c(kind, home, tmp_path):
    sleep = "await asyncio.sleep(600)" if kind else "threading.Event().wait()"
    (tmp_path / "long.py").write_text(
        f"import asyncio, threading\nfrom millstream import flow\n@flow\n{kind}def long():\n"
        f"    print('waiting', flush=True)\n    {sleep}\n"
    )
    program = [Path(sys.executable).parent / "millstream", "run", "long.py"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "Finished in state Crashed" in told


def test_progress_is_for_terminals_and_long_runs(home, tmp_path):
    (tmp_path / "slow.py").write_text(
        "import sys, time\nfrom millstream import flow, task\n@task\ndef one(): pass\n@flow\ndef slow():\n"
        "    one()\n    end = time.monotonic() + 60\n"
        "    while 'rich.live' not in sys.modules or not sys.modules['rich.live'].shown:\n"
        "        assert time.monotonic() < end\n    print('row')\n"
    )
    code = (
        "import sys, rich.live\nfrom millstream.cli import _progress, main\n_progress._PATIENCE = 0\n"
        "rich.live.shown = False\nrender = _progress.line\n"
        "def line(counts, seconds):\n"
        "    rich.live.shown = rich.live.shown or bool(counts)\n    return render(counts, seconds)\n"
        "_progress.line = line\nsys.argv = ['millstream', 'run', 'slow.py']\nmain()"
    )
    master, slave = os.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        seen = read_to_end(master)
        assert process.wait(timeout=60) == 0, seen
        assert process.stdout.read() == b"row\n"
    os.close(master)
    assert b"task runs: 1 Completed" in seen
