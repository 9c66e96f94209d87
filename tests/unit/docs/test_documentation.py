"""What the documentation shows runs, and what it lists is complete."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from millstream.resources.exit_codes import ExitCode
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
RUNS = (ROOT / "docs/runs.md").read_text()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_the_readmes_python_runs(code, tmp_path):
    script = tmp_path / "readme.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Hello, Ada!" in done.stdout + done.stderr


def test_the_readmes_files_exist():
    for path in re.findall(r"(?:examples|docs|charts|hack)/[\w./-]+", README):
        assert (ROOT / path.rstrip("/.")).exists(), path


def test_every_state_is_documented():
    states = RUNS.partition("## States")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", states, re.MULTILINE)) == set(RunState)


def test_every_reason_is_documented():
    assert [reason for reason in Reason if f"`{reason}`" not in RUNS] == []


def test_every_exit_code_is_documented():
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", RUNS, re.MULTILINE)} == set(ExitCode)
