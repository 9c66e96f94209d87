"""Runs that are cancelled, paused, replaced or out of time, on a real API server."""

import pytest
from api_server import COMPLETED, FAILED, INTERRUPTED, STARTED, custom
from patience import eventually

from millstream.resources import labels
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_RUNS, JOBS, PODS

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]


ENDS = (Reason.DEPLOYMENT_NOT_FOUND, Reason.INVALID_STATUS, Reason.REVISION_LOST)
"""Of a run without a deployment that has begun anew, or cannot go on."""


def running(ns, **spec):
    """Have the first attempt of a run run; give its pod."""
    ns.run(**spec)
    pod = ns.pod()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    return pod


def ask(ns, name="etl-1", **spec):
    ns.patch(FLOW_RUNS, name, {"spec": spec})


def subflow(ns, name, parent="etl-1", **spec):
    """Create a run as the flow of another one does."""
    made = custom("FlowRun", name, {"deploymentRef": {"name": "etl"}} | spec)
    made["metadata"]["labels"] = {labels.PARENT_RUN_UID: ns.get(FLOW_RUNS, parent)["metadata"]["uid"]}
    return ns.create(FLOW_RUNS, made)


def complete(ns, name):
    pod = ns.pod(run=name)
    ns.start(pod)
    ns.becomes(RunState.RUNNING, name=name)
    ns.finish(pod, *COMPLETED)


def is_being_deleted(ns, pod):
    found = ns.get(PODS, pod["metadata"]["name"])
    return found is not None and "deletionTimestamp" in found["metadata"]


def events(ns, reason):
    path = f"/api/v1/namespaces/{ns.name}/events"
    return [e for e in ns._client.call("GET", path)["items"] if e["reason"] == reason]


def test_a_running_run_is_cancelled_when_its_pod_is_gone(ns):
    ns.deploy()
    pod = running(ns)
    ask(ns, cancel=True)
    ns.becomes(RunState.CANCELLING, Reason.CANCEL_REQUESTED)
    eventually(lambda: is_being_deleted(ns, pod))
    ns.finish(pod, *INTERRUPTED)
    status = ns.becomes(RunState.CANCELLED, Reason.CANCEL_REQUESTED)
    assert ns.items(PODS) == []
    assert (status["attempts"][0]["exitCode"], status.get("failures", 0)) == (143, 0)
    eventually(lambda: ns.items(JOBS) == [])
    (event,) = eventually(lambda: events(ns, "CancelRequested")[:1])
    assert event["involvedObject"]["name"] == "etl-1"


def test_what_completes_while_it_is_cancelled_has_completed(ns):
    ns.deploy()
    pod = running(ns)
    ask(ns, cancel=True)
    eventually(lambda: is_being_deleted(ns, pod))
    ns.finish(pod, *COMPLETED)
    ns.becomes(RunState.COMPLETED)


def test_a_run_that_has_not_begun_is_cancelled_at_once(ns):
    ns.deploy()
    ns.run(scheduledTime="2999-01-01T00:00:00Z")
    ns.becomes(RunState.SCHEDULED)
    ask(ns, cancel=True)
    ns.becomes(RunState.CANCELLED, Reason.CANCEL_REQUESTED)
    assert ns.items(JOBS) == []


def test_a_run_whose_pod_does_not_start_is_cancelled(ns):
    ns.deploy()
    ns.run()
    ns.pod()
    ask(ns, cancel=True)
    ns.becomes(RunState.CANCELLED)
    assert ns.items(PODS) == []


def test_a_pod_that_its_job_left_behind_is_stopped(ns):
    ns.deploy()
    pod = running(ns)
    ns.delete(JOBS, "etl-1-1", "Orphan")
    eventually(lambda: is_being_deleted(ns, pod))
    ns.finish(pod, *INTERRUPTED)
    ns.becomes(RunState.CANCELLED, Reason.JOB_DELETED)


def test_a_run_is_paused_and_goes_on_with_a_new_attempt(ns):
    ns.deploy(concurrency={"limit": 1})
    pod = running(ns)
    ns.run("etl-2")
    ns.becomes(RunState.QUEUED, Reason.CONCURRENCY_LIMIT, name="etl-2")
    ask(ns, suspend=True)
    ns.becomes(RunState.PAUSED, Reason.SUSPENDED)
    eventually(lambda: is_being_deleted(ns, pod))
    ns.finish(pod, *INTERRUPTED)
    eventually(lambda: ns.play("etl-2", COMPLETED))  # it has the slot now
    assert ns.status()["state"] == RunState.PAUSED
    ask(ns, suspend=False)
    eventually(lambda: ns.play("etl-1", COMPLETED, COMPLETED))
    status = ns.becomes(RunState.COMPLETED)
    assert [(a["number"], a.get("reason")) for a in status["attempts"]] == [(1, "Suspended"), (2, None)]
    assert (status.get("failures", 0), status.get("disruptions", 0)) == (0, 0)


def test_a_cancel_ends_a_pause(ns):
    ns.deploy()
    ns.run(suspend=True)
    ns.becomes(RunState.PAUSED, Reason.SUSPENDED)
    ask(ns, cancel=True)
    ns.becomes(RunState.CANCELLED, Reason.CANCEL_REQUESTED)


