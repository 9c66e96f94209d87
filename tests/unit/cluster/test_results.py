"""Where results of runs are looked for, and what is said when there are none."""

import logging

import pytest
from cloudpickle import dumps

from millstream._cluster.results import StoredResult, find_result, read_result
from millstream.exceptions import MissingResult
from millstream.filesystems import InMemoryStorage, ObjectStorage
from millstream.resources.completion_record import NOT_KEPT
from millstream.results import open_store
from millstream.settings import temporary_settings

UID = "0b5e2f6c-7d1a-4c58-9a53-0d3a1c6f2b90"


def run(state="Completed", **status):
    given = {"state": state} if state else {}
    return {"metadata": {"name": "r", "uid": UID, "namespace": "ns"}, "status": given | status}


class Bomb:
    def __reduce__(self):
        return logging.getLogger("bomb").error, ("boom",)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ({"result": {"n": 1}}, {"n": 1}),
        ({"result": 0}, 0),
        ({}, None),
        ({"message": "Nothing new."}, None),
        ({"result": 1, "resultStorage": "s3://nowhere"}, 1),
    ],
)
def test_small_results_are_in_the_status(status, result):
    assert find_result(run(**status)) == read_result(run(**status)) == result


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (run("Resting"), "r has not ended yet, so there is no result: it is Resting."),
        (run("Skipped", completionTime="2030-01-01T00:00:00Z"), "as it ended in the state Skipped"),
        (run("Running"), "r has not ended yet, so there is no result: it is Running."),
        (run(None), "r has not ended yet, so there is no result: it is new."),
        (run("Failed", message="ValueError: no"), "as it ended in the state Failed: ValueError: no"),
        (run("Crashed", reason="PodLost"), "as it ended in the state Crashed: PodLost"),
        (run(message=f"{NOT_KEPT} a set is not JSON."), "a set is not JSON. With persist_result=True"),
        (run(resultStorage="file:///var/lib/millstream/storage/results"), "in the claim of spec.storage"),
        (run(resultStorage="file:///tmp/results"), "the folder /tmp/results of its pod"),
        (run(resultStorage="postgresql:///flows?host=db"), "Only buckets are read at a run's word"),
        (run(resultStorage="ftp://x"), "Only buckets are read at a run's word"),
    ],
)
def test_what_is_said_when_there_is_none(found, said):
    with pytest.raises(MissingResult) as caught:
        find_result(found)
    assert said in str(caught.value)


def test_a_file_of_this_machine_is_read_only_if_it_was_named(tmp_path):
    open_store(tmp_path).write(UID, {"n": 1})
    found = run(resultStorage=tmp_path.as_uri())
    with pytest.raises(MissingResult, match="cannot be read from here"):
        find_result(found)
    assert read_result(found, storage=str(tmp_path)) == {"n": 1}


def test_nothing_is_loaded_until_it_is_asked_for(tmp_path, caplog):
    open_store(tmp_path).write(UID, Bomb())
    found = find_result(run(), storage=str(tmp_path))
    assert isinstance(found, StoredResult)
    assert found.entry.payload == dumps(Bomb(), protocol=5)
    assert not caplog.records
    found.load()
    assert caplog.messages == ["boom"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, f"There is no result of r in file://{{folder}} (its key is {UID})"),
        (b"x", "is no result, because it does not begin as a result does"),
    ],
)
def test_what_a_storage_lacks(tmp_path, content, said):
    if content is not None:
        (tmp_path / UID).write_bytes(content)
    with pytest.raises(MissingResult) as caught:
        find_result(run(), storage=str(tmp_path))
    assert said.format(folder=tmp_path) in str(caught.value)


def test_a_pickle_that_needs_what_is_not_here(tmp_path, monkeypatch):
    monkeypatch.setattr("cloudpickle.dumps", lambda value, protocol: b"cnowhere\nThing\n.")
    open_store(tmp_path).write(UID, 1)
    with pytest.raises(MissingResult, match="No module named 'nowhere'"):
        read_result(run(), storage=str(tmp_path))


def test_the_storage_of_those_who_ask_is_read_at_a_run_s_word(tmp_path, caplog):
    open_store(tmp_path).write(UID, Bomb())
    with temporary_settings({"MILLSTREAM_RESULTS_STORAGE": str(tmp_path)}):
        read_result(run(resultStorage=tmp_path.as_uri()))
    assert caplog.messages == ["boom"]
    with (
        temporary_settings({"MILLSTREAM_STORAGE": "postgresql:///flows"}),
        pytest.raises(MissingResult, match="cannot be read from here"),
    ):
        read_result(run(resultStorage=tmp_path.as_uri()))


class Bucket(InMemoryStorage):
    """In place of a bucket that the environment has access to."""

    address = "s3://flows/results"


@pytest.fixture
def bucket(monkeypatch):
    found = Bucket()
    monkeypatch.setattr("millstream.filesystems._options._objects", lambda url: found)
    return found


def test_what_only_the_pod_has_named_is_loaded_if_that_runs_nothing(bucket, caplog):
    found = run(resultStorage=bucket.address)
    open_store(bucket, "json").write(UID, {"n": 1})
    assert read_result(found) == {"n": 1}
    open_store(bucket, "compressed/json").write(UID, {"n": 2})
    assert read_result(found) == {"n": 2}
    for serializer in ("pickle", "compressed/pickle"):
        open_store(bucket, serializer).write(UID, Bomb())
        with pytest.raises(MissingResult, match=r"was written by .*name it with --storage, or set"):
            read_result(found)
        assert find_result(found).entry.payload  # for those who want its bytes
    assert caplog.messages == []
    read_result(found, storage=bucket.address)
    assert caplog.messages == ["boom"]


@pytest.mark.parametrize(
    "place", ["s3://flows/results?endpoint=https://minio:9000", "az://flows?account=a", "s3://a@b"]
)
def test_a_bucket_of_another_server_is_not_looked_for_by_its_name(place):
    with pytest.raises(MissingResult, match=r"is in .* of .*name it with --storage"):
        read_result(run(resultStorage=place))


def test_a_bucket_of_the_same_server_is(monkeypatch):
    asked = []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://minio:9000")
    monkeypatch.setattr(ObjectStorage, "read", lambda self, key: asked.append(self.address))
    with pytest.raises(MissingResult):
        read_result(run(resultStorage="s3://flows/of-minio?endpoint=https://minio:9000"))
    assert asked == ["s3://flows/of-minio?endpoint=https://minio:9000"]
    with pytest.raises(MissingResult, match="of a server that you do not use"):
        read_result(run(resultStorage="s3://flows/of-minio"))
