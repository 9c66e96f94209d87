"""The ETL example runs with no cluster and no server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from millstream.resources.flow_deployment import FlowDeploymentSpec

ETL = Path(__file__).parents[3] / "examples/01_etl/etl.py"


def test_the_etl_example_runs_on_a_laptop(tmp_path):
    command = [sys.executable, ETL, "--month=7", f"--output={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    log = done.stdout + done.stderr
    assert "336,776 flights" in log
    assert "503" in log, "the source turns its first visitor away"
    written = (tmp_path / "delays-7.csv").read_text().splitlines()
    assert written[0] == "carrier,flights,mean_delay,late"
    assert len(written) == 16


RECORDS = """
import json
from pathlib import Path

from etl import etl
from millstream import flow
from millstream.metrics import recorded


@flow
def watched():
    etl(month=7, output=Path("results"))
    return recorded()


print(json.dumps(watched()))
"""


def test_it_records_what_its_deployment_declares(tmp_path):
    deployment, _ = yaml.safe_load_all((ETL.parent / "deployment.yaml").read_text())
    declared = FlowDeploymentSpec.model_validate(deployment["spec"]).metrics
    done = subprocess.run(
        [sys.executable, "-c", RECORDS],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ETL.parent)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    recorded = json.loads(done.stdout.splitlines()[-1])
    assert [(each["name"], each["type"], list(each["labels"])) for each in recorded] == [
        (each.name, each.type, each.labels) for each in declared
    ]