def test_a_run_ends_when_its_time_is_over(ns):
    ns.deploy(timeouts={"totalSeconds": 2})
    pod = running(ns)
    ns.becomes(RunState.CANCELLING, Reason.TOTAL_TIMEOUT)
    eventually(lambda: is_being_deleted(ns, pod))
    ns.finish(pod, *INTERRUPTED)
    ns.becomes(RunState.TIMED_OUT, Reason.TOTAL_TIMEOUT)


def test_a_suspended_job_is_kueues(ns):
    ns.deploy(queueName="team")
    pod = running(ns)
    (job,) = ns.items(JOBS)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"
    ns.patch(JOBS, "etl-1-1", {"spec": {"suspend": True}})
    ns.becomes(RunState.QUEUED, Reason.JOB_SUSPENDED)
    ns.finish(pod, *INTERRUPTED)
    eventually(lambda: ns.items(PODS) == [])
    ns.patch(JOBS, "etl-1-1", {"spec": {"suspend": False}})
    eventually(lambda: ns.play("etl-1", COMPLETED))
    status = ns.becomes(RunState.COMPLETED)
    assert (status["attempt"], status.get("disruptions", 0)) == (1, 0)


def test_a_subflow_is_cancelled_with_its_parent_though_that_has_no_pod(ns):
    ns.deploy(retryPolicy={"failures": 1, "backoff": {"seconds": 3600}})
    pod = running(ns)
    subflow(ns, "child")
    ns.start(ns.pod(run="child"))
    ns.becomes(RunState.RUNNING, name="child")
    ns.finish(pod, *FAILED)
    ns.becomes(RunState.AWAITING_RETRY)
    assert ns.get(FLOW_RUNS, "child")["spec"]["cancel"] is False
    ask(ns, cancel=True)
    ns.becomes(RunState.CANCELLED, Reason.CANCEL_REQUESTED)
    ns.becomes(RunState.CANCELLING, Reason.CANCEL_REQUESTED, "child")
    assert ns.get(FLOW_RUNS, "child")["spec"]["cancel"] is True
    subflow(ns, "late")
    message = ns.becomes(RunState.CANCELLED, Reason.CANCEL_REQUESTED, "late")["message"]
    assert "etl-1, which made it, is cancelled." in message


def test_a_subflow_goes_on_when_its_parent_is_deleted_and_in_another_namespace(ns, make_namespace):
    other = make_namespace()
    for one in (ns, other):
        one.deploy()
    running(ns)
    made = subflow(ns, "child", suspend=True)
    abroad = custom("FlowRun", "child", made["spec"])
    abroad["metadata"]["labels"] = made["metadata"]["labels"]
    other.create(FLOW_RUNS, abroad)
    ns.becomes(RunState.PAUSED, name="child")
    ask(ns, cancel=True)
    ns.becomes(RunState.CANCELLED, name="child")
    other.becomes(RunState.PAUSED, name="child")
    other.run(suspend=True)
    subflow(other, "left", suspend=True)
    other.becomes(RunState.PAUSED, name="left")
    other.delete(FLOW_RUNS, "etl-1")
    eventually(lambda: other.get(FLOW_RUNS, "etl-1") is None)
    subflow(other, "after", parent="left", suspend=True)
    other.becomes(RunState.PAUSED, name="after")
    for name in ("child", "left", "after"):
        assert other.get(FLOW_RUNS, name)["spec"]["cancel"] is False


def test_finished_subflows_are_kept_until_their_parent_has_ended(ns):
    ns.deploy("report")
    ns.deploy(runHistory={"successful": 0, "failed": 0})
    pod = running(ns, deploymentRef={"name": "report"})
    for name in ("child", "ttl"):
        subflow(ns, name, **({"ttlSecondsAfterFinished": 0} if name == "ttl" else {}))
        complete(ns, name)
        ns.becomes(RunState.COMPLETED, name=name)
    ns.run("other")
    complete(ns, "other")
    eventually(lambda: ns.get(FLOW_RUNS, "other") is None)
    assert {run["metadata"]["name"] for run in ns.items(FLOW_RUNS)} == {"etl-1", "child", "ttl"}
    ns.finish(pod, *COMPLETED)
    ns.becomes(RunState.COMPLETED)
    eventually(lambda: [run["metadata"]["name"] for run in ns.items(FLOW_RUNS)] == ["etl-1"])


@pytest.mark.parametrize(
    "status",
    [
        {"state": "Running"},
        {"state": "Cancelling"},
        {"state": "Running", "attempt": 1},
        {"state": "Paused", "attempt": 2},
        {
            "state": "AwaitingRetry",
            "attempt": 1,
            "attempts": [{"number": 1, "job": "a", "creationTime": STARTED}],
        },
    ],
    ids=str,
)
def test_a_status_that_the_operator_did_not_write_is_no_riddle(ns, status):
    ns.run(suspend=True)
    ns.becomes(RunState.PAUSED)
    ns.patch(FLOW_RUNS, "etl-1", {"status": status}, "status")
    ask(ns, suspend=False)
    known = eventually(lambda: ns.status().get("reason") in {*ENDS} and ns.status())
    assert known["message"]
