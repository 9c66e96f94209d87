"""Where results of runs are looked for, and what is said when there are none."""

import logging

import pytest
from cloudpickle import dumps

from millstream._cluster.results import StoredResult, find_result, read_result
from millstream.exceptions import MissingResult
from millstream.resources.completion_record import NOT_KEPT
from millstream.results import open_store

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
