"""Both tables of failure signatures: what happened to a pod, and what the operator makes of it."""

import pytest
from builders import (
    DISRUPTION_RULE,
    POD_RULE,
    TEMPLATE,
    make_job,
    make_pod,
    make_record,
    make_run,
    make_status,
    observe,
)

from millstream.resources.completion_record import CompletionRecord
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.decide.evidence import VERDICTS, completed, current_pods, outcome, pod_of, record_of

RUN = make_run(status=make_status(RunState.RUNNING))
DISRUPTED = ("PodFailurePolicy", DISRUPTION_RULE)
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
COMPLETED = make_record()
FAILED = make_record(RunState.FAILED, Reason.FLOW_FAILED, message="ValueError: no", error="ValueError")
INTERRUPTED = make_record(RunState.CRASHED, Reason.INTERRUPTED, message="SIGTERM came.")
TIMED_OUT = make_record(RunState.TIMED_OUT, Reason.RUN_TIMEOUT)
OUT_OF_MEMORY = make_record(RunState.FAILED, Reason.OOM_KILLED, message="200 MB at its end.")


def exited(code):
    return ("PodFailurePolicy", POD_RULE.format(code))


def judge(job, pod):
    observed = observe(RUN, jobs=[job] if job else [], pods=[pod] if pod else [])
    return outcome(observed.run, next(iter(observed.jobs.values()), None), next(iter(observed.pods), None))


# What happened, what the Job says, what is left of the pod, the reason (None: completed).
SIGNATURES = {
    "completed": ({"complete": True}, {"exit_code": 0, "record": COMPLETED}, None),
    "completed, the Job not yet": ({}, {"exit_code": 0, "record": COMPLETED}, None),
    "exception": (exited(1), {"exit_code": 1, "record": FAILED}, Reason.FLOW_FAILED),
    "exception, record lost": (exited(1), {"exit_code": 1}, Reason.NON_ZERO_EXIT),
    "exception, pod gone": (exited(1), None, Reason.NON_ZERO_EXIT),
    "bad parameters, record lost": (exited(65), {"exit_code": 65}, Reason.INVALID_PARAMETERS),
    "bad entrypoint, pod gone": (exited(66), None, Reason.INVALID_ENTRYPOINT),
    "requirements, record lost": (exited(69), {"exit_code": 69}, Reason.REQUIREMENTS_FAILED),
    "bad document": (exited(64), {"exit_code": 64}, Reason.INVALID_DOCUMENT),
    "no result": (exited(70), {"exit_code": 70}, Reason.NO_RESULT),
    "run timeout, told": (exited(124), {"exit_code": 124, "record": TIMED_OUT}, Reason.RUN_TIMEOUT),
    "run timeout, record lost": (exited(124), {"exit_code": 124}, Reason.RUN_TIMEOUT),
    "segmentation fault": (exited(139), {"exit_code": 139}, Reason.SIGNALLED),
    "killed, not by Kubernetes": (exited(137), {"exit_code": 137}, Reason.SIGNALLED),
    "terminated, not by Kubernetes": (exited(143), {"exit_code": 143}, Reason.SIGNALLED),
    "other exit code": (exited(3), {"exit_code": 3}, Reason.NON_ZERO_EXIT),
    "eviction": (
        DISRUPTED,
        {"exit_code": 143, "disrupted": True, "deleting": True, "record": INTERRUPTED},
        Reason.EVICTED,
    ),
    "eviction, pod gone": (DISRUPTED, None, Reason.EVICTED),
    "eviction, exits 0, completed": (
        {"complete": True},
        {"exit_code": 0, "disrupted": True, "deleting": True, "record": COMPLETED},
        None,
    ),
    "eviction, exits 0, interrupted": (
        {"complete": True},
        {"exit_code": 0, "disrupted": True, "deleting": True, "record": INTERRUPTED},
        Reason.NO_RESULT,
    ),
    "eviction, exits 0, pod gone": ({"complete": True}, None, Reason.NO_RESULT),
    "eviction, ignores TERM": (
        DISRUPTED,
        {"exit_code": 137, "disrupted": True, "deleting": True},
        Reason.EVICTED,
    ),
    "evicted before start": (
        DISRUPTED,
        {"exit_code": 137, "container_reason": "ContainerStatusUnknown", "disrupted": True},
        Reason.EVICTED,
    ),
    "failed by itself, then marked as disrupted": (
        exited(1),
        {"exit_code": 1, "disrupted": True, "record": FAILED},
        Reason.FLOW_FAILED,
    ),
    "pod deleted": (
        exited(143),
        {"exit_code": 143, "deleting": True, "record": INTERRUPTED},
        Reason.INTERRUPTED,
    ),
    "pod deleted, no record": (exited(143), {"exit_code": 143, "deleting": True}, Reason.POD_LOST),
    "pod deleted, ignores TERM": (exited(137), {"exit_code": 137, "deleting": True}, Reason.POD_LOST),
    "pod deleted, gone": (exited(143), None, Reason.POD_LOST),
    "pod deleted, one rule only": (BACKOFF, None, Reason.POD_LOST),
    "pod deleted, exits 0": (
        {"complete": True},
        {"exit_code": 0, "deleting": True, "record": COMPLETED},
        None,
    ),
    "pod deleted, exits 0, gone": ({"complete": True}, None, Reason.NO_RESULT),
    "force delete": (
        exited(143),
        {"exit_code": 143, "deleting": True, "record": INTERRUPTED},
        Reason.INTERRUPTED,
    ),
    "OOM, supervisor too": (
        exited(137),
        {"exit_code": 137, "container_reason": "OOMKilled"},
        Reason.OOM_KILLED,
    ),
    "OOM, child only": (
        exited(137),
        {"exit_code": 137, "container_reason": "Error", "record": OUT_OF_MEMORY},
        Reason.OOM_KILLED,
    ),
    "deadline": (
        DEADLINE,
        {"exit_code": 143, "deleting": True, "record": INTERRUPTED},
        Reason.RUN_TIMEOUT,
    ),
    "deadline, pod gone": (DEADLINE, None, Reason.RUN_TIMEOUT),
    "deadline, completed in its grace": (DEADLINE, {"exit_code": 0, "record": COMPLETED}, None),
    "NoExecute taint": (
        DISRUPTED,
        {"exit_code": 143, "disrupted": True, "deleting": True},
        Reason.EVICTED,
    ),
    "emptyDir over its limit": (
        exited(143),
        {"exit_code": 143, "reason": "Evicted", "message": "Usage of EmptyDir exceeds the limit."},
        Reason.STORAGE_EXCEEDED,
    ),
    "bad command": (exited(128), {"exit_code": 128, "container_reason": "StartError"}, Reason.NON_ZERO_EXIT),
    "exit 0, nothing told": ({"complete": True}, {"exit_code": 0}, Reason.NO_RESULT),
    "exit 0, told of failure": ({"complete": True}, {"exit_code": 0, "record": FAILED}, Reason.NO_RESULT),
    "exit 1, told of success": (exited(1), {"exit_code": 1, "record": COMPLETED}, Reason.NON_ZERO_EXIT),
    "told by another attempt": (
        {"complete": True},
        {"exit_code": 0, "record": make_record(attempt=2)},
        Reason.NO_RESULT,
    ),
    "told by another run": (
        {"complete": True},
        {"exit_code": 0, "record": CompletionRecord(uid="other", attempt=1, state=RunState.COMPLETED)},
        Reason.NO_RESULT,
    ),
    "a reason that is not the runner's to give": (
        exited(1),
        {"exit_code": 1, "record": make_record(RunState.CANCELLED, Reason.JOB_DELETED)},
        Reason.NON_ZERO_EXIT,
    ),
    "log text in place of a record": (
        exited(1),
        {"exit_code": 1, "record": "Traceback…"},
        Reason.NON_ZERO_EXIT,
    ),
    "refused by the node": (BACKOFF, {"phase": "Failed", "reason": "OutOfcpu"}, Reason.POD_LOST),
}


