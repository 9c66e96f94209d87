"""Which of the code that is loaded is the user's."""

import importlib
import sys
import sysconfig

import pytest

from millstream._deploy.loading import loaded_alone


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def loaded_by(root, folder, monkeypatch):
    """What is loaded when a module in a folder is imported."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "millstream_test_module.py").touch()
    monkeypatch.syspath_prepend(str(folder))
    with loaded_alone(root) as loaded:
        importlib.import_module("millstream_test_module")
    assert ("millstream_test_module" in sys.modules) == (not loaded)
    sys.modules.pop("millstream_test_module", None)
    return loaded


def test_code_of_the_project(root, monkeypatch):
    assert loaded_by(root, root, monkeypatch) == {root / "millstream_test_module.py"}


def test_code_of_another_project(root, tmp_path, monkeypatch):
    other = tmp_path / "common"
    assert loaded_by(root, other, monkeypatch) == {other / "millstream_test_module.py"}


@pytest.mark.parametrize("kind", ["stdlib", "purelib"])
def test_an_environment_within_the_project_is_not_of_it(root, monkeypatch, kind):
    environment = root / "pixi" / "lib"
    real = sysconfig.get_path
    monkeypatch.setattr(
        sysconfig, "get_path", lambda name, *more: str(environment) if name == kind else real(name, *more)
    )
    assert loaded_by(root, environment, monkeypatch) == set()


def test_a_folder_of_installed_packages(root, tmp_path, monkeypatch):
    (tmp_path / "packages" / "x-1.dist-info").mkdir(parents=True)
    assert loaded_by(root, tmp_path / "packages", monkeypatch) == set()


def test_a_project_with_installed_packages_in_it_is_still_one(root, monkeypatch):
    (root / "x-1.dist-info").mkdir()
    assert loaded_by(root, root, monkeypatch) == {root / "millstream_test_module.py"}


def test_what_is_loaded_of_millstream_meanwhile(root, monkeypatch):
    monkeypatch.delitem(sys.modules, "millstream._docstrings", raising=False)
    with loaded_alone(root) as loaded:
        importlib.import_module("millstream._docstrings")
    assert loaded == set()
