import json

import pytest

from millstream.resources.completion_record import MAX_BYTES, CompletionRecord
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

FULL = CompletionRecord(
    uid="u",
    attempt=2,
    state=RunState.FAILED,
    reason=Reason.FLOW_FAILED,
    message="ValueError: ä",
    error="ValueError",
    start_time="2026-03-01T12:00:00Z",
    end_time="2026-03-01T12:00:01Z",
    tasks={"Completed": 1},
    result={"x": None},
    has_result=True,
    result_storage="s3://flows/results",
    log_tail="Traceback\n",
)


def decode(text, uid="u", attempt=2):
    return CompletionRecord.decode(text, uid=uid, attempt=attempt)


@pytest.mark.parametrize("record", [FULL, CompletionRecord(uid="u", attempt=2, state=RunState.COMPLETED)])
def test_comes_back_as_it_was(record):
    encoded = record.encode()
    assert len(encoded) <= MAX_BYTES
    assert decode(encoded.decode()) == record


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Traceback (most recent call last):",
        "null",
        "[]",
        "[" * 100_000,
        json.dumps({"uid": "u", "attempt": 2, "state": "Completed"}),
        json.dumps({"millstream": 2, "uid": "u", "attempt": 2, "state": "Completed"}),
        json.dumps({"millstream": 1, "uid": "u", "attempt": 2}),
        json.dumps({"millstream": 1, "uid": "u", "attempt": 2, "state": "Excellent"}),
        FULL.encode().decode()[:-1],
    ],
)
def test_nothing_else_passes_for_a_record(text):
    assert decode(text) is None


@pytest.mark.parametrize(("uid", "attempt"), [("other", 2), ("u", 1), ("u", "2")])
def test_a_record_of_another_run_or_attempt_is_none(uid, attempt):
    assert decode(FULL.encode().decode(), uid, attempt) is None


def test_the_place_of_a_result_outlasts_what_is_nice_to_have():
    storage = "s3://" + "x" * 1019
    record = CompletionRecord(
        uid="u",
        attempt=2,
        state=RunState.COMPLETED,
        message="\U0001f600" * 500,
        tasks={f"State{number}": number for number in range(70)},
        result="x" * 1000,
        has_result=True,
        log_tail="x" * 4096,
        result_storage=storage,
    )
    kept = decode(record.encode().decode())
    assert (kept.result_storage, kept.has_result, kept.log_tail) == (storage, False, "")


def test_a_place_that_is_too_long_is_left_out():
    record = CompletionRecord(
        uid="u", attempt=2, state=RunState.COMPLETED, result_storage="s3://" + "x" * 1020
    )
    assert decode(record.encode().decode()).result_storage is None
