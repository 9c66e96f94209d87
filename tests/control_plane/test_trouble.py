"""What can be wrong with a run or around it, and what the operator makes of it on a real API server."""

import pytest
from api_server import COMPLETED, INTERRUPTED, RefusedError
from builders import TEMPLATE
from patience import eventually

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, JOBS, PODS, Kind

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]

QUOTAS = Kind("", "v1", "resourcequotas")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("deployment", "run", "reason", "message"),
    [
        (
            {"parameterSchema": SCHEMA},
            {"parameters": {"n": "x"}},
            Reason.INVALID_PARAMETERS,
            "n must be integer",
        ),
        ({"parameterSchema": SCHEMA}, {}, Reason.INVALID_PARAMETERS, "n is missing"),
        ({"parameterSchema": {"type": "integr"}}, {}, Reason.DEPLOYMENT_NOT_READY, "integr"),
        ({}, {"parameters": {"x": "ä" * 70_000}}, Reason.DOCUMENT_TOO_LARGE, "131,072 are possible"),
        (
            {},
            {"template": TEMPLATE | {"parameterSchema": {"type": "integr"}}},
            Reason.INVALID_PARAMETER_SCHEMA,
            "integr",
        ),
    ],
)
def test_bad_input_fails_at_once_without_a_job(ns, deployment, run, reason, message):
    ns.deploy(**deployment)
    ns.run(**run)
    status = ns.becomes(RunState.FAILED, reason)
    assert message in status["message"]
    assert ns.items(JOBS) == []


def test_a_deployment_says_whether_runs_can_be_made(ns):
    ns.deploy()
    assert ns.ready()["status"] == "True"
    ns.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"parameterSchema": {"type": "integr"}}})
    condition = ns.ready()
    assert (condition["status"], condition["reason"]) == ("False", "InvalidParameterSchema")
    ns.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"parameterSchema": None}})
    assert ns.ready()["status"] == "True"


def test_a_job_that_the_api_server_refuses_fails_the_run(ns):
    ns.deploy(pod={"nodeSelector": {"bad key": "x"}})
    ns.run()
    status = ns.becomes(RunState.FAILED, Reason.JOB_REJECTED)
    assert "bad key" in status["message"]


def test_what_the_api_server_says_is_cut_when_it_is_long(ns):
    ns.deploy(pod={"labels": {f"bad key {number} {'x' * 200}": "v" for number in range(60)}})
    ns.run()
    status = ns.becomes(RunState.FAILED, Reason.JOB_REJECTED)
    assert 1_000 < len(status["message"]) <= 4_096


def test_a_quota_is_waited_for(ns):
    hard = {"count/jobs.batch": "0"}
    ns.create(QUOTAS, {"metadata": {"name": "none"}, "spec": {"hard": hard}})
    # There is no quota controller here.
    ns.patch(QUOTAS, "none", {"status": {"hard": hard, "used": {"count/jobs.batch": "0"}}}, "status")
    ns.deploy()
    ns.run()
    status = ns.becomes(RunState.PENDING, Reason.POD_CREATION_FAILED)
    assert "exceeded quota: none" in status["message"]
    ns.delete(QUOTAS, "none")
    ns.becomes(RunState.PENDING, Reason.WAITING_FOR_POD)
    eventually(lambda: ns.play("etl-1", COMPLETED))
    ns.becomes(RunState.COMPLETED)


def test_pod_security_is_told(ns):
    """The pod is restricted, so that only a namespace that allows no pod at all refuses it."""
    hard = {"pods": "0"}
    ns.create(QUOTAS, {"metadata": {"name": "none"}, "spec": {"hard": hard}})
    ns.patch(QUOTAS, "none", {"status": {"hard": hard, "used": {"pods": "0"}}}, "status")
    ns.deploy()
    ns.run()
    status = ns.becomes(RunState.PENDING, Reason.POD_CREATION_FAILED)
    assert "exceeded quota" in status["message"]
    assert ns.job_names() == ["etl-1-1"]


