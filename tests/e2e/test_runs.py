"""From a FlowRun to its end, on a real cluster."""

import pytest
from e2e.conftest import FLOW_IMAGE, eventually, resource
from patience import PATIENTLY

pytestmark = pytest.mark.e2e

GREET = """
from millstream import flow, task

@task
def greeting(name: str) -> str:
    return f"Hello, {name}!"

@flow(log_prints=True)
def main(name: str = "world", times: int = 1) -> list[str]:
    said = [greeting(name) for _ in range(times)]
    print(said)
    return said
"""

FAIL = """
from millstream import flow, task

@task(retries=1)
def divide() -> float:
    return 1 / 0

@flow
def main():
    divide()
"""

WAIT_ONCE = """
import pathlib, time
from millstream import flow

@flow
def main() -> str:
    marker = pathlib.Path("/data/seen")
    if marker.exists():
        return "second time"
    marker.touch()
    print("waiting", flush=True)
    time.sleep(600)
"""

ON_VOLUME = {
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    "terminationGracePeriodSeconds": 5,
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
}
AT_ONCE = {"backoff": {"seconds": 0}}


def test_a_flow_completes(runs):
    runs.deploy("greet", GREET)
    status = runs.until(runs.start("greet", parameters={"name": "Ada", "times": 2}), "Completed")
    assert status["result"] == ["Hello, Ada!"] * 2
    assert status["tasks"] == {"Completed": 2}
    assert [(a["number"], a["exitCode"]) for a in status["attempts"]] == [(1, 0)]
    assert status["conditions"][0]["type"] == "Succeeded"
    assert status["conditions"][0]["status"] == "True"


def test_a_template_needs_no_deployment(runs):
    source = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "code"},
        "data": {"flow.py": GREET},
    }
    template = {"entrypoint": "flow.py:main", "image": FLOW_IMAGE, "source": {"configMap": "code"}}
    runs.apply(source, resource("FlowRun", "once", {"template": template}))
    assert runs.until("once", "Completed")["result"] == ["Hello, world!"]


def test_a_deployment_says_whether_it_is_ready(runs):
    runs.deploy("broken", GREET, parameterSchema={"type": "no such type"})
    runs.kubectl("wait", "--for=condition=Ready=False", "flowdeployment/broken", PATIENTLY)
    status = runs.until(runs.start("broken"), "Failed", reason="DeploymentNotReady")
    assert "Mend spec.parameterSchema" in runs.get("fdep", "broken")["status"]["conditions"][0]["message"]
    assert status["attempt"] == 0


def test_a_deployment_whose_pods_would_be_refused_says_so(runs):
    runs.deploy("broken", GREET, pod={"labels": {"a b": "x y"}})
    runs.kubectl("wait", "--for=condition=Ready=False", "flowdeployment/broken", PATIENTLY)
    condition = runs.get("fdep", "broken")["status"]["conditions"][0]
    assert condition["reason"] == "InvalidPod"
    assert "a b" in condition["message"]


def test_a_flow_that_raises_is_tried_as_often_as_its_policy_says(runs):
    runs.deploy("fail", FAIL, retryPolicy={"failures": 1, **AT_ONCE})
    run = runs.start("fail")
    status = runs.until(run, "Failed", reason="FlowFailed")
    assert [a["reason"] for a in status["attempts"]] == ["FlowFailed", "FlowFailed"]
    assert "ZeroDivisionError" in status["message"]
    assert "ZeroDivisionError" in status["attempts"][0]["logTail"]
    assert runs.jobs(run) == [f"{run}-1", f"{run}-2"]


def test_an_entrypoint_that_is_none_fails_at_once(runs):
    said = {
        "flow.py:absent": "absent",
        "absent.py:main": "absent.py",
        "absent.module:main": "absent",
        "flow.py:greeting": "greeting",
    }
    begun = {}
    for number, entrypoint in enumerate(said):
        runs.deploy(f"greet-{number}", GREET, entrypoint=entrypoint, retryPolicy={"failures": 3})
        begun[entrypoint] = runs.start(f"greet-{number}")
    for entrypoint, run in begun.items():
        status = runs.until(run, "Failed", reason="InvalidEntrypoint")
        assert said[entrypoint] in status["message"]
        assert runs.jobs(run) == [f"{run}-1"]


def test_a_parameter_that_the_schema_refuses_makes_no_job(runs):
    schema = {"type": "object", "properties": {"times": {"type": "integer"}}}
    runs.deploy("greet", GREET, parameterSchema=schema)
    run = runs.start("greet", parameters={"times": "many"})
    assert (
        "times must be integer, not 'many'"
        in runs.until(run, "Failed", reason="InvalidParameters")["message"]
    )
    assert runs.jobs(run) == []


def test_a_parameter_that_only_the_flow_can_refuse_is_not_retried(runs):
    runs.deploy("greet", GREET, retryPolicy={"failures": 3})
    run = runs.start("greet", parameters={"times": "many", "nme": "Ada"})
    status = runs.until(run, "Failed", reason="InvalidParameters")
    assert "nme" in status["message"]
    assert runs.jobs(run) == [f"{run}-1"]


def test_a_missing_deployment_is_waited_for_a_while(runs):
    late, never = runs.start("late"), runs.start("never")
    runs.until(late, "Pending", reason="DeploymentNotFound")
    runs.deploy("late", GREET)
    runs.until(late, "Completed")
    runs.until(never, "Failed", reason="DeploymentNotFound")


def test_input_that_is_too_large_is_refused(runs):
    runs.deploy("greet", GREET)
    spec = {"deploymentRef": {"name": "greet"}, "parameters": {"name": "x" * 140_000}}
    said = runs.kubectl("create", "--filename=-", body=resource("FlowRun", "large", spec), check=False)
    assert "larger than 64 KiB: put large input into a volume" in said
    assert runs.get("flowrun", "large") is None


