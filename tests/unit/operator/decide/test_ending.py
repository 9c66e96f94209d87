import pytest
from builders import (
    DISRUPTION_RULE,
    NOW,
    POD_RULE,
    TEMPLATE,
    after,
    make_job,
    make_pod,
    make_record,
    make_run,
    make_status,
    observe,
)

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.ending import end
from millstream_operator.decide.plan import ConfirmJob, ReleasePod, WriteRunStatus

EXIT_1 = ("PodFailurePolicy", POD_RULE.format(1))
EVICTION = ("PodFailurePolicy", DISRUPTION_RULE)
DEADLINE = ("DeadlineExceeded", "too long")
COMPLETED = make_record(
    message="Done.",
    tasks={"Completed": 3},
    result={"rows": 7},
    has_result=True,
    result_storage="s3://flows/results",
)
FAILED = make_record(RunState.FAILED, Reason.FLOW_FAILED, message="ValueError: no", log_tail="Traceback")
INTERRUPTED = make_record(RunState.CRASHED, Reason.INTERRUPTED)


def running(retry=None, **status):
    template = TEMPLATE | ({"retryPolicy": retry} if retry else {})
    return make_run(template=template, status=make_status(RunState.RUNNING, **status))


def plan_of(run, job, pods=(), **world):
    observed = observe(run, jobs=[job], pods=pods, now=after(60), **world)
    return end(observed, observed.run)


def written(plan):
    assert isinstance(plan.actions[0], WriteRunStatus)
    return plan.actions[0].status


# What the Job says, what the pod says, whether that is enough to call the attempt ended.
CERTAIN = {
    "runs": (make_job(), make_pod(running=True), False),
    "no pod yet": (make_job(), None, False),
    "completed": (make_job(), make_pod(exit_code=0, record=COMPLETED), True),
    "completed while it was disrupted": (
        make_job(),
        make_pod(exit_code=0, record=COMPLETED, disrupted=True, deleting=True),
        True,
    ),
    "failed": (make_job(), make_pod(exit_code=1, record=FAILED), True),
    "failed while it was disrupted": (
        make_job(),
        make_pod(exit_code=1, record=FAILED, disrupted=True, deleting=True),
        False,
    ),
    "interrupted": (make_job(), make_pod(exit_code=143, record=INTERRUPTED), False),
    "nothing told": (make_job(), make_pod(exit_code=1), False),
    "exit 0, nothing told": (make_job(), make_pod(exit_code=0), False),
    "nothing told, Job failed": (make_job(failure=EXIT_1), make_pod(exit_code=1), True),
    "nothing told, Job failing": (make_job(failure=EXIT_1, stopping=True), make_pod(exit_code=1), True),
    "being stopped": (make_job(failure=DEADLINE, stopping=True), make_pod(running=True), False),
    "exit 0, nothing told, Job complete": (make_job(complete=True), make_pod(exit_code=0), True),
}


@pytest.mark.parametrize("case", CERTAIN)
def test_ends_only_on_certainty(case):
    job, pod, certain = CERTAIN[case]
    plan = plan_of(running(), job, [pod] if pod else [])
    assert (plan is not None) == certain
    if certain:
        assert [type(action) for action in plan.actions] == [WriteRunStatus, ReleasePod]


@pytest.mark.parametrize("job", [make_job(failure=EXIT_1), make_job(complete=True)])
def test_asks_before_it_believes_that_the_pod_is_gone(job):
    assert plan_of(running(), job).actions == (ConfirmJob("etl-1-1"),)
    assert written(plan_of(running(), job, confirmed="etl-1-1")).state.is_final


def test_completed():
    pod = make_pod(exit_code=0, ended=after(50), record=COMPLETED)
    status = written(plan_of(running(), make_job(), [pod]))
    assert (status.state, status.reason, status.message) == (RunState.COMPLETED, None, "Done.")
    assert (status.tasks, status.result) == ({"Completed": 3}, {"rows": 7})
    assert status.result_storage == "s3://flows/results"
    assert (status.start_time, status.completion_time) == (NOW, after(50))
    assert (status.failures, status.disruptions) == (0, 0)
    attempt = status.current
    assert (attempt.job_uid, attempt.pod, attempt.node) == ("uid-etl-1-1", "etl-1-1-x", "node-1")
    assert (attempt.start_time, attempt.end_time, attempt.completion_time) == (NOW, after(50), after(50))
    assert attempt.exit_code == 0


