from datetime import UTC, datetime

import pytest
from builders import NOW, TEMPLATE, after
from pydantic import ValidationError

from millstream.resources.flow_deployment import FlowDeploymentSpec, FlowDeploymentStatus
from millstream.resources.flow_run import FlowRunSpec, FlowRunStatus
from millstream.resources.model import Condition, timestamp, with_condition
from millstream.resources.reasons import Reason
from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream.resources.storage import Storage

FULL = TEMPLATE | {
    "imagePullPolicy": "Always",
    "imagePullSecrets": ["one"],
    "source": {
        "configMap": "files",
        "items": [{"key": "pkg.init", "path": "pkg/__init__.py"}],
        "requirements": ["pandas>=2.3"],
    },
    "parameters": {"a": None, "b": [1, {"c": None}], "ä": 1.5},
    "parameterSchema": {"type": "object"},
    "tags": ["env:pro"],
    "retryPolicy": {
        "failures": 2,
        "disruptions": 0,
        "backoff": {"seconds": 1, "factor": 3, "maxSeconds": 9},
    },
    "timeouts": {"startSeconds": 1, "runSeconds": 2},
    "logTail": False,
    "pod": {
        "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": 2}},
        "env": [
            {"name": "A", "value": "$(B)"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
        ],
        "envFrom": [{"configMapRef": {"name": "m"}}],
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}],
        "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "x", "readOnly": True}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 3}],
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1, "fsGroup": 2},
        "labels": {"team": "a"},
        "annotations": {"note": "b"},
        "terminationGracePeriodSeconds": 5,
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 1}],
        "priorityClassName": "high",
        "runtimeClassName": "nvidia",
        "serviceAccountName": "loader",
        "automountServiceAccountToken": True,
    },
    "storage": {"url": "s3://bucket/team", "secretName": "keys"},
    "blocks": ["warehouse", "mail.smtp"],
    "disruptionPolicy": "Replace",
    "apiAccess": "Read",
    "queueName": "team",
    "overrides": {"allowImage": True},
}


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (RunTemplate, FULL),
        (FlowDeploymentSpec, FULL | {"description": "d", "version": "1"}),
        (FlowRunSpec, {"deploymentRef": {"name": "etl"}, "parameters": {"a": None}, "tags": ["x"]}),
        (
            FlowRunSpec,
            {"template": FULL, "parameters": {}, "tags": [], "scheduledTime": "2026-03-01T12:00:00Z"},
        ),
    ],
)
def test_what_is_stored_comes_back(model, values):
    read = model.model_validate(values)
    assert model.model_validate(read.to_dict()) == read


def test_what_is_given_is_stored():
    stored = RunTemplate.model_validate(FULL).to_dict()
    assert stored | {"pod": None} == FULL | {"pod": None}
    assert {key: stored["pod"][key] for key in FULL["pod"]} == FULL["pod"]


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (FlowRunSpec, {"deploymentRef": {"name": "x"}, "unknown": 1}),
        (FlowDeploymentSpec, TEMPLATE | {"pod": {"hostNetwork": True}}),
        (FlowDeploymentSpec, TEMPLATE | {"pod": {"securityContext": {"runAsUser": 0}}}),
        (FlowDeploymentSpec, {"image": "i"}),
        (FlowDeploymentSpec, TEMPLATE | {"schedules": [{"name": "A b", "cron": "* * * * *"}]}),
        (FlowDeploymentSpec, TEMPLATE | {"concurrency": {"limit": 0}}),
        (FlowRunSpec, {"deploymentRef": {"name": "x"}, "overrides": {"pod": {}}}),
        (FlowRunSpec, {"deploymentRef": {"name": "Upper"}}),
        (FlowDeploymentSpec, TEMPLATE | {"blocks": ["../x"]}),
        (FlowDeploymentSpec, TEMPLATE | {"blocks": [f"b{n}" for n in range(33)]}),
        (FlowRunSpec, {"deploymentRef": {"name": "x"}, "scheduledTime": "2026-03-01T12:00:00"}),
    ],
)
def test_refuses(model, values):
    with pytest.raises(ValidationError):
        model.model_validate(values)