@pytest.mark.parametrize("event", SIGNATURES)
def test_signature(event):
    job, pod, reason = SIGNATURES[event]
    job = make_job(**job) if isinstance(job, dict) else make_job(failure=job)
    assert judge(job, make_pod(**pod) if pod is not None else None).reason is reason


COSTS = [
    (Reason.FLOW_FAILED, "failures", RunState.FAILED),
    (Reason.NON_ZERO_EXIT, "failures", RunState.FAILED),
    (Reason.SIGNALLED, "failures", RunState.FAILED),
    (Reason.OOM_KILLED, "failures", RunState.FAILED),
    (Reason.STORAGE_EXCEEDED, "failures", RunState.FAILED),
    (Reason.REQUIREMENTS_FAILED, "failures", RunState.FAILED),
    (Reason.RUN_TIMEOUT, "failures", RunState.TIMED_OUT),
    (Reason.NO_RESULT, "failures", RunState.CRASHED),
    (Reason.EVICTED, "disruptions", RunState.CRASHED),
    (Reason.INTERRUPTED, "disruptions", RunState.CRASHED),
    (Reason.POD_LOST, "disruptions", RunState.CRASHED),
    (Reason.NODE_LOST, "disruptions", RunState.CRASHED),
    (Reason.INVALID_PARAMETERS, None, RunState.FAILED),
    (Reason.INVALID_ENTRYPOINT, None, RunState.FAILED),
    (Reason.INVALID_DOCUMENT, None, RunState.FAILED),
]


@pytest.mark.parametrize(("reason", "budget", "state"), COSTS)
def test_who_pays(reason, budget, state):
    assert (VERDICTS[reason].budget, VERDICTS[reason].state) == (budget, state)


