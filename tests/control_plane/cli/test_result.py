"""`millstream result` with an operator that records where results are, and a bucket that has them."""

import json
from pathlib import Path

import pandas as pd
import pytest
from storage_servers import s3_server

from millstream.filesystems import ObjectStorage
from millstream.resources.states import RunState
from millstream.results import open_store

BUCKET = "s3://flows/team/results"
TABLE = pd.DataFrame({"city": ["Bonn", "Ulm"], "total": [3, 4]})


@pytest.fixture(scope="module")
def server():
    with s3_server("flows") as options:
        yield options


@pytest.fixture
def bucket(server, monkeypatch):
    """The caller's environment has what the bucket needs."""
    monkeypatch.setattr(
        "millstream.filesystems._options._objects", ObjectStorage
    )  # which remembers no server
    monkeypatch.setenv("AWS_ENDPOINT_URL", server["endpoint"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server["secret_access_key"])
    monkeypatch.setenv("AWS_REGION", server["region"])
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    return BUCKET


@pytest.fixture
def completed(ns, operator):
    """Have a run complete, whose runner says this."""

    def make(**record):
        ns.deploy()
        uid = ns.run()["metadata"]["uid"]
        pod = ns.pod()
        ns.start(pod)
        ns.finish(pod, 0, {"state": RunState.COMPLETED, **record})
        ns.becomes(RunState.COMPLETED)
        return uid

    return make


def test_small_results_come_from_the_status(call, completed):
    completed(result={"rows": 7}, has_result=True)
    shown = call("result", "etl-1")
    assert (shown.exit_code, json.loads(shown.stdout)) == (0, {"rows": 7})
    call("result", "etl-1", "-o", "rows.json")
    assert json.loads(Path("rows.json").read_text()) == {"rows": 7}


@pytest.fixture
def stored(bucket, completed, ns, monkeypatch):
    """A DataFrame in the bucket, and a run whose status says so."""
    monkeypatch.setenv("MILLSTREAM_RESULTS_STORAGE", BUCKET)
    address = ObjectStorage(BUCKET).address
    uid = completed(result_storage=address)
    open_store(bucket).write(uid, TABLE)
    assert ns.status()["resultStorage"] == address


def test_a_stored_table_is_printed(call, stored):
    assert call("result", "etl-1").stdout == f"{TABLE}\n"
    rows = json.loads(call("result", "etl-1", "-o", "json").stdout)
    assert rows == TABLE.to_dict(orient="records")


def test_a_stored_table_is_written_to_files(call, stored):
    saved = call("result", "etl-1", "-o", "totals.csv")
    assert saved.stderr.startswith("Wrote ")
    pd.testing.assert_frame_equal(pd.read_csv("totals.csv"), TABLE)
    call("result", "etl-1", "-o", "totals.pickle")
    pd.testing.assert_frame_equal(pd.read_pickle("totals.pickle"), TABLE)  # noqa: S301 - our own


def test_a_bucket_that_refuses(call, stored, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(
        "millstream.filesystems._options._objects",
        lambda url: ObjectStorage(url, retry_config={"max_retries": 0}),
    )
    failed = call("result", "etl-1", "--storage", BUCKET)
    assert failed.exit_code == 1
    assert "The result's storage cannot be read with what your environment and machine have" in failed.stderr


def test_what_is_not_in_the_bucket_any_more(call, completed, bucket):
    uid = completed(result_storage=ObjectStorage(BUCKET).address)
    failed = call("result", "etl-1")
    assert failed.exit_code == 1
    assert (
        f"There is no result of etl-1 in {ObjectStorage(BUCKET).address} (its key is {uid})" in failed.stderr
    )


def test_a_run_without_a_result(call, ns):
    ns.run("new")
    failed = call("result", "new")
    assert failed.exit_code == 1
    assert "new has not ended yet, so there is no result" in failed.stderr
    assert "There is no FlowRun gone in namespace" in call("result", "gone").stderr
