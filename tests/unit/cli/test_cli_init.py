"""`millstream init`."""

import pytest
import yaml

from millstream.cli.init import _FILES
from millstream.resources.names import object_name


@pytest.fixture
def project(call, tmp_path):
    assert call("init", "my reports").exit_code == 0
    return tmp_path / "my reports"


def test_it_makes_a_project_and_says_what_comes_next(call, tmp_path):
    result = call("init", "reports")
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == sorted(_FILES)
    assert "  cd reports\n" in result.stdout
    assert "  millstream deploy  " in result.stdout
    assert "  millstream deployment run reports\n" in result.stdout


def test_a_folder_is_quoted(call):
    assert "  cd 'my reports'\n" in call("init", "my reports").stdout


def test_its_deployment_is_one(call, project, monkeypatch):
    monkeypatch.chdir(project)
    result = call("deploy", "--dry-run", "-o", "yaml")
    assert result.exit_code == 0, result.stderr
    source, deployment = yaml.safe_load_all(result.stdout)
    assert list(source["data"]) == ["flows.py"]
    assert deployment["metadata"]["name"] == "my-reports"
    assert deployment["spec"]["parameterSchema"]["required"] == ["names"]
    (schedule,) = deployment["spec"]["schedules"]
    assert schedule["suspend"] is True


def test_its_image_has_the_code(project):
    lines = (project / "Dockerfile").read_text().splitlines()
    assert lines[1:] == [
        "ARG BASE=millstream-flow:dev",
        "FROM ${BASE}",
        "COPY flows.py /flows/",
        "WORKDIR /flows",
    ]


def test_nothing_is_overwritten(call, tmp_path):
    (tmp_path / "flows.py").write_text("mine")
    result = call("init")
    assert result.exit_code == 2
    assert "has other files of these names, which stay: flows.py." in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["flows.py"]


def test_what_was_interrupted_goes_on(call, project):
    (project / "Dockerfile").unlink()
    again = call("init", "my reports")
    assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "Made Dockerfile. Next:")
    assert (project / "Dockerfile").exists()
    nothing = call("init", "my reports")
    assert nothing.stdout.startswith("All of the project is there already. Next:\n")


def test_a_place_that_cannot_be_written_to(call, tmp_path):
    (tmp_path / "file").touch()
    result = call("init", "file/reports")
    assert result.exit_code == 1
    assert "file/reports cannot be written to: Not a directory." in result.stderr


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("reports", "reports"),
        ("My Reports_2", "my-reports-2"),
        ("2026", "flows-2026"),
        ("", "flows"),
        ("ä", "flows"),
        ("x" * 60, "x" * 52),
    ],
)
def test_names(folder, name):
    assert object_name(folder) == name
