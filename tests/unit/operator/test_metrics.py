import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families

from millstream_operator.metric_registry import LABEL_VALUES, METRICS
from millstream_operator.metrics import MOST_SERIES, Metrics

FINISHED = "millstream_flow_runs_finished_total"
DURATION = "millstream_flow_run_duration_seconds"
USER = "millstream_user_counter_total"
OPEN = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def metrics():
    return Metrics()


def samples(metrics, name):
    """Give the samples of a metric: the labels' values, and the value."""
    return {
        tuple(
            sample.labels[label] for label in METRICS[re.sub("_(count|sum|bucket)$", "", name)].labels
        ): sample.value
        for family in text_string_to_metric_families(metrics.page()[0].decode())
        for sample in family.samples
        if sample.name == name
    }


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric):
    assert re.fullmatch(r"millstream_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind == "counter")
    assert (metric.unit == "seconds") is metric.name.endswith("_seconds")
    assert (metric.unit == "bytes") is metric.name.endswith("_bytes")
    assert metric.text.endswith(".")
    assert bool(metric.buckets) is (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(metric.buckets)
    assert not {"run", "name", "uid", "pod", "node", "task"} & set(metric.labels)


def test_closed_lists_are_of_labels_that_there_are():
    assert all(label in METRICS[name].labels for name, label in LABEL_VALUES)


def test_counts(metrics):
    metrics.add(FINISHED, "team", "etl", "Completed")
    metrics.add(FINISHED, "team", "etl", "Completed", amount=2)
    assert samples(metrics, FINISHED) == {("team", "etl", "Completed"): 3}


def test_a_series_begins_at_zero(metrics):
    metrics.begin(FINISHED, "team", "etl", "Failed")
    metrics.begin(DURATION, "team", "etl")
    assert samples(metrics, FINISHED) == {("team", "etl", "Failed"): 0}
    assert samples(metrics, f"{DURATION}_count") == {("team", "etl"): 0}


def test_beginning_again_changes_nothing(metrics):
    metrics.add(FINISHED, "team", "etl", "Failed")
    metrics.begin(FINISHED, "team", "etl", "Failed")
    assert samples(metrics, FINISHED) == {("team", "etl", "Failed"): 1}


def test_a_metric_has_no_more_series_than_it_may_and_the_rest_is_counted():
    metrics = Metrics(most_series=40)
    for number in range(50):
        metrics.add(FINISHED, "team", f"d{number}", "Completed")
        metrics.observe(DURATION, "team", f"d{number}", amount=1)
    for _ in range(3):
        metrics.add(FINISHED, "team", "d0", "Completed")
    assert len(samples(metrics, FINISHED)) == 40
    assert len(samples(metrics, f"{DURATION}_sum")) == 40 // METRICS[DURATION].series
    dropped = samples(metrics, "millstream_operator_series_dropped_total")
    assert dropped == {(FINISHED,): 10, (DURATION,): 48}


def test_what_does_not_fit_is_not_begun_and_nothing_is_lost_by_that():
    metrics = Metrics(most_series=1)
    metrics.begin(FINISHED, "team", "a", "Completed")
    metrics.begin(FINISHED, "team", "b", "Completed")
    assert list(samples(metrics, FINISHED)) == [("team", "a", "Completed")]
    assert samples(metrics, "millstream_operator_series_dropped_total") == {}


def test_series_go_once_they_have_been_shown_and_make_room():
    metrics = Metrics(most_series=1)
    metrics.add(FINISHED, "team", "old", "Completed")
    metrics.end(metrics.of(("team", "old")))
    assert samples(metrics, FINISHED) == {("team", "old", "Completed"): 1}
    assert samples(metrics, FINISHED) == {}
    metrics.add(FINISHED, "team", "new", "Completed")
    assert samples(metrics, FINISHED) == {("team", "new", "Completed"): 1}
    assert samples(metrics, "millstream_operator_series_dropped_total") == {}


def test_a_new_series_is_zero_at_first_with_all_that_belongs_to_it():
    time = 0.0
    metrics = Metrics(zero_seconds=120, clock=lambda: time)
    metrics.add(FINISHED, "team", "etl", "Failed", amount=3, run="etl-1")
    metrics.observe(DURATION, "team", "etl", amount=7, run="etl-1")
    metrics.add(USER, "team", "etl", "rows", amount=5, more={"table": "a"})
    for time, shown in ((0.0, 0), (119.0, 0), (120.0, 1)):  # noqa: B007  (the clock reads it)
        page = metrics.page(OPEN)[0].decode()
        assert ("etl-1" in page) is bool(shown)
        assert samples(metrics, FINISHED) == {("team", "etl", "Failed"): 3 * shown}
        assert samples(metrics, f"{DURATION}_sum") == {("team", "etl"): 7 * shown}
        assert samples(metrics, f"{DURATION}_count") == {("team", "etl"): shown}
        assert samples(metrics, USER) == {("team", "etl", "rows"): 5 * shown}
    metrics.add(FINISHED, "team", "etl", "Failed")
    assert samples(metrics, FINISHED) == {("team", "etl", "Failed"): 4}


def test_series_with_labels_of_their_own_are_one_metric_and_leave_nothing_behind():
    metrics = Metrics()
    before = len(metrics._counters)
    metrics.add(USER, "team", "etl", "rows", more={"table": "a"})
    metrics.add(USER, "team", "etl", "cells", more={"table": "a", "column": "b"})
    assert len(samples(metrics, USER)) == 2
    assert metrics.page()[0].count(b"# TYPE millstream_user_counter_total") == 1
    metrics.end(metrics.of(("team", "etl")))
    metrics.page()
    assert samples(metrics, USER) == {}
    assert len(metrics._counters) == before


@pytest.mark.parametrize(("code", "label"), [(201, "201"), (0, "0"), (799, "other")])
def test_requests_are_counted_by_codes_that_there_are(metrics, code, label):
    metrics.api_call("create", "jobs", code, 0.1)
    assert samples(metrics, "millstream_operator_api_requests_total") == {("create", "jobs", label): 1}
    name = "millstream_operator_api_request_duration_seconds"
    assert samples(metrics, f"{name}_count") == {("create", "jobs"): 1}


def test_results_of_decisions_are_there_from_the_start(metrics):
    results = LABEL_VALUES["millstream_operator_reconciles_total", "result"]
    found = samples(metrics, "millstream_operator_reconciles_total")
    assert found == {(kind, result): 0 for kind in ("flowruns", "flowdeployments") for result in results}


def test_sizes_of_objects(metrics):
    metrics.object_written("flowruns", 3000)
    assert samples(metrics, "millstream_operator_object_bytes_sum") == {("flowruns",): 3000}


def test_who_asks_for_open_metrics_gets_it_with_the_runs_name_as_an_exemplar(metrics):
    metrics.add(FINISHED, "team", "etl", "Completed", run="etl-1")
    metrics.add(FINISHED, "team", "etl", "Failed", run="x" * 126)
    page, content_type = metrics.page(OPEN)
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in open_families(page.decode())}
    exemplars = {s.labels["state"]: s.exemplar for s in families[FINISHED.removesuffix("_total")].samples}
    assert exemplars["Completed"].labels == {"run": "etl-1"}
    assert exemplars["Failed"] is None  # OpenMetrics allows no longer ones
    assert families[DURATION].unit == "seconds"


def test_others_get_text_without_names_of_runs(metrics):
    metrics.add(FINISHED, "team", "etl", "Completed", run="etl-1")
    page, content_type = metrics.page("*/*")
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b"etl-1" not in page


def test_no_series_is_refused_by_default_to_hundreds_of_deployments():
    assert all(metric.series * 500 <= MOST_SERIES for metric in METRICS.values())
