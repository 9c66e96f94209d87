"""The command line as users call it, with a home of its own."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from millstream.cli._app import root
from millstream.settings import temporary_settings

FLOWS = """
import sys
from datetime import date
from millstream import flow, task
from millstream.states import Cancelled

@task
def add(x, y): return x + y

@flow
def nightly(day: date, n: int = 1, tags: list[str] | None = None, any=None):
    print("nightly", day.isoformat(), add(n, 1), tags, any, sys.argv[1:])

@flow
async def awaited(): print("awaited")

@flow
def fails(): raise ValueError("no rows")

@flow
def is_cancelled(): return Cancelled()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MILLSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def call(home, monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path.copy())
    modules = set(sys.modules)

    def run(*arguments: str, stdin: str | None = None) -> Result:
        with temporary_settings():  # which read the files anew, as a process of its own does
            result = CliRunner().invoke(root, arguments, input=stdin, prog_name="millstream")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    for name in set(sys.modules) - modules:
        if str(home.parent) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def flows(home, tmp_path):
    """Some flows in the folder from which commands are called."""
    (tmp_path / "flows.py").write_text(FLOWS)
