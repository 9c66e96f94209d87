"""The benchmarks of the operator run and give their table; what they measure is no matter of tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.control_plane

ROOT = Path(__file__).parents[2]


def run_benchmarks(*arguments):
    command = [sys.executable, "-m", "benchmarks.operator", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rows():
    done = run_benchmarks("--runs", "5", "--rounds", "1", "-o", "json")
    assert done.returncode == 0, done.stderr
    return {row["figure"].strip(): row for row in json.loads(done.stdout)}


@pytest.mark.parametrize(
    "figure",
    [
        "FlowRun created -> its Job, 20 runs/s: p99",
        "burst of 5 FlowRuns -> Jobs",
        "pod ended -> FlowRun final: p99",
        "5 finished FlowRuns: start -> /readyz",
        "start -> nothing left to decide",
    ],
)
def test_a_figure_stands_beside_its_baseline(rows, figure):
    assert rows[figure]["ours"] > 0
    assert rows[figure]["baseline"] > 0
    assert rows[figure]["note"]


def test_the_writes_of_a_run_are_listed(rows):
    assert rows["create jobs"]["ours"] == 1
    assert rows["operator writes for a successful run"]["target"] == "<= 6"


def test_the_table_alone_is_on_standard_output():
    done = run_benchmarks("--only", "life", "--runs", "1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("figure")
    assert {line[48:].split()[0] for line in lines[1:]} == {"calls", "ms"}
