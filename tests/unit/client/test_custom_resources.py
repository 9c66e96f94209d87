"""FlowRuns as clients see them, also those that another version of the operator has written."""

import gc
import weakref
from datetime import UTC, datetime

import pytest

from millstream.client import _cluster_runs
from millstream.client._cluster_runs import ClusterRuns
from millstream.client._custom_resources import flow_run_of, states_of
from millstream.exceptions import MissingResult, UnsupportedError


class Raw(dict):
    """One that tells when it is gone."""


def run(uid="uid-1", fields=(), **status):
    meta = {"name": f"etl-{uid}", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"}
    meta["managedFields"] = list(fields)
    return Raw(metadata=meta, spec={"deploymentRef": {"name": "etl"}}, status=status)


@pytest.mark.parametrize(
    ("status", "kind"), [({}, "PENDING"), ({"completionTime": "2026-01-01T01:00:00Z"}, "CRASHED")]
)
def test_a_state_of_a_later_version(status, kind):
    resting = run(state="Resting", message="Until noon.", **status)
    state = flow_run_of(resting, None).state
    assert (state.type, state.name, state.message) == (kind, "Resting", "Until noon.")
    assert states_of(resting)[-1].name == "Resting"


def test_one_that_has_ended_in_it_cannot_be_cancelled():
    runs = ClusterRuns(None)
    runs.__dict__["cluster"] = Answering(run(state="Skipped", completionTime="2026-01-01T01:00:00Z"))
    with pytest.raises(UnsupportedError, match="it is Skipped already"):
        runs.cancel_flow_run("uid-1")


class Answering:
    def __init__(self, found):
        self.found = found

    def list(self, *_, **__):
        return [self.found]

    def get(self, *_, **__):
        return self.found


def test_no_attempts():
    assert flow_run_of(run(state="Pending", attempts=[]), None).state.name == "Pending"


def test_a_state_is_as_old_as_what_the_operator_has_written():
    fields = [
        {"time": "2026-01-01T00:00:01Z"},
        {"time": "2026-01-01T00:00:02Z", "subresource": "status"},
        {"time": "2026-01-01T00:00:03Z"},
    ]
    found = flow_run_of(run(fields=fields, state="Queued"), None)
    assert found.state.timestamp == datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert found.updated == datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)


def test_a_run_keeps_of_its_object_what_its_result_needs():
    raw = run(state="Completed", resultStorage="file:///tmp/results")
    gone, found = weakref.ref(raw), flow_run_of(raw, None)
    del raw
    gc.collect()
    assert gone() is None
    with pytest.raises(
        MissingResult, match="The result of etl-uid-1 is in the folder /tmp/results of its pod"
    ):
        found.state.result()


def test_only_some_names_are_remembered(monkeypatch):
    monkeypatch.setattr(_cluster_runs, "_MOST_NAMES", 3)
    runs = ClusterRuns(None)
    for number in (1, 2, 3, 1, 4, 5):
        runs.seen(run(f"uid-{number}"), None)
    assert list(runs._names) == ["uid-1", "uid-4", "uid-5"]
    runs.__dict__["cluster"] = Answering(run("uid-2"))
    assert runs.read("uid-2")["metadata"]["name"] == "etl-uid-2"
    assert runs.read("uid-0") is None
