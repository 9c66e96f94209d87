import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from millstream.resources.completion_record import MAX_BYTES, NOT_KEPT, CompletionRecord
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
    task_retries=1,
    metrics=[{"name": "rows", "type": "Counter", "labels": {"table": "a"}, "value": 3}],
    metrics_dropped=2,
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


SAMPLE = {"name": "rows", "type": "Counter", "labels": {}, "value": 3}


@pytest.mark.parametrize(
    "change",
    [
        {"value": "3"},
        {"value": True},
        {"value": 10**400},
        {"labels": None},
        {"labels": {"a": 1}},
        {"name": None},
        {"x": 1},
    ],
)
def test_metrics_that_are_none_are_left_out_alone_and_counted(change):
    metrics = [SAMPLE, SAMPLE | change, SAMPLE]
    text = json.dumps({"millstream": 1, "uid": "u", "attempt": 2, "state": "Completed", "metrics": metrics})
    record = decode(text)
    assert (record.metrics, record.metrics_dropped, record.metrics_invalid) == ([SAMPLE, SAMPLE], 0, 1)


def test_more_metrics_than_there_may_be_are_left_out_and_counted():
    text = json.dumps(
        {
            "millstream": 1, "uid": "u", "attempt": 2, "state": "Completed",
            "metrics": [SAMPLE] * 101, "metrics_dropped": 2,
        }
    )  # fmt: skip
    record = decode(text)
    assert (record.metrics, record.metrics_dropped, record.metrics_invalid) == ([SAMPLE] * 100, 3, 0)


def test_how_many_metrics_a_record_has_room_for():
    page = (Path(__file__).parents[3] / "docs/user_metrics.md").read_text()
    stated = int(re.search(r"about (\d+) of one short label", page)[1])
    metrics = [SAMPLE | {"name": "rows_loaded", "labels": {"table": f"orders_{n:02}"}} for n in range(100)]
    time = "2026-03-01T12:00:00.123456+00:00"
    record = CompletionRecord(
        uid="01234567-89ab-cdef-0123-456789abcdef", attempt=2, state=RunState.COMPLETED,
        start_time=time, end_time=time, tasks={"Completed": 100}, metrics=metrics,
    )  # fmt: skip
    kept = json.loads(record.encode())["metrics"]
    assert stated <= len(kept) < stated + 5


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


def test_a_result_is_kept_before_the_tasks():
    tasks = {f"State{number}": number for number in range(70)}
    record = CompletionRecord(
        uid="u",
        attempt=2,
        state=RunState.COMPLETED,
        message="\U0001f600" * 500,
        tasks=tasks,
        result="x" * 1000,
        has_result=True,
    )
    assert decode(record.encode().decode()) == record
    full = decode(replace(record, message="\x00" * 500, result="x" * 700).encode().decode())
    assert (full.tasks, full.result) == ({}, "x" * 700)


@pytest.mark.parametrize(
    "lost",
    [
        {"result": "x" * 1000, "has_result": True},
        {"result_storage": "\x00" * 1024},
        {"result_storage": "\x00" * 1024, "result": "x" * 1000, "has_result": True},
    ],
)
def test_a_result_that_has_no_room_is_told_of(lost):
    full = CompletionRecord(
        uid="u", attempt=2, state=RunState.COMPLETED, message="\x00" * 500, error="\x00" * 100, **lost
    )
    kept = decode(full.encode().decode())
    assert (kept.has_result, kept.result_storage) == (False, None)
    assert kept.message.startswith(f"{NOT_KEPT} the completion record has no room for it")
    failed = decode(replace(full, state=RunState.FAILED).encode().decode())
    assert (failed.has_result, failed.result_storage) == (False, None)
    assert NOT_KEPT not in failed.message


def test_a_place_that_is_too_long_is_left_out_and_told():
    long = "s3://" + "x" * 1020
    record = CompletionRecord(
        uid="u", attempt=2, state=RunState.COMPLETED, message="Done.", result_storage=long
    )
    kept = decode(record.encode().decode())
    assert (kept.result_storage, kept.message) == (
        None,
        f"{NOT_KEPT} the address of its storage is too long. Done.",
    )
    small = decode(replace(record, result=1, has_result=True).encode().decode())
    assert (small.result, small.message) == (1, "Done.")