def test_every_end_of_an_attempt_has_its_price():
    assert {reason for *_, reason in SIGNATURES.values() if reason} <= set(VERDICTS)
    assert {reason for reason, *_ in COSTS} == set(VERDICTS)


@pytest.mark.parametrize(
    ("job", "pod", "code"),
    [
        (make_job(failure=exited(3)), make_pod(exit_code=3), 3),
        (make_job(failure=exited(66)), None, 66),
        (make_job(complete=True), None, 0),
        (make_job(failure=BACKOFF), None, None),
        (make_job(failure=exited(143)), make_pod(exit_code=137), 137),
        (None, make_pod(exit_code=0), 0),
        (None, None, None),
    ],
)
def test_exit_code(job, pod, code):
    assert judge(job, pod).exit_code == code


def test_the_message_is_the_records_when_there_is_one():
    found = judge(make_job(failure=exited(1)), make_pod(exit_code=1, record=FAILED))
    assert (found.message, found.record) == ("ValueError: no", FAILED)


def test_a_pod_that_completed_speaks_for_its_job_before_one_that_lives():
    pods = [
        make_pod(uid="live", running=True),
        make_pod(uid="done", exit_code=0, record=COMPLETED),
        make_pod(uid="dead", exit_code=1),
    ]
    observed = observe(RUN, jobs=[make_job()], pods=pods)
    (job,) = observed.jobs.values()
    assert pod_of(observed.run, observed.pods, job).uid == "done"
    assert pod_of(observed.run, (observed.pods[2], observed.pods[0]), job).uid == "live"
    assert pod_of(observed.run, (observed.pods[2],), job).uid == "dead"
    assert pod_of(observed.run, (), job) is None


def test_a_pod_of_another_job_says_nothing():
    observed = observe(RUN, jobs=[make_job(uid="re-created")], pods=[make_pod(exit_code=0, record=COMPLETED)])
    assert pod_of(observed.run, observed.pods, observed.jobs["etl-1-1"]) is None


def test_only_the_newest_attempt_is_current():
    pods = [make_pod(attempt=1), make_pod(attempt=2)]
    observed = observe(make_run(status=make_status(RunState.PENDING, attempt=2)), pods=pods)
    assert [pod.attempt for pod in current_pods(observed, observed.run)] == [2]


OWNERS = {
    "none": ([], False),
    "somebody's": (
        [{"kind": "ReplicaSet", "name": "etl-1-1", "uid": "uid-etl-1-1", "controller": True}],
        False,
    ),
    "another Job": ([{"kind": "Job", "name": "theirs", "uid": "theirs", "controller": True}], False),
    "no controller": ([{"kind": "Job", "name": "etl-1-1", "uid": "uid-etl-1-1"}], False),
    "its Job": ([{"kind": "Job", "name": "etl-1-1", "uid": "uid-etl-1-1", "controller": True}], True),
}


@pytest.mark.parametrize("known", ["observed", "recorded", "neither"])
@pytest.mark.parametrize("case", OWNERS)
def test_only_pods_that_its_job_controls_are_of_an_attempt(case, known):
    owners, its_own = OWNERS[case]
    pod = make_pod(exit_code=0, record=COMPLETED)
    pod["metadata"]["ownerReferences"] = owners
    status = make_status(RunState.RUNNING, job_uid="uid-etl-1-1" if known == "recorded" else None)
    observed = observe(make_run(status=status), jobs=[make_job()] if known == "observed" else [], pods=[pod])
    assert bool(current_pods(observed, observed.run)) == its_own


def test_the_pod_of_a_job_of_an_earlier_run_of_the_name_is_not_its_own():
    status = make_status(RunState.RUNNING, job_uid="newer")
    observed = observe(make_run(status=status), pods=[make_pod(exit_code=0, record=COMPLETED)])
    assert current_pods(observed, observed.run) == ()


def test_a_run_without_an_attempt_has_no_pods():
    observed = observe(make_run(status=make_status(RunState.QUEUED, attempt=0)), pods=[make_pod(attempt=0)])
    assert current_pods(observed, observed.run) == ()


def test_a_record_is_read_only_by_its_own_run_and_attempt():
    observed = observe(RUN, pods=[make_pod(exit_code=0, record=COMPLETED), make_pod(attempt=2, exit_code=0)])
    own, other = observed.pods
    assert record_of(observed.run, own) == COMPLETED
    assert record_of(observed.run, other) is None
    assert completed(observed.run, (other, own)) is own


def test_a_pod_that_was_seen_to_run_stays_the_attempts_when_its_job_leaves_it():
    left = make_pod(running=True)
    del left["metadata"]["ownerReferences"]
    for known, found in (("etl-1-1-x", 1), ("etl-1-1-y", 0), (None, 0)):
        status = make_status(RunState.RUNNING, job_uid="uid-etl-1-1", pod=known)
        observed = observe(make_run(template=TEMPLATE, status=status), pods=[left])
        assert len(current_pods(observed, observed.run)) == found