@pytest.mark.parametrize(
    "storage",
    [
        {"url": "s3://bucket"},
        {"url": "gs://bucket/a%20b", "secretName": "keys"},
        {"url": "az://container/x"},
        {"url": "file:///data/results"},
        {"url": "file://localhost/data"},
        {"persistentVolumeClaim": "results"},
    ],
    ids=str,
)
def test_storages(storage):
    assert Storage.model_validate(storage).to_dict() == storage


@pytest.mark.parametrize(
    ("storage", "problem"),
    [
        ({}, "exactly one of url and persistentVolumeClaim"),
        ({"url": "s3://b", "persistentVolumeClaim": "c"}, "exactly one of"),
        ({"persistentVolumeClaim": "c", "secretName": "s"}, "secretName goes with url"),
        ({"url": "s3://key:secret@bucket/x"}, "give s3://bucket/folder"),
        ({"url": "s3://bucket?region=x"}, "give s3://bucket/folder"),
        ({"url": "s3:///folder"}, "give s3://bucket/folder"),
        ({"url": "file://host/x"}, "give s3://bucket/folder"),
        ({"url": "postgresql://db/flows"}, "give s3://bucket/folder"),
        ({"url": "/data"}, "give s3://bucket/folder"),
        ({"url": "s3://bucket/a b"}, "give s3://bucket/folder"),
    ],
    ids=str,
)
def test_what_is_no_storage(storage, problem):
    with pytest.raises(ValidationError, match=problem):
        Storage.model_validate(storage)


@pytest.mark.parametrize("model", [FlowRunStatus, FlowDeploymentStatus])
def test_a_status_of_a_newer_release_can_be_read(model):
    condition = {"type": "T", "status": "True", "reason": "R", "lastTransitionTime": "2026-03-01T12:00:00Z"}
    status = model.model_validate({"ofTheFuture": 1, "conditions": [condition | {"ofTheFuture": 1}]})
    assert status.conditions[0].type == "T"


def test_a_deployment_gives_its_runs_what_they_freeze():
    spec = FlowDeploymentSpec.model_validate(FULL | {"description": "d", "version": "1"})
    template = spec.template()
    assert type(template) is RunTemplate
    assert template == RunTemplate.model_validate(FULL)
    assert RunTemplate.model_validate(template.to_dict()) == template
    assert {"description", "version"}.isdisjoint(template.to_dict())


def test_what_is_unset_is_left_out():
    assert FlowRunStatus().to_dict().keys() & {"state", "reason", "result", "revision", "startTime"} == set()
    assert FlowRunStatus(state=RunState.RUNNING).to_dict()["state"] == "Running"


def test_models_cannot_be_changed_in_place():
    with pytest.raises(ValidationError):
        FlowRunStatus().attempt = 1


def condition(status="True", moment=NOW, kind="Ready"):
    return Condition(type=kind, status=status, reason="R", last_transition_time=moment)


@pytest.mark.parametrize(
    ("old", "new", "times"),
    [
        ([], condition(), [NOW]),
        ([condition()], condition(moment=after(9)), [NOW]),
        ([condition("False")], condition("True", after(9)), [after(9)]),
        ([condition(kind="Other")], condition(moment=after(9)), [NOW, after(9)]),
    ],
)
def test_a_condition_keeps_its_time_while_its_status_stays(old, new, times):
    assert [c.last_transition_time for c in with_condition(old, new)] == times


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_timestamps_have_seconds(microsecond):
    moment = datetime(2026, 3, 1, 12, 0, 0, microsecond, tzinfo=UTC)
    assert timestamp(moment).microsecond == 0


def test_reasons_are_words_with_hints():
    for reason in Reason:
        assert reason.isalpha(), reason
        assert reason[0].isupper(), reason
        assert reason.hint, reason
        assert Reason(str(reason)) is reason


def test_five_states_are_final():
    final = {state for state in RunState if state.is_final}
    assert final == {"Completed", "Failed", "TimedOut", "Crashed", "Cancelled"}
