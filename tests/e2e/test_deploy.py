"""From Python files to runs that have completed, without an image of their own: `millstream deploy` as users call it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.conftest import FLOW_IMAGE, ROOT, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("packages")]  # one index serves them

SEEDS = ROOT / "examples/02_prefect_1"
STEPS = """
import json
from pathlib import Path
from urllib.request import urlopen

import pandas as pd


def extract(url):
    with urlopen(url) as response:
        users = json.load(response)
    if not users:
        raise ValueError("No data fetched!")
    return users


def transform(data):
    return pd.DataFrame(
        {"ID": user["id"], "Name": user["name"], "Company": user["company"]["name"]} for user in data
    )


def load(data, path):
    Path(path).parent.mkdir(exist_ok=True)
    data.to_csv(path, index=False)
    written = pd.read_csv(path)
    print(f"{len(written)} users, the first of {written['Company'][0]}")
    return len(written)
"""
HEAD = """
# /// script
# dependencies = ["pandas>=2.3,<4"]
# ///
from pathlib import Path

from steps import users
"""
FLOW = f"""{HEAD}
from millstream import flow, task

URL = (Path(users.__file__).parent / "users.json").as_uri()


@flow(log_prints=True)
def etl(path: str = "/tmp/data/users.csv") -> int:
    data = task(users.extract, retries=1)(URL)
    return task(users.load)(task(users.transform)(data), path)
"""
DECLARATIVE = f"""{HEAD}
from millstream.v1 import Flow, Parameter, task

URL = (Path(users.__file__).parent / "users.json").as_uri()
extract, transform, load = task(users.extract), task(users.transform), task(users.load)


def prefect_flow() -> Flow:
    with Flow("simple_etl_pipeline") as flow:
        url = Parameter("p_url", default=URL)
        load(transform(extract(url)), "/tmp/data/users.csv")
    return flow
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The ETL of the tutorial for Prefect 1, with its steps in a package that has the data with it."""
    steps = tmp_path / "steps"
    steps.mkdir()
    (steps / "__init__.py").touch()
    (steps / "users.py").write_text(STEPS)
    (steps / "users.json").write_bytes((SEEDS / "users.json").read_bytes())
    (tmp_path / "new.py").write_text(FLOW)
    (tmp_path / "old.py").write_text(DECLARATIVE)
    return tmp_path


@pytest.fixture
def deploy(runs, project, package_index):
    def run(*arguments: str) -> str:
        index = [f"--env={one['name']}={one['value']}" for one in package_index.env]
        command = [str(Path(sys.executable).with_name("millstream")), "deploy", *arguments, *index]
        home = {"MILLSTREAM_HOME": str(project / "home"), "MILLSTREAM_DEPLOY_IMAGE": FLOW_IMAGE}
        done = subprocess.run(
            [*command, "--namespace", runs.namespace],
            cwd=project,
            env=os.environ | home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_etl_of_the_seeds_runs_as_a_flow(runs, deploy):
    assert deploy("new.py") == "flowdeployment.millstream.dev/etl created\n"
    run = runs.start("etl")
    status = runs.until(run, "Completed")
    assert status["result"] == 5
    assert status["tasks"] == {"Completed": 3}
    log = runs.kubectl("logs", runs.pod(run)["metadata"]["name"])
    assert "5 users, the first of Moll Ltd" in log
    assert deploy("new.py") == "flowdeployment.millstream.dev/etl unchanged\n"


def test_the_etl_of_the_seeds_runs_in_the_declarative_style(runs, deploy):
    told = deploy("old.py", "--cron", "0 6 * * *", "--timezone", "Europe/Berlin")
    assert told == "flowdeployment.millstream.dev/simple-etl-pipeline created\n"
    run = runs.start("simple-etl-pipeline")
    assert runs.until(run, "Completed")["tasks"] == {"Completed": 4}  # a Parameter is a task
    log = runs.kubectl("logs", runs.pod(run)["metadata"]["name"])
    assert "5 users, the first of Moll Ltd" in log
    assert runs.get("flowdeployment", "simple-etl-pipeline")["status"]["nextTime"]


def test_the_files_go_with_the_deployment(runs, deploy):
    deploy("new.py")
    assert len(runs.items("configmaps", "millstream.dev/source=etl")) == 1
    runs.kubectl("delete", "flowdeployment", "etl")
    eventually(lambda: not runs.items("configmaps", "millstream.dev/source=etl"), "the source is deleted")
