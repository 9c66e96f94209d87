import pytest
from builders import NOW, make_job, make_pod, text

from millstream_operator.decide.observed import Job, Pod


def pod(**given):
    return Pod.from_object(make_pod(**given))


@pytest.mark.parametrize(
    ("given", "ended"),
    [
        ({}, False),
        ({"running": True}, False),
        ({"running": True, "deleting": True}, False),
        ({"exit_code": 0}, True),
        ({"exit_code": 1, "phase": "Running"}, True),
        ({"phase": "Failed"}, True),
        ({"phase": "Succeeded"}, True),
        ({"node": None}, False),
        ({"node": None, "deleting": True}, True),
    ],
)
def test_a_pod_has_ended_when_nothing_of_the_flow_can_run_any_more(given, ended):
    assert pod(**given).ended is ended


def test_other_containers_do_not_count():
    o = make_pod(exit_code=1)
    o["status"]["containerStatuses"].insert(0, {"name": "sidecar", "state": {"terminated": {"exitCode": 0}}})
    assert Pod.from_object(o).exit_code == 1


def test_an_init_container_that_waits_is_seen():
    o = make_pod()
    waiting = {"reason": "ImagePullBackOff", "message": "no"}
    o["status"]["initContainerStatuses"] = [{"name": "init", "state": {"waiting": waiting}}]
    assert Pod.from_object(o).waiting == ("ImagePullBackOff", "no")


def test_a_pod_that_was_just_created_can_be_read():
    o = make_pod(node=None)
    del o["status"], o["metadata"]["finalizers"]
    found = Pod.from_object(o)
    assert (found.phase, found.held, found.node, found.exit_code) == ("Pending", False, None, None)


def test_times_of_the_container():
    found = pod(exit_code=0)
    assert (found.started_at, found.ended_at) == (NOW, NOW)
    assert pod(running=True).started_at == NOW


def test_a_container_that_never_started_has_no_times():
    o = make_pod(exit_code=137, container_reason="ContainerStatusUnknown")
    terminated = o["status"]["containerStatuses"][0]["state"]["terminated"]
    terminated |= {"startedAt": None, "finishedAt": None}
    found = Pod.from_object(o)
    assert (found.started_at, found.ended_at, found.exit_code) == (None, None, 137)


@pytest.mark.parametrize(
    ("conditions", "failure", "complete", "ended"),
    [
        ([], None, False, False),
        ([("Suspended", "True")], None, False, False),
        ([("SuccessCriteriaMet", "True")], None, False, False),
        ([("FailureTarget", "True")], ("r", "m"), False, False),
        ([("FailureTarget", "True"), ("Failed", "True")], ("r", "m"), False, True),
        ([("Failed", "False")], None, False, False),
        ([("SuccessCriteriaMet", "True"), ("Complete", "True")], None, True, True),
    ],
)
def test_a_jobs_conditions(conditions, failure, complete, ended):
    o = make_job()
    o["status"]["conditions"] = [
        {"type": kind, "status": status, "reason": "r", "message": "m"} for kind, status in conditions
    ]
    job = Job.from_object(o)
    assert (job.failure, job.complete, job.ended) == (failure, complete, ended)


def test_a_job_that_was_just_created_can_be_read():
    o = make_job()
    del o["status"]
    assert not Job.from_object(o).ended


def test_only_the_controller_owns():
    o = make_job(owner="run")
    o["metadata"]["ownerReferences"].insert(0, {"uid": "other"})
    assert Job.from_object(o).owner_uid == "run"
    o["metadata"]["ownerReferences"] = [{"uid": "other"}]
    assert Job.from_object(o).owner_uid == ""


def test_creation_time_is_aware():
    assert Job.from_object(make_job()).creation_time == NOW
    assert text(NOW).endswith("Z")
