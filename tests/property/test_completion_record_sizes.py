"""What makes room for what in a completion record."""

import math

import pytest

from millstream.resources.completion_record import MAX_BYTES, CompletionRecord, why_not_kept
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState


def round_trip(**fields) -> CompletionRecord:
    record = CompletionRecord(uid="u", attempt=2, **({"state": RunState.FAILED} | fields))
    assert len(record.encode()) <= MAX_BYTES
    again = CompletionRecord.decode(record.encode().decode(), uid="u", attempt=2)
    assert again is not None
    return again


def test_tail_keeps_its_end_and_yields_to_all_else():
    record = round_trip(
        message="m" * 400, tasks={"Failed": 1}, log_tail="".join(f"line {n}\n" for n in range(9999))
    )
    assert record.message == "m" * 400
    assert record.tasks == {"Failed": 1}
    assert record.log_tail.endswith("line 9998\n")
    assert len(record.log_tail) > 3000


def test_message_is_kept_before_the_result():
    record = round_trip(message="\x00" * 500, error="\x00" * 100, result="r" * 1000, has_result=True)
    assert record.message
    assert not record.has_result


@pytest.mark.parametrize(
    "result",
    [{1, 2}, math.nan, [math.inf], object(), pytest.param(10**5000, id="huge"), "x" * 1023, {"k": b""}],
)
def test_result_that_is_no_small_json_is_left_out(result):
    record = round_trip(state=RunState.COMPLETED, result=result, has_result=True)
    assert (record.result, record.has_result) == (None, False)


@pytest.mark.parametrize("result", [None, "", {}, [], 0, False, "x" * 1022])
def test_empty_results_are_results(result):
    record = round_trip(state=RunState.COMPLETED, result=result, has_result=True)
    assert (record.result, record.has_result) == (result, True)


def test_result_with_a_treacherous_method_is_left_out():
    class Treacherous(dict):
        def items(self):
            raise RuntimeError

    assert not round_trip(result=Treacherous(a=1), has_result=True).has_result


def test_endless_nesting_is_left_out():
    nested: list = []
    nested.append(nested)
    assert not round_trip(result=nested, has_result=True).has_result


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Segmentation fault",
        "[]",
        "[" * 100_000,
        '{"millstream":1}',
        '{"millstream":2,"uid":"u","attempt":2}',
    ],
)
def test_anything_else_is_no_record(message):
    assert CompletionRecord.decode(message, uid="u", attempt=2) is None


def test_record_of_another_attempt_is_no_record():
    message = (
        CompletionRecord(uid="u", attempt=1, state=RunState.FAILED, reason=Reason.FLOW_FAILED)
        .encode()
        .decode()
    )
    assert CompletionRecord.decode(message, uid="u", attempt=2) is None
    assert CompletionRecord.decode(message, uid="v", attempt=1) is None


def test_unknown_fields_of_a_newer_runner_are_ignored():
    message = '{"millstream":1,"uid":"u","attempt":1,"state":"Completed","colour":"blue"}'
    record = CompletionRecord.decode(message, uid="u", attempt=1)
    assert record == CompletionRecord(uid="u", attempt=1, state=RunState.COMPLETED)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, None),
        ("x" * 1022, None),
        ("x" * 1023, "it is larger than 1,024 bytes of JSON"),
        ("\u00e9" * 512, "it is larger than 1,024 bytes of JSON"),
        ({"rows": {1, 2}}, "a set is not JSON"),
        ([object()], "an object is not JSON"),
        (math.nan, "it cannot be written as JSON (ValueError)"),
        ({(1, 2): 3}, "it cannot be written as JSON (TypeError)"),
    ],
)
def test_why_a_return_value_is_not_kept(value, why):
    assert why_not_kept(value) == why
    record = CompletionRecord(uid="u", attempt=1, state=RunState.COMPLETED, result=value, has_result=True)
    again = CompletionRecord.decode(record.encode().decode(), uid="u", attempt=1)
    assert again.has_result == (why is None)


def test_nothing_is_read_beyond_what_is_too_large():
    class Endless(list):
        def __iter__(self):
            while True:
                yield 1

    assert why_not_kept(Endless([1])) == "it is larger than 1,024 bytes of JSON"
