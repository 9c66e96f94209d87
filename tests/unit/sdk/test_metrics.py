"""What a flow records about itself."""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from millstream import flow, task
from millstream._metric_bounds import MOST_LABELS, MOST_METRICS, MOST_SERIES
from millstream._recorded_metrics import Recording
from millstream._secrets import MASK
from millstream.exceptions import MetricError, MissingContextError
from millstream.metrics import counter, gauge, recorded
from millstream.task_runners import ProcessPoolTaskRunner

TEXT = (Path(__file__).parents[3] / "docs" / "user_metrics.md").read_text()
DECLARED = {"rows": {"type": "Counter", "labels": ["table"]}, "fill": {"type": "Gauge", "labels": []}}


def test_the_page_is_true():
    (example,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    exec(example, {"__name__": "example"})  # noqa: S102 - our own


def test_the_bounds_on_the_page_are_those_of_the_code():
    bounds = TEXT.partition("## Bounds")[2]
    assert f"| metrics of a deployment | {MOST_METRICS} |" in bounds
    assert f"| labels of a metric | {MOST_LABELS}," in bounds
    assert f"| {MOST_SERIES} of a deployment," in bounds


def test_counters_add_and_gauges_replace():
    recording = Recording()
    recording.record("Counter", "rows", 2, {"table": "a"})
    recording.record("Counter", "rows", 3, {"table": "a"})
    recording.record("Counter", "rows", 1, {"table": 7})
    recording.record("Gauge", "fill", 0.5, {})
    recording.record("Gauge", "fill", -0.1, {})
    assert recording.samples() == [
        {"name": "rows", "type": "Counter", "labels": {"table": "a"}, "value": 5},
        {"name": "rows", "type": "Counter", "labels": {"table": "7"}, "value": 1},
        {"name": "fill", "type": "Gauge", "labels": {}, "value": -0.1},
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(5), 5),
        (np.uint8(5), 5),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
    ],
)
def test_numbers_of_libraries_are_numbers(value, expected):
    recording = Recording()
    for _ in range(2):
        recording.record("Counter", "rows", value, {})
    (sample,) = recording.samples()
    assert sample["value"] == 2 * expected
    assert type(sample["value"]) in {int, float}


@pytest.mark.parametrize("value", [2**63, 2**62, np.uint64(2**63)])
def test_whole_numbers_that_the_cluster_could_not_store_are_no_longer_whole(value):
    recording = Recording()
    for _ in range(2):
        recording.record("Counter", "rows", value, {})
    (sample,) = recording.samples()
    assert (sample["value"], type(sample["value"])) == (2 * int(value), float)


def test_whole_numbers_of_libraries_are_values_of_labels():
    recording = Recording()
    recording.record("Counter", "rows", 1, {"table": np.int64(7)})
    assert recording.samples()[0]["labels"] == {"table": "7"}


@pytest.mark.parametrize(
    ("kind", "name", "value", "labels", "said"),
    [
        ("Counter", "lines", 1, {}, "'lines' is not declared: add it to spec.metrics"),
        ("Gauge", "rows", 1, {"table": "a"}, "is a counter, and was recorded as a gauge"),
        ("Counter", "rows", 1, {}, "are table, and it was recorded with none"),
        ("Gauge", "fill", 1, {"x": "y"}, "are none, and it was recorded with x"),
        ("Counter", "rows", -1, {"table": "a"}, "only grows"),
        ("Counter", "rows", float("nan"), {"table": "a"}, "finite"),
        ("Gauge", "fill", float("inf"), {}, "finite"),
        ("Gauge", "fill", True, {}, "finite numbers"),
        ("Gauge", "fill", "1", {}, "finite numbers"),
        ("Gauge", "fill", None, {}, "finite numbers"),
        ("Gauge", "fill", 1j, {}, "finite numbers"),
        ("Gauge", "fill", np.bool_(1), {}, "finite numbers"),
        ("Gauge", "fill", np.float64("nan"), {}, "finite numbers"),
        ("Gauge", "fill", Decimal("sNaN"), {}, "finite numbers"),
        ("Gauge", "fill", 10**301, {}, "finite numbers"),
        ("Gauge", "fill", Fraction(10**400), {}, "finite numbers"),
        ("Counter", "rows", np.int64(-1), {"table": "a"}, "only grows"),
        ("Counter", "rows", 1, {"table": 1.5}, "texts or whole numbers"),
        ("Counter", "rows", 1, {"table": None}, "texts or whole numbers"),
        ("Counter", "rows", 1, {"table": "x" * 129}, "at most 128"),
    ],
)
def test_what_the_deployment_does_not_say_is_an_error(kind, name, value, labels, said):
    recording = Recording(DECLARED)
    with pytest.raises(MetricError, match=said):
        recording.record(kind, name, value, labels)
    assert recording.samples() == []


