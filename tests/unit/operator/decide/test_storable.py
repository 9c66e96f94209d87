import pytest
from builders import make_record

from millstream_operator.decide.storable import storable


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "result",
    [None, True, 1, -(2**63), 2**63 - 1, 1.5e308, "ä\x00", {"a": [{"b": None}]}, {}, nested(100)],
    ids=lambda value: repr(value)[:20],
)
def test_keeps_what_can_be_stored(result):
    record = storable(make_record(result=result, has_result=True))
    assert (record.result, record.has_result) == (result, True)


@pytest.mark.parametrize(
    "result",
    [
        2**63,
        10**400,
        float("nan"),
        float("inf"),
        "\ud800",
        {"\ud800": 1},
        [[10**30]],
        {"a": {1}},
        nested(101),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_leaves_out_what_cannot(result):
    record = storable(make_record(result=result, has_result=True, message="kept", tasks={"Completed": 1}))
    assert (record.result, record.has_result) == (None, False)
    message = "kept The return value is not kept: the API server could not store it."
    assert (record.message, record.tasks) == (message, {"Completed": 1})


@pytest.mark.parametrize(
    ("storage", "stored"),
    [
        ("s3://flows/results", "s3://flows/results"),
        (None, None),
        ("s3://" + "x" * 1019, "s3://" + "x" * 1019),
        ("s3://" + "x" * 1020, None),
        ("file:///\ud800", None),
    ],
)
def test_the_place_of_a_result_is_stored_if_it_can_be(storage, stored):
    assert storable(make_record(result_storage=storage)).result_storage == stored


def test_text_loses_what_is_no_unicode():
    record = storable(make_record(message="no file \udcff", log_tail="\ud800 ä"))
    assert (record.message, record.log_tail) == ("no file ?", "? ä")


def test_forged_counts_are_left_out():
    assert storable(make_record(tasks={"Completed": 10**30})).tasks == {}


ROWS = {"name": "rows", "type": "Counter", "labels": {"table": "a"}, "value": 3}


def test_figures_that_cannot_be_stored_are_left_out_and_counted():
    bad = [ROWS | {"labels": {"table": "\ud800"}}, ROWS | {"name": "\ud800"}, ROWS | {"value": 10**40}]
    record = storable(make_record(metrics=[ROWS, *bad], metrics_dropped=1))
    assert (record.metrics, record.metrics_dropped, record.metrics_invalid) == ([ROWS], 1, 3)


def test_numbers_that_cannot_be_stored_are_none():
    record = storable(make_record(task_retries=10**40, metrics_dropped=10**40))
    assert (record.task_retries, record.metrics_dropped) == (0, 0)
