"""Runs that are cancelled, paused, replaced or out of time, on a real API server."""

import pytest
from api_server import COMPLETED, INTERRUPTED, eventually

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_RUNS, JOBS, PODS

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]


def running(ns, **spec):
    """Have the first attempt of a run run; give its pod."""
    ns.run(**spec)
    pod = ns.pod()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    return pod


def ask(ns, name="etl-1", **spec):
    ns.patch(FLOW_RUNS, name, {"spec": spec})


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
