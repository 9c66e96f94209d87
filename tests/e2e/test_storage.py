"""What a flow finds in its pod beside its code: blocks, and a storage for results and artifacts that outlives the pod."""

import pytest
from e2e.conftest import eventually

pytestmark = pytest.mark.e2e

LOAD = """
import uuid

from millstream import flow, task
from millstream.artifacts import Artifact, create_markdown_artifact
from millstream.blocks.system import Secret
from millstream.cache_policies import INPUTS

@task(persist_result=True, cache_policy=INPUTS)
def load(day: str) -> str:
    return uuid.uuid4().hex

@flow
def main(day: str) -> dict[str, str]:
    state = load(day, return_state=True)
    create_markdown_artifact(f"# {day}", key="loaded")
    return {
        "secret": len(Secret.load("warehouse").get()),
        "loaded": state.name,
        "token": state.result(),
        "reports": [one.data for one in Artifact.versions("loaded")],
    }
"""
BLOCK = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "warehouse"},
    "type": "millstream.dev/block",
    "stringData": {"block-type": "secret", "value": "hunter22"},
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "results"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
}


def test_a_run_finds_its_blocks_and_what_another_run_stored(runs):
    runs.deploy("load", LOAD, blocks=["warehouse"], storage={"persistentVolumeClaim": "results"})
    first = runs.start("load", parameters={"day": "mon"})
    message = runs.until(first, "Pending", reason="ConfigError")["message"]
    assert 'persistentvolumeclaim "results" not found' in message
    runs.apply(CLAIM)

    def block_is_missed() -> bool:
        return 'secret "warehouse" not found' in runs.status(first)["message"]

    eventually(block_is_missed, "the run says that its block is missing")
    assert runs.until(first, "Pending", reason="ConfigError")
    runs.apply(BLOCK)
    made = runs.until(first, "Completed")["result"]
    assert (made["secret"], made["loaded"], made["reports"]) == (8, "Completed", ["# mon"])
    second = runs.until(runs.start("load", parameters={"day": "mon"}), "Completed")["result"]
    assert second == made | {"loaded": "Cached", "reports": ["# mon", "# mon"]}