ROWS = {"name": "rows", "type": "Counter", "labels": {"table": "a"}, "value": 3}


def test_what_the_flow_recorded_stands_in_the_status_with_the_number_of_its_attempt():
    record = make_record(task_retries=2, metrics=[ROWS], metrics_dropped=1)
    status = written(plan_of(running(), make_job(), [make_pod(exit_code=0, record=record)]))
    assert (status.recorded_attempt, status.task_retries, status.metrics_dropped) == (1, 2, 1)
    assert [sample.to_dict() for sample in status.metrics] == [ROWS]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Histogram"},
        {"name": "x" * 64},
        {"name": "Rows"},
        {"value": -1},
        {"value": 4},  # one more of the same series
        {"type": "Gauge"},  # and as another type
        {"labels": {"table": "x" * 129}},
        {"labels": {"Table": "a"}},
        {"labels": {"namespace": "a"}},
        {"labels": dict.fromkeys("abcde", "x")},
    ],
)
def test_forged_figures_are_left_out_alone_and_counted(change):
    record = make_record(metrics=[ROWS, ROWS | change], metrics_dropped=1)
    status = written(plan_of(running(), make_job(), [make_pod(exit_code=0, record=record)]))
    assert status.state is RunState.COMPLETED
    assert (status.metrics_dropped, status.metrics_invalid) == (1, 1)
    assert [sample.to_dict() for sample in status.metrics] == [ROWS]


def test_what_the_runner_lets_through_is_recorded():
    samples = [
        ROWS,
        ROWS | {"labels": {"table": "x" * 128}},
        ROWS | {"labels": dict.fromkeys("abcd", "x")},
        {"name": "fill", "type": "Gauge", "labels": {"part": "a"}, "value": -1},
    ]
    record = make_record(metrics=samples)
    status = written(plan_of(running(), make_job(), [make_pod(exit_code=0, record=record)]))
    assert ([sample.to_dict() for sample in status.metrics], status.metrics_invalid) == (samples, 0)


def test_an_attempt_without_a_record_leaves_the_number_as_it_was():
    status = written(plan_of(running(recorded_attempt=0), make_job(failure=EXIT_1), [make_pod(exit_code=1)]))
    assert status.recorded_attempt == 0


def test_failed():
    status = written(plan_of(running(), make_job(), [make_pod(exit_code=1, record=FAILED)]))
    assert (status.state, status.reason, status.failures) == (RunState.FAILED, Reason.FLOW_FAILED, 1)
    attempt = status.current
    assert (attempt.reason, attempt.message) == (Reason.FLOW_FAILED, "ValueError: no")
    assert (attempt.exit_code, attempt.log_tail) == (1, "Traceback")


INVALID = make_record(RunState.FAILED, Reason.INVALID_PARAMETERS)
# What happened, the policy, what was spent before, state afterwards, what is spent.
BUDGETS = {
    "no failures allowed": (FAILED, {}, (0, 0), RunState.FAILED, (1, 0)),
    "one failure allowed": (FAILED, {"failures": 1}, (0, 0), RunState.AWAITING_RETRY, (1, 0)),
    "it is spent": (FAILED, {"failures": 1}, (1, 0), RunState.FAILED, (2, 0)),
    "disruptions do not pay for failures": (
        FAILED,
        {"failures": 0, "disruptions": 9},
        (0, 0),
        RunState.FAILED,
        (1, 0),
    ),
    "three disruptions by default": (EVICTION, {}, (0, 2), RunState.AWAITING_RETRY, (0, 3)),
    "they are spent": (EVICTION, {}, (0, 3), RunState.CRASHED, (0, 4)),
    "failures do not pay for disruptions": (
        EVICTION,
        {"failures": 9, "disruptions": 0},
        (0, 0),
        RunState.CRASHED,
        (0, 1),
    ),
    "bad input is not tried again": (
        INVALID,
        {"failures": 9, "disruptions": 9},
        (0, 0),
        RunState.FAILED,
        (0, 0),
    ),
}


