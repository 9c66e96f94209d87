"""The command line as users call it, with a home of its own."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from still_world import still

from millstream.cli._app import root
from millstream.settings import temporary_settings

__all__ = ["still"]


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
