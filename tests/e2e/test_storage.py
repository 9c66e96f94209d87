"""What a flow finds in its pod beside its code: blocks, and a storage that outlives the pod."""

import pytest
from e2e.conftest import eventually

pytestmark = pytest.mark.e2e

LOAD = """
import os
import uuid
from pathlib import Path

from millstream import flow, task
from millstream.cache_policies import INPUTS

@task(persist_result=True, cache_policy=INPUTS)
def load(day: str) -> str:
    return uuid.uuid4().hex

@flow
def main(day: str) -> dict[str, str]:
    state = load(day, return_state=True)
    user = Path(os.environ["MILLSTREAM_BLOCKS_FOLDER"], "warehouse", "user").read_text()
    return {"user": user, "loaded": state.name, "token": state.result()}
"""
BLOCK = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "warehouse"},
    "type": "millstream.dev/block",
    "stringData": {"user": "etl"},
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
    made = runs.until(first, "Completed", seconds=240)["result"]
    assert (made["user"], made["loaded"]) == ("etl", "Completed")
    second = runs.until(runs.start("load", parameters={"day": "mon"}), "Completed")["result"]
    assert second == made | {"loaded": "Cached"}
