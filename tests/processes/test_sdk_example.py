"""The first flow runs as its reader would run it."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "00_first_flow" / "hello.py"


@pytest.mark.parametrize(("arguments", "greeting"), [([], "Hello, world!"), (["Ada"], "Hello, Ada!")])
def test_runs_as_a_script(arguments, greeting):
    done = subprocess.run([sys.executable, EXAMPLE, *arguments], capture_output=True, text=True, check=True)
    lines = [line.split(" | ", 2)[2] for line in done.stderr.splitlines()]
    assert done.stdout == ""
    assert lines[1].startswith(
        "Task run 'fetch_greeting-0' - Task 'fetch_greeting' raised ConnectionError: the line is busy"
    )
    assert lines[2] == f"Task run 'greet-0' - {greeting}"
    assert lines[3].endswith("Finished in state Completed()")
    assert len(lines) == 4


def test_has_no_traceback_for_a_wrong_call():
    done = subprocess.run([sys.executable, EXAMPLE, "a", "b"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Flow 'hello' cannot be called like this: 2 positional values for 1." in done.stderr
    assert done.stderr.count("millstream/") <= 1
