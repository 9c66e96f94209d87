import pytest
from builders import NAMESPACE, NOW, TEMPLATE, after, make_run, make_status, text
from prometheus_client.parser import text_string_to_metric_families

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.observed import Run
from millstream_operator.metrics import Metrics

LABELS = ("namespace", "deployment", "state", "reason")


@pytest.fixture
def metrics():
    return Metrics()


def samples(metrics, name):
    """Give the samples of a metric: the labels' values by the labels' order, and the value."""
    return {
        tuple(sample.labels[label] for label in LABELS if label in sample.labels): sample.value
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
        if sample.name == name
    }


def moved(metrics, before, after_it, *, known=True, **run):
    metrics.run_moved(Run.from_object(make_run(status=before, **run)), after_it, known=known)


def final(state, reason=None, **more):
    return make_status(state, reason, completion_time=after(50), **more)


@pytest.mark.parametrize(
    ("state", "reason"),
    [(RunState.COMPLETED, ""), (RunState.FAILED, Reason.OOM_KILLED), (RunState.CRASHED, Reason.EVICTED)],
)
def test_counts_runs_that_finish(metrics, state, reason):
    running = make_status(RunState.RUNNING, start_time=NOW)
    moved(metrics, running, final(state, reason or None, start_time=NOW))
    assert samples(metrics, "millstream_flow_runs_finished_total") == {(NAMESPACE, "etl", state, reason): 1}
    assert samples(metrics, "millstream_flow_run_duration_seconds_sum") == {(NAMESPACE, "etl", state): 50}


def test_counts_a_state_only_when_it_is_new(metrics):
    moved(metrics, make_status(RunState.PENDING), make_status(RunState.PENDING, Reason.UNSCHEDULABLE))
    assert b"millstream_flow_runs_finished_total{" not in metrics.page()


def test_a_run_that_never_ran_has_no_duration(metrics):
    moved(metrics, None, final(RunState.FAILED, Reason.INVALID_PARAMETERS, attempt=0))
    assert samples(metrics, "millstream_flow_run_duration_seconds_count") == {}


def test_the_start_delay_counts_from_the_time_due(metrics):
    pending, running = make_status(RunState.PENDING), make_status(RunState.RUNNING, start_time=after(30))
    moved(metrics, pending, running)
    moved(metrics, pending, running, scheduledTime=text(after(20)))
    assert samples(metrics, "millstream_flow_run_start_delay_seconds_sum") == {(NAMESPACE, "etl"): 40}


def test_a_run_that_was_made_for_a_time_long_ago_has_not_waited_since(metrics):
    pending, running = make_status(RunState.PENDING), make_status(RunState.RUNNING, start_time=after(30))
    moved(metrics, pending, running, scheduledTime=text(after(-86_400)))
    assert samples(metrics, "millstream_flow_run_start_delay_seconds_sum") == {(NAMESPACE, "etl"): 30}


def test_the_start_delay_of_a_run_that_is_over_before_its_start_was_seen_is_counted(metrics):
    moved(metrics, make_status(RunState.PENDING), final(RunState.COMPLETED, start_time=after(30)))
    assert samples(metrics, "millstream_flow_run_start_delay_seconds_sum") == {(NAMESPACE, "etl"): 30}


def test_the_name_of_a_deployment_that_does_not_exist_is_no_label(metrics):
    moved(metrics, None, final(RunState.FAILED, Reason.DEPLOYMENT_NOT_FOUND), known=False)
    counted = samples(metrics, "millstream_flow_runs_finished_total")
    assert counted == {(NAMESPACE, "", RunState.FAILED, Reason.DEPLOYMENT_NOT_FOUND): 1}


def test_a_later_attempt_has_no_start_delay(metrics):
    moved(
        metrics,
        make_status(RunState.PENDING, attempt=2, start_time=NOW),
        make_status(RunState.RUNNING, attempt=2, start_time=NOW),
    )
    assert samples(metrics, "millstream_flow_run_start_delay_seconds_count") == {}


def test_counts_new_attempts(metrics):
    moved(metrics, make_status(RunState.RUNNING), make_status(RunState.AWAITING_RETRY, Reason.EVICTED))
    assert samples(metrics, "millstream_flow_run_retries_total") == {(NAMESPACE, "etl", "Evicted"): 1}


def test_shows_the_runs_that_exist(metrics):
    runs = [
        make_run("a"),
        make_run("b", status=make_status(RunState.RUNNING)),
        make_run("c", status=make_status(RunState.RUNNING)),
        make_run("d", template=TEMPLATE, status=make_status(RunState.COMPLETED)),
    ]
    metrics.observe_runs(lambda: map(Run.from_object, runs))
    assert samples(metrics, "millstream_flow_runs") == {
        (NAMESPACE, "etl", "Pending"): 1,
        (NAMESPACE, "etl", "Running"): 2,
        (NAMESPACE, "", "Completed"): 1,
    }


def test_shows_the_queue(metrics):
    metrics.observe_queue(lambda: 3, lambda: 1.5)
    assert samples(metrics, "millstream_operator_queue_length") == {(): 3}
    assert samples(metrics, "millstream_operator_queue_oldest_seconds") == {(): 1.5}


def test_no_label_is_a_runs_name(metrics):
    metrics.observe_runs(lambda: [Run.from_object(make_run("secret-name"))])
    moved(metrics, make_status(RunState.RUNNING, start_time=NOW), final(RunState.COMPLETED), created=NOW)
    metrics.api_call("create", "jobs", 201, 0.1)
    metrics.reconciled("flowruns", "ok", 0.1)
    page = metrics.page().decode()
    assert "secret-name" not in page
    assert "etl-1" not in page
