"""The life of a run, from its creation to its end, on a real API server."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from api_server import COMPLETED, FAILED, INTERRUPTED
from builders import TEMPLATE
from patience import eventually
from prometheus_client.parser import text_string_to_metric_families

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]

AT_ONCE = {"backoff": {"seconds": 0}}


def writes(operator):
    """Give the operator's successful writes so far, by verb and resource."""
    return {
        (sample.labels["verb"], sample.labels["resource"]): int(sample.value)
        for family in text_string_to_metric_families(operator.fetch("/metrics").text)
        if family.name == "millstream_operator_api_requests"
        for sample in family.samples
        if sample.labels["verb"] not in {"get", "list", "watch"} and sample.labels["code"].startswith("2")
    }


def attempts(status):
    return [(a["number"], a["job"], a.get("reason"), a.get("exitCode")) for a in status["attempts"]]


def test_a_successful_run_takes_six_writes(ns, operator):
    ns.deploy()
    ns.ready()
    before = writes(operator)
    ns.run()
    pod = ns.pod()
    assert ns.becomes(RunState.PENDING)["reason"] == Reason.WAITING_FOR_POD
    ns.start(pod)
    running = ns.becomes(RunState.RUNNING)
    assert running["attempts"][0]["node"] == "node-1"
    assert running["startTime"].startswith("2026-03-01T12:00:00")
    record = {"message": "Done.", "tasks": {"Completed": 2}, "result": {"rows": 7}, "has_result": True}
    ns.finish(pod, 0, {"state": RunState.COMPLETED} | record)
    status = ns.becomes(RunState.COMPLETED)
    eventually(ns.is_let_go)
    assert (status["result"], status["tasks"]) == ({"rows": 7}, {"Completed": 2})
    assert attempts(status) == [(1, "etl-1-1", None, 0)]
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"], condition["message"]) == ("Succeeded", "True", "Done.")
    assert status["completionTime"]
    after = writes(operator)
    assert {
        call: after[call] - before.get(call, 0) for call in after if after[call] != before.get(call, 0)
    } == {
        ("create", "controllerrevisions"): 1,
        ("patch", "flowruns"): 3,  # Pending, Running, Completed
        ("create", "jobs"): 1,
        ("patch", "pods"): 1,  # the finalizer
    }


def test_the_job_is_what_was_asked_for(ns):
    ns.deploy(
        parameters={"a": 1, "text": "$(HOME) ä"},
        timeouts={"runSeconds": 60},
        pod={"env": [{"name": "A", "value": "$(B)"}], "resources": {"limits": {"memory": "1Gi"}}},
    )
    run = ns.run(parameters={"a": 2, "none": None}, tags=["x"])
    pod = ns.pod()
    (job,) = ns.items(JOBS)
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (run["metadata"]["uid"], True)
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 900 + 60 + 30 + 60)
    document = json.loads(pod["metadata"]["annotations"]["millstream.dev/run"])
    assert document["parameters"] == {"a": 2, "text": "$(HOME) ä", "none": None}
    assert document["uid"] == run["metadata"]["uid"]
    (container,) = pod["spec"]["containers"]
    assert container["env"] == [{"name": "A", "value": "$$(B)"}]
    assert pod["metadata"]["finalizers"][0] == "millstream.dev/outcome"


def test_a_pod_gets_as_many_blocks_of_the_longest_names_as_may_be_named(ns):
    names = [f"{'x' * 251}{n:02}" for n in range(32)]
    ns.deploy(blocks=names, storage={"persistentVolumeClaim": "results"})
    ns.run()
    (container,) = ns.pod()["spec"]["containers"]
    folders = [mount["mountPath"].rpartition("/") for mount in container["volumeMounts"]]
    assert [name for folder, _, name in folders if folder == "/var/lib/millstream/blocks"] == names
    assert {variable["name"]: variable["value"] for variable in container["env"]} == {
        "MILLSTREAM_BLOCKS_FOLDER": "/var/lib/millstream/blocks",
        "MILLSTREAM_STORAGE": "/var/lib/millstream/storage",
    }


def test_a_template_needs_no_deployment(ns):
    ns.run(template=TEMPLATE)
    eventually(lambda: ns.play("etl-1", COMPLETED))
    ns.becomes(RunState.COMPLETED)
    assert ns.items(REVISIONS) == []


def test_a_run_may_come_before_its_deployment(ns):
    ns.run()
    ns.becomes(RunState.PENDING, Reason.DEPLOYMENT_NOT_FOUND)
    ns.deploy()
    ns.becomes(RunState.PENDING, Reason.WAITING_FOR_POD)
    assert ns.pod()


def test_failures_are_tried_again_as_often_as_allowed(ns):
    ns.deploy(retryPolicy={"failures": 1} | AT_ONCE)
    ns.run()
    eventually(lambda: ns.play("etl-1", FAILED, FAILED))
    status = ns.becomes(RunState.FAILED, Reason.FLOW_FAILED)
    assert (status["failures"], status["disruptions"]) == (2, 0)
    assert attempts(status) == [(1, "etl-1-1", "FlowFailed", 1), (2, "etl-1-2", "FlowFailed", 1)]
    assert ns.job_names() == ["etl-1-1", "etl-1-2"]
    assert "ValueError: no" in status["message"]
    eventually(ns.is_let_go)


