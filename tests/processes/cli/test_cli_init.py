"""What `millstream init` makes is a project that works."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def project(call, tmp_path):
    assert call("init", "my reports").exit_code == 0
    return tmp_path / "my reports"


def python(*arguments, cwd):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )


def test_its_test_passes(project):
    done = python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error", cwd=project
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_its_flow_runs_as_the_next_steps_say(project):
    done = python("-m", "millstream.cli", "run", "flows.py", "-p", 'names=["Ada"]', cwd=project)
    assert done.returncode == 0, done.stderr
    assert "Hello, Ada!" in done.stderr


def test_its_code_is_formatted_and_has_nothing_to_lint(project):
    for arguments in (["format", "--check"], ["check"]):
        done = python("-m", "ruff", *arguments, "--isolated", cwd=project)
        assert done.returncode == 0, done.stdout
