"""The main job on real input: the ETL example, as its files say."""

import subprocess

import pytest
import yaml
from control_plane import program
from e2e.conftest import ETL_IMAGE, ROOT, eventually

pytestmark = pytest.mark.e2e

EXAMPLE = ROOT / "examples/01_etl"
FIGURES = {"flights_read": 336_776, "late_ratio": pytest.approx(0.3146, abs=0.0001)}


def test_the_etl_example_reads_retries_and_writes(runs):
    runs.kubectl("create", "configmap", "etl-code", f"--from-file={EXAMPLE / 'etl.py'}")
    for document in yaml.safe_load_all((EXAMPLE / "deployment.yaml").read_text()):
        if document["kind"] == "FlowDeployment":
            document["spec"]["image"] = ETL_IMAGE
        runs.apply(document)
    run = runs.kubectl("create", f"--filename={EXAMPLE / 'run.yaml'}", "--output=jsonpath={.metadata.name}")
    status = runs.until(run, "Completed")
    assert status["result"]["airlines"] == 15
    assert status["tasks"] == {"Completed": 3}
    assert {sample["name"]: sample["value"] for sample in status["metrics"]} == FIGURES
    pod = runs.pod(run)["metadata"]["name"]
    log = runs.kubectl("logs", pod)
    assert "attempt 1 of 4" in log
    assert "336,776 flights" in log
    runs.kubectl("apply", f"--filename={EXAMPLE / 'result.yaml'}")
    eventually(lambda: runs.get("pod", "etl-result")["status"]["phase"] == "Succeeded", "the result is read")
    assert runs.kubectl("logs", "etl-result").splitlines()[0] == "carrier,flights,mean_delay,late"


def test_a_month_that_is_none_is_refused_before_a_job_exists(runs):
    for document in yaml.safe_load_all((EXAMPLE / "deployment.yaml").read_text()):
        runs.apply(document)
    run = runs.start("etl", parameters={"month": 13})
    assert "month" in runs.until(run, "Failed", reason="InvalidParameters")["message"]
    assert runs.jobs(run) == []
    assert subprocess.run(
        [program("kubectl"), "explain", "flowrun.spec"], check=True, capture_output=True
    ).stdout