def test_a_failed_attempt_without_a_record_waits_for_what_the_job_says(ns):
    ns.deploy()
    ns.run()
    pod = ns.pod()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    ns.finish(pod, 3)
    status = ns.becomes(RunState.FAILED, Reason.NON_ZERO_EXIT)
    assert status["attempts"][0]["exitCode"] == 3


def test_exit_code_zero_alone_is_no_success(ns):
    ns.deploy()
    ns.run()
    eventually(lambda: ns.play("etl-1", (0, "all went well")))
    ns.becomes(RunState.CRASHED, Reason.NO_RESULT)


def test_an_eviction_does_not_spend_failures(ns):
    ns.deploy(retryPolicy={"disruptions": 1} | AT_ONCE)
    ns.run()
    pod = ns.pod()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    ns.evict(pod)
    ns.finish(pod, *INTERRUPTED)
    ns.pod(attempt=2)
    eventually(lambda: ns.play("etl-1", INTERRUPTED, COMPLETED))
    status = ns.becomes(RunState.COMPLETED)
    assert (status["failures"], status["disruptions"]) == (0, 1)
    assert attempts(status) == [(1, "etl-1-1", "Evicted", 143), (2, "etl-1-2", None, 0)]
    eventually(lambda: len(ns.items(PODS)) == 1)


def test_a_pod_that_is_deleted_is_replaced_by_a_new_attempt(ns):
    ns.deploy(retryPolicy=AT_ONCE)
    ns.run()
    pod = ns.pod()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    ns.delete(PODS, pod["metadata"]["name"])
    ns.finish(pod, 137)
    ns.pod(attempt=2)
    assert ns.status()["disruptions"] == 1
    assert ns.status()["attempts"][0]["reason"] == Reason.POD_LOST


def test_an_edit_does_not_change_a_run_that_has_begun(ns):
    ns.deploy(retryPolicy={"failures": 1} | AT_ONCE)
    ns.run()
    pod = ns.pod()
    ns.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"image": "registry/etl:2", "retryPolicy": {"failures": 0}}})
    ns.ready()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    ns.finish(pod, *FAILED)
    assert ns.pod(attempt=2)["spec"]["containers"][0]["image"] == "registry/etl:1"
    ns.run("etl-2")
    assert ns.pod(run="etl-2")["spec"]["containers"][0]["image"] == "registry/etl:2"


def test_runs_of_the_same_deployment_share_a_revision(ns):
    ns.deploy()
    for name in ("a", "b", "c"):
        ns.run(name)
    for name in ("a", "b", "c"):
        ns.pod(run=name)
    (revision,) = ns.items(REVISIONS)
    assert {ns.status(name)["revision"] for name in ("a", "b", "c")} == {revision["metadata"]["name"]}
    assert revision["data"]["image"] == "registry/etl:1"


def test_a_run_waits_for_its_time(ns):
    ns.deploy()
    ns.run(scheduledTime="2999-01-01T00:00:00Z")
    status = ns.becomes(RunState.SCHEDULED)
    assert "2999-01-01" in status["message"]
    assert ns.items(JOBS) == []


def test_tags_may_be_changed_while_it_runs(ns):
    ns.deploy()
    ns.run()
    pod = ns.pod()
    for tag in "abc":
        ns.patch(FLOW_RUNS, "etl-1", {"spec": {"tags": [tag]}})
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    ns.finish(pod, *COMPLETED)
    ns.becomes(RunState.COMPLETED)


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
@pytest.mark.parametrize("runs", [True, False])
def test_nothing_is_left_of_a_deleted_run(ns, policy, runs):
    ns.deploy()
    ns.run()
    pod = ns.pod()
    if runs:
        ns.start(pod)
        ns.becomes(RunState.RUNNING)
    ns.delete(FLOW_RUNS, "etl-1", policy)
    if policy == "Orphan":
        eventually(ns.is_let_go)
        return
    if runs:
        eventually(lambda: "deletionTimestamp" in ns.get(PODS, pod["metadata"]["name"])["metadata"])
        ns.finish(pod, *INTERRUPTED)
    eventually(lambda: not (ns.items(FLOW_RUNS) or ns.items(JOBS) or ns.items(PODS)))


def test_a_run_can_be_created_again_at_once(ns):
    ns.deploy()
    first = ns.run()
    ns.pod()
    ns.delete(FLOW_RUNS, "etl-1")
    second = ns.run()
    eventually(
        lambda: (
            {pod["metadata"]["labels"]["millstream.dev/run-uid"] for pod in ns.items(PODS)}
            == {second["metadata"]["uid"]}
        )
    )
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    eventually(lambda: ns.play("etl-1", COMPLETED))
    ns.becomes(RunState.COMPLETED)


def test_many_runs_at_once_have_one_job_each(ns):
    ns.deploy()
    names = [f"run-{number}" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ns.run, names))
    eventually(lambda: len(ns.items(JOBS)) == len(names))
    assert ns.job_names() == sorted(f"{name}-1" for name in names)
    assert len(ns.items(REVISIONS)) == 1
