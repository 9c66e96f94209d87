"""docs/deploy.md says what `millstream deploy` does."""

import re
from pathlib import Path

import pytest
import yaml

from millstream.cli._deploy_options import deploy_options
from millstream.cli.deploy import command

TEXT = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text()


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return found


@pytest.fixture
def project(home, tmp_path):
    (tmp_path / "etl.py").write_text(block("python"))
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "load.sql").write_text("select 1")
    (tmp_path / "requirements.txt").write_text("polars")
    (tmp_path / "millstream.yaml").write_text(block("yaml"))
    return tmp_path


def deployments(result):
    assert result.exit_code == 0, result.stderr
    found = yaml.safe_load_all(result.stdout)
    return {o["metadata"]["name"]: o["spec"] for o in found if o["kind"] == "FlowDeployment"}


def test_its_project_can_be_deployed(call, project):
    found = deployments(call("deploy", "--dry-run", "-o", "yaml"))
    assert found["etl-eu"]["source"]["requirements"] == ["polars"]
    assert [item["path"] for item in found["etl-eu"]["source"]["items"]] == ["etl.py", "sql/load.sql"]
    assert "source" not in found["etl-us"]


def test_its_file_declares_its_packages(call, project):
    found = deployments(call("deploy", "etl.py", "--dry-run", "-o", "yaml"))
    assert found["etl"]["source"]["requirements"] == ["pandas>=2.3"]


def test_every_option_has_its_row():
    rows = re.findall(r"^\| (`-.*?) \|", TEXT, re.MULTILINE)
    named = set(re.findall(r"`(--?[a-z-]+)", " ".join(rows)))
    shared = {
        option for parameter in deploy_options(lambda: None).__click_params__ for option in parameter.opts
    }
    assert named | {"--param"} == shared
    rest = {
        option for parameter in command.params for option in parameter.opts if option.startswith("--")
    } - shared
    assert all(option in TEXT for option in rest - {"--namespace", "--context", "--kubeconfig", "--output"})