def test_a_job_of_somebody_else_is_in_the_way(ns):
    container = {"name": "c", "image": "i", "securityContext": {"privileged": False}}
    pod = {"metadata": {}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    foreign = ns.create(JOBS, {"metadata": {"name": "etl-1-1"}, "spec": {"template": pod, "suspend": True}})
    ns.deploy()
    ns.run()
    status = ns.becomes(RunState.PENDING, Reason.JOB_CONFLICT)
    assert "etl-1-1" in status["message"]
    assert [job["metadata"]["uid"] for job in ns.items(JOBS)] == [foreign["metadata"]["uid"]]
    ns.delete(JOBS, "etl-1-1")
    eventually(lambda: ns.play("etl-1", COMPLETED))
    ns.becomes(RunState.COMPLETED)


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_deleting_its_job_cancels_a_run(ns, policy):
    ns.deploy(retryPolicy={"failures": 3, "disruptions": 3, "backoff": {"seconds": 0}})
    ns.run()
    pod = ns.pod()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    ns.delete(JOBS, "etl-1-1", policy)
    ns.becomes(RunState.CANCELLING, Reason.JOB_DELETED)
    eventually(lambda: "deletionTimestamp" in ns.get(PODS, pod["metadata"]["name"])["metadata"])
    ns.finish(pod, *INTERRUPTED)
    status = ns.becomes(RunState.CANCELLED, Reason.JOB_DELETED)
    assert (status["failures"], status["disruptions"], status["attempt"]) == (0, 0, 1)
    eventually(lambda: not (ns.items(JOBS) or ns.items(PODS)))


def test_what_completes_after_its_job_was_deleted_is_completed(ns):
    ns.deploy()
    ns.run()
    pod = ns.pod()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    ns.delete(JOBS, "etl-1-1")
    eventually(lambda: "deletionTimestamp" in ns.get(PODS, pod["metadata"]["name"])["metadata"])
    ns.finish(pod, *COMPLETED)
    ns.becomes(RunState.COMPLETED)
    eventually(lambda: not ns.items(PODS))


@pytest.mark.parametrize(
    ("word", "reason"),
    [("ImagePullBackOff", Reason.IMAGE_PULL_ERROR), ("CreateContainerConfigError", Reason.CONFIG_ERROR)],
)
def test_says_why_a_container_does_not_start(ns, word, reason):
    ns.deploy()
    ns.run()
    pod = ns.pod()
    ns.set_container(pod, {"waiting": {"reason": word, "message": "because"}}, phase="Pending")
    assert f"{word}: because" in ns.becomes(RunState.PENDING, reason)["message"]
    eventually(lambda: ns.play("etl-1", COMPLETED))
    ns.becomes(RunState.COMPLETED)


def test_a_run_that_does_not_start_in_time_leaves_nothing_running(ns):
    ns.deploy(timeouts={"startSeconds": 1})
    ns.run()
    status = ns.becomes(RunState.CRASHED, Reason.START_TIMEOUT)
    assert "WaitingForPod" in status["message"]
    eventually(lambda: not (ns.items(JOBS) or ns.items(PODS)))


DEEP: list = []
for _ in range(600):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "result",
    [10**30, 10**400, 1.5e308, "\ud800", "\x00", {"": None}, DEEP, [None]],
    ids=["big", "huge", "float", "surrogate", "nul", "null", "deep", "list"],
)
def test_whatever_a_flow_returns_it_has_completed(ns, result):
    ns.deploy()
    ns.run()
    record = {"state": RunState.COMPLETED, "message": "\udcff done", "result": result, "has_result": True}
    eventually(lambda: ns.play("etl-1", (0, record)))
    ns.becomes(RunState.COMPLETED)
    eventually(ns.is_let_go)


@pytest.mark.parametrize("parameters", [{"x": 10**30}, {"x": 1.5e308}, {"": None}, {"x": "\x00"}], ids=str)
def test_whatever_parameters_the_api_server_takes_a_run_gets_somewhere(ns, parameters):
    ns.deploy()
    try:
        ns.run(parameters=parameters)
    except RefusedError:
        return
    eventually(lambda: ns.status().get("state"))


def test_a_stray_pod_with_our_labels_is_nobodys_business(ns, operator):
    ns.deploy()
    ns.run()
    name = ns.pod()["metadata"]["name"]
    labels = {"millstream.dev/run-uid": "x", "millstream.dev/run": "etl-1", "millstream.dev/attempt": "y"}
    restricted = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "c",
        "image": "i",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    ns.create(
        PODS,
        {
            "metadata": {"name": "stray", "labels": labels},
            "spec": {"containers": [container], "securityContext": restricted},
        },
    )
    ns.start(ns.get(PODS, name))
    ns.becomes(RunState.RUNNING)
    assert operator.process.poll() is None