@pytest.mark.parametrize(
    ("name", "labels", "said"),
    [
        ("Rows", {}, "no name"),
        ("x" * 64, {}, "no name"),
        ("rows", {"Table": "a"}, "no name"),
        ("rows", {"namespace": "a"}, "cannot have the label"),
        ("rows", dict.fromkeys("abcde", "x"), "can have 4 labels"),
    ],
)
def test_without_a_deployment_names_are_checked_as_it_would(name, labels, said):
    with pytest.raises(MetricError, match=said):
        Recording().record("Counter", name, 1, labels)


def test_without_a_deployment_there_are_as_many_metrics_as_one_may_declare():
    recording = Recording()
    for number in range(MOST_METRICS):
        recording.record("Gauge", f"m{number}", 1, {})
    with pytest.raises(MetricError, match="can record 10 metrics"):
        recording.record("Gauge", "m10", 1, {})


def test_series_beyond_the_bound_are_counted_once_each():
    recording = Recording()
    for number in range(MOST_SERIES + 3):
        for _ in range(2):
            recording.record("Counter", "rows", 1, {"table": number})
    assert (len(recording.samples()), recording.dropped) == (MOST_SERIES, 3)


def test_tasks_and_subflows_record_for_the_flow_around_them():
    @task
    def load(table):
        counter("rows").add(1, table=table)

    @flow
    def inner():
        counter("rows").add(5, table="b")

    @flow
    def outer():
        load.map(["a", "a", "b"]).wait()
        inner()
        return recorded()

    assert {s["labels"]["table"]: s["value"] for s in outer()} == {"a": 2, "b": 6}
    assert {s["labels"]["table"]: s["value"] for s in outer()} == {"a": 2, "b": 6}


def test_labels_are_without_secrets(monkeypatch):
    monkeypatch.setattr("millstream._recorded_metrics.mask", lambda text: text.replace("hunter2", MASK))
    recording = Recording()
    recording.record("Gauge", "fill", 1, {"user": "hunter2"})
    assert recording.samples()[0]["labels"] == {"user": MASK}


def test_too_many_series_are_told_once(caplog):
    @flow
    def busy():
        for number in range(MOST_SERIES + 5):
            counter("rows").add(1, table=number)

    busy()
    assert len([r for r in caplog.records if "combinations of labels" in r.getMessage()]) == 1


def test_too_many_series_are_told_also_if_another_thread_finds_them_too(caplog, monkeypatch):
    record = Recording.record

    def beside_another(self, kind, name, value, labels):
        told = record(self, kind, name, value, labels)
        record(self, kind, name, value, {"table": f"{labels['table']}, of another thread"})
        return told

    monkeypatch.setattr(Recording, "record", beside_another)

    @flow
    def busy():
        for number in range(MOST_SERIES):
            counter("rows").add(1, table=number)

    busy()
    assert len([r for r in caplog.records if "combinations of labels" in r.getMessage()]) == 1


@pytest.mark.parametrize("call", [lambda: counter("x").add(), lambda: gauge("x").set(1), recorded])
def test_outside_of_flows_there_is_nothing_to_record_for(call):
    with pytest.raises(MissingContextError, match="inside of flows"):
        call()
    with pytest.raises(MissingContextError, match="inside of flows"):
        task(call)()


def test_a_name_is_a_text():
    with pytest.raises(MetricError, match="by its name, and got 3"):
        counter(3)


def test_another_process_says_so():
    def elsewhere():
        counter("rows").add(1)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def sends():
        task(elsewhere).submit().result()

    with pytest.raises(MissingContextError, match="return the figure"):
        sends()