def test_what_the_api_server_can_know_it_refuses(runs):
    def refused(kind: str, name: str, spec: dict) -> str:
        return runs.kubectl("create", "--filename=-", body=resource(kind, name, spec), check=False)

    valid = {"deploymentRef": {"name": "greet"}}
    assert 'unknown field "spec.paramters"' in refused("FlowRun", "typo", valid | {"paramters": {}})
    assert "at most 52 characters" in refused("FlowRun", "n" * 53, valid)
    assert "exactly one of" in refused("FlowRun", "neither", {})
    assert "entrypoint" in refused("FlowDeployment", "bad", {"entrypoint": "no colon", "image": FLOW_IMAGE})


def test_an_image_that_cannot_be_pulled_is_given_up(runs):
    runs.deploy("unpulled", GREET, image="registry.invalid/absent:1", timeouts={"startSeconds": 15})
    run = runs.start("unpulled")
    assert "registry.invalid" in runs.until(run, "Pending", reason="ImagePullError")["message"]
    status = runs.until(run, "Crashed", reason="StartTimeout")
    assert "ImagePullError" in status["message"]
    eventually(lambda: not runs.items("pods", f"millstream.dev/run={run}"), "its pod is gone")


def test_a_missing_config_map_is_named(runs):
    runs.deploy("lost", GREET, source={"configMap": "absent"}, timeouts={"startSeconds": 60})
    run = runs.start("lost")
    assert 'configmap "absent" not found' in runs.until(run, "Pending", reason="ConfigError")["message"]


def test_a_quota_is_told_and_waited_for(runs):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    }
    runs.apply(quota)
    runs.deploy("greet", GREET)
    run = runs.start("greet")
    assert "exceeded quota" in runs.until(run, "Pending", reason="PodCreationFailed")["message"]
    runs.kubectl("delete", "resourcequota", "none")
    runs.until(run, "Completed")


def test_a_process_that_ends_without_an_outcome_did_not_succeed(runs):
    runs.deploy("vanish", "import os\nfrom millstream import flow\n@flow\ndef main():\n    os._exit(0)\n")
    status = runs.until(runs.start("vanish"), "Crashed", reason="NoResult")
    assert status["attempts"][0]["exitCode"] == 70


def test_a_flow_over_its_memory_limit(runs):
    code = "from millstream import flow\n@flow\ndef main():\n    return len([bytearray(1 << 20) for _ in range(4096)])\n"
    runs.deploy("hungry", code, pod={"resources": {"limits": {"memory": "96Mi"}}})
    runs.until(runs.start("hungry"), "Failed", reason="OOMKilled")


def test_a_flow_that_takes_too_long(runs):
    code = "import time\nfrom millstream import flow\n@flow\ndef main():\n    time.sleep(600)\n"
    runs.deploy("slow", code, timeouts={"runSeconds": 2}, pod={"terminationGracePeriodSeconds": 5})
    status = runs.until(runs.start("slow"), "TimedOut", reason="RunTimeout")
    assert status["attempts"][0]["exitCode"] == 124


def test_an_evicted_run_gets_another_attempt(runs):
    runs.apply(CLAIM)
    runs.deploy("wait", WAIT_ONCE, pod=ON_VOLUME, retryPolicy=AT_ONCE)
    run = runs.start("wait")
    runs.until(run, "Running")
    pod = runs.pod(run)["metadata"]["name"]
    eventually(lambda: "waiting" in runs.kubectl("logs", pod), "the flow waits")
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": runs.namespace},
    }
    runs.kubectl(
        "create",
        f"--raw=/api/v1/namespaces/{runs.namespace}/pods/{pod}/eviction",
        "--filename=-",
        body=eviction,
    )
    status = runs.until(run, "Completed")
    assert status["result"] == "second time"
    assert [a.get("reason") for a in status["attempts"]] == ["Evicted", None]
    assert (status["failures"], status["disruptions"]) == (0, 1)


def test_a_deleted_pod_is_a_disruption(runs):
    runs.apply(CLAIM)
    runs.deploy("wait", WAIT_ONCE, pod=ON_VOLUME, retryPolicy=AT_ONCE)
    run = runs.start("wait")
    runs.until(run, "Running")
    pod = runs.pod(run)["metadata"]["name"]
    eventually(lambda: "waiting" in runs.kubectl("logs", pod), "the flow waits")
    runs.kubectl("delete", "pod", pod, "--wait=false")
    status = runs.until(run, "Completed")
    assert status["attempts"][0]["reason"] in {"Interrupted", "PodLost"}
    assert status["disruptions"] == 1


def test_a_deleted_run_leaves_nothing(runs):
    code = "import time\nfrom millstream import flow\n@flow\ndef main():\n    time.sleep(600)\n"
    runs.deploy("slow", code, pod={"terminationGracePeriodSeconds": 1})
    run = runs.start("slow")
    runs.until(run, "Running")
    runs.kubectl("delete", "flowrun", run)
    eventually(lambda: not (runs.jobs(run) or runs.items("pods", f"millstream.dev/run={run}")), "all is gone")


def test_a_job_deleted_by_hand_cancels_the_run(runs):
    code = "import time\nfrom millstream import flow\n@flow\ndef main():\n    time.sleep(600)\n"
    runs.deploy("slow", code, pod={"terminationGracePeriodSeconds": 1})
    run = runs.start("slow")
    runs.until(run, "Running")
    runs.kubectl("delete", "job", f"{run}-1", "--wait=false")
    runs.until(run, "Cancelled", reason="JobDeleted")