@pytest.mark.parametrize("case", BUDGETS)
def test_budgets(case):
    what, policy, (failures, disruptions), state, spent = BUDGETS[case]
    run = running(policy, failures=failures, disruptions=disruptions)
    if what is EVICTION:
        job, pod = make_job(failure=EVICTION), make_pod(exit_code=143, disrupted=True, deleting=True)
    else:
        job, pod = make_job(), make_pod(exit_code=1, record=what)
    status = written(plan_of(run, job, [pod]))
    assert status.state is state
    assert (status.failures, status.disruptions) == spent


UNSEEN = {
    "evicted by its kubelet": (make_job(failure=EXIT_1), make_pod(phase="Failed", reason="Evicted")),
    "no times told": (make_job(failure=EXIT_1), make_pod(exit_code=137, ended=None)),
    "no pod": (make_job(failure=EXIT_1), None),
}


@pytest.mark.parametrize("case", UNSEEN)
def test_an_end_that_nobody_has_timed_is_when_it_was_learned(case):
    job, pod = UNSEEN[case]
    status = written(plan_of(running(), job, [pod] if pod else [], confirmed=job["metadata"]["name"]))
    assert status.state.is_final
    assert (status.completion_time, status.current.completion_time) == (after(60), after(60))


# When the attempt ended, a minute before the operator learned it or less, and when the next one is to begin.
WAITS = {"just now": (60, 90), "a while ago": (45, 75), "longer ago than it waits": (10, 60)}


@pytest.mark.parametrize("case", WAITS)
def test_the_waiting_time_counts_from_the_end(case):
    ended, due = WAITS[case]
    run = running({"failures": 1, "backoff": {"seconds": 30}})
    plan = plan_of(run, make_job(), [make_pod(exit_code=1, ended=after(ended), record=FAILED)])
    status = written(plan)
    assert status.next_attempt_time == plan.requeue_at == after(due)
    assert (status.current.completion_time, status.completion_time) == (after(ended), None)


def test_awaits_the_next_attempt():
    run = running({"failures": 5, "backoff": {"seconds": 10, "factor": 3}}, attempt=2)
    record = make_record(RunState.FAILED, Reason.FLOW_FAILED, attempt=2, message="No.")
    pod = make_pod(attempt=2, exit_code=1, ended=after(60), record=record)
    plan = plan_of(run, make_job(attempt=2), [pod])
    status = written(plan)
    assert status.next_attempt_time == plan.requeue_at == after(90)
    assert status.message.startswith("Attempt 2 ended: No. Attempt 3 starts at 2026-03-01 12:01:30 UTC.")
    assert (status.attempt, status.completion_time) == (2, None)


def test_a_run_whose_frozen_template_is_lost_is_not_tried_again():
    run = make_run(status=make_status(RunState.RUNNING, revision="etl-lost"))
    job, pod = make_job(failure=EVICTION), make_pod(exit_code=143)
    assert written(plan_of(run, job, [pod])).state is RunState.CRASHED


def test_lets_go_of_the_attempts_pods_only_after_its_status():
    pods = [make_pod(exit_code=0, record=COMPLETED), make_pod(attempt=2, running=True)]
    plan = plan_of(running(), make_job(), pods)
    assert [getattr(action, "name", None) for action in plan.actions] == [None, "etl-1-1-x"]


def test_keeps_the_first_start():
    run = running(start_time=after(-500))
    status = written(plan_of(run, make_job(), [make_pod(exit_code=0, record=COMPLETED)]))
    assert status.start_time == after(-500)


def test_a_message_of_any_length_fits_the_resource():
    job = make_job(failure=("PodFailurePolicy", "x" * 30_000))
    status = written(plan_of(running(), job, [make_pod(exit_code=143, deleting=True)]))
    assert max(len(status.message), len(status.current.message), len(status.conditions[0].message)) <= 4096
