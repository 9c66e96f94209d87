"""The command line as users call it, against a real API server."""

import sys

import pytest
from click.testing import CliRunner

from millstream.cli._app import root
from millstream.settings import temporary_settings


@pytest.fixture
def call(plane, ns, tmp_path, monkeypatch):
    """Call `millstream` in an empty folder, as an administrator whose context is a namespace of the test's own."""
    config = tmp_path / "home" / "kubeconfig"
    config.parent.mkdir()
    config.write_text(plane.kubeconfig.read_text())
    monkeypatch.setenv("KUBECONFIG", str(config))
    monkeypatch.setenv("MILLSTREAM_HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    modules = set(sys.modules)

    def run(*arguments, stdin=None):
        where = () if arguments[-1] == "--help" else ("--namespace", ns.name)
        with temporary_settings():  # which read the files anew, as a process of its own does
            result = CliRunner().invoke(
                root, [*map(str, arguments), *where], input=stdin, prog_name="millstream"
            )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
