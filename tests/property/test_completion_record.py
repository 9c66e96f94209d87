"""Whatever an attempt left behind, its record fits the termination message and can be read again."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millstream.resources.completion_record import MAX_BYTES, CompletionRecord
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

# Lone surrogates, control characters, quotes, everything.
TEXT = st.text(st.characters(), max_size=60)
LONG_TEXT = st.builds(lambda text, times: text * times, TEXT, st.sampled_from([1, 1, 100, 1000]))
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
HUGE = st.integers().map(lambda number: number * 10**5000)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | HUGE
    | FLOATS
    | LONG_TEXT
    | st.binary(max_size=5)
    | st.builds(object)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(LONG_TEXT | st.integers(), inner, max_size=5),
)
SAMPLES = st.fixed_dictionaries(
    {
        "name": TEXT,
        "type": st.sampled_from(["Counter", "Gauge"]),
        "labels": st.dictionaries(TEXT, LONG_TEXT, max_size=4),
        "value": st.integers(-(2**63), 2**63) | st.floats(-1e12, 1e12),
    }
)
RECORDS = st.builds(
    CompletionRecord,
    uid=st.uuids().map(str),
    attempt=st.integers(1, 2**31),
    state=st.sampled_from([state for state in RunState if state.is_final]),
    reason=st.none() | st.sampled_from(Reason),
    message=LONG_TEXT,
    error=st.none() | LONG_TEXT,
    start_time=st.none() | TEXT,
    end_time=st.none() | TEXT,
    tasks=st.dictionaries(LONG_TEXT, st.integers(), max_size=50),
    result=VALUES,
    has_result=st.booleans(),
    log_tail=LONG_TEXT,
    task_retries=st.integers(0, 2**31),
    metrics=st.lists(SAMPLES, max_size=100),
    metrics_dropped=st.integers(0, 2**31),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


def decoded(record: CompletionRecord) -> CompletionRecord | None:
    return CompletionRecord.decode(record.encode().decode(), uid=record.uid, attempt=record.attempt)


@given(RECORDS)
def test_fits_and_keeps_what_decides(record):
    assert len(record.encode()) <= MAX_BYTES
    again = decoded(record)
    assert again is not None
    assert (again.uid, again.attempt, again.state, again.reason) == (
        record.uid,
        record.attempt,
        record.state,
        record.reason,
    )


@given(RECORDS)
def test_encoding_is_stable(record):
    again = decoded(record)
    assert again is not None
    assert again.encode() == record.encode()


@given(RECORDS)
def test_is_json_for_every_reader(record):
    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    json.loads(record.encode(), parse_constant=refuse)


@given(JSON.filter(lambda value: len(json.dumps(value)) <= 1000))
def test_small_results_come_back(result):
    record = CompletionRecord(uid="u", attempt=1, state=RunState.COMPLETED, result=result, has_result=True)
    again = decoded(record)
    assert again is not None
    assert again.has_result
    assert json.dumps(again.result) == json.dumps(result)


@given(st.text() | JSON.map(json.dumps))
def test_other_messages_are_no_record(message):
    assert CompletionRecord.decode(message, uid="u", attempt=1) is None


@given(
    st.dictionaries(
        st.sampled_from(["state", "reason", "message", "tasks", "log_tail", "result", "error"]), JSON
    )
)
def test_forged_fields_never_break_the_reader(fields):
    message = json.dumps({"millstream": 1, "uid": "u", "attempt": 1, **fields})
    record = CompletionRecord.decode(message, uid="u", attempt=1)
    if record is not None:
        assert len(record.encode()) <= MAX_BYTES


@given(RECORDS)
def test_metrics_that_are_left_out_are_counted_and_are_the_first_to_go(record):
    again = decoded(record)
    assert again is not None
    assert len(again.metrics) + again.metrics_dropped == len(record.metrics) + record.metrics_dropped
    assert again.metrics == record.metrics[: len(again.metrics)]
    kept = decoded(replace(record, metrics=[]))
    assert kept is not None
    if again.metrics:  # else other things may have had to go as well
        assert (again.result, again.tasks, again.message) == (kept.result, kept.tasks, kept.message)
        assert len(again.log_tail) >= min(len(kept.log_tail), 1700)
