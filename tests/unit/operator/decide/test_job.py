import json

import pytest
from builders import TEMPLATE, make_run

from millstream.resources.run_template import RunTemplate
from millstream_operator.decide.job import build_job
from millstream_operator.decide.observed import Job, Run

RUN = Run.from_object(make_run())
OWN_LABELS = {
    "app.kubernetes.io/managed-by": "millstream",
    "millstream.dev/run": "etl-1",
    "millstream.dev/run-uid": "uid-etl-1",
    "millstream.dev/attempt": "2",
    "millstream.dev/deployment": "etl",
}


def job_of(document="{}", run=RUN, **spec):
    return build_job(run, RunTemplate.model_validate(TEMPLATE | spec), 2, document)


def pod_of(**spec):
    return job_of(**spec)["spec"]["template"]["spec"]


def container_of(**spec):
    (container,) = pod_of(**spec)["containers"]
    return container


def test_one_job_one_pod_one_attempt():
    job = job_of()
    assert job["metadata"]["name"] == "etl-1-2"
    assert job["metadata"]["labels"] == OWN_LABELS
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("FlowRun", "uid-etl-1", True)
    spec = job["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
    assert spec["podReplacementPolicy"] == "Failed"
    assert "suspend" not in spec
    assert "ttlSecondsAfterFinished" not in spec


def test_the_job_keeps_why_a_pod_failed():
    disruption, code = job_of()["spec"]["podFailurePolicy"]["rules"]
    assert disruption == {
        "action": "FailJob",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    assert code["onExitCodes"] == {"containerName": "flow", "operator": "NotIn", "values": [0]}


def test_the_operator_reads_back_what_it_wrote():
    stored = job_of()
    stored["metadata"] |= {"uid": "u", "resourceVersion": "5", "creationTimestamp": "2026-03-01T12:00:00Z"}
    job = Job.from_object(stored)
    assert (job.run, job.attempt, job.owner_uid, job.ended) == ("etl-1", 2, "uid-etl-1", False)


def test_the_pod_is_restricted():
    pod = pod_of()
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container_of()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert container_of()["terminationMessagePolicy"] == "File"
    assert {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}.isdisjoint(pod)


def test_users_and_groups_do_not_loosen_it():
    context = pod_of(pod={"securityContext": {"runAsUser": 1000, "fsGroup": 2000}})["securityContext"]
    assert context == {
        "runAsUser": 1000,
        "fsGroup": 2000,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_reserved_keys_are_the_operators(field):
    given = {"millstream.dev/run": "x", "millstream.dev/run-uid": "x", "millstream.dev/new": "x", "team": "a"}
    given |= {
        "batch.kubernetes.io/job-name": "x",
        "kueue.x-k8s.io/queue-name": "x",
        "container.apparmor.security.beta.kubernetes.io/flow": "unconfined",
        "container.seccomp.security.alpha.kubernetes.io/flow": "unconfined",
        "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
    }
    metadata = job_of("{}", pod={field: given})["spec"]["template"]["metadata"]
    own = OWN_LABELS if field == "labels" else {"millstream.dev/run": "{}"}
    assert metadata[field] == own | {"team": "a"}


def test_managed_by_is_the_operators():
    template = job_of(pod={"labels": {"app.kubernetes.io/managed-by": "Helm"}})["spec"]["template"]
    assert template["metadata"]["labels"] == OWN_LABELS


def test_a_run_of_a_template_has_no_deployment_label():
    job = job_of(run=Run.from_object(make_run(template=TEMPLATE)))
    assert "millstream.dev/deployment" not in job["metadata"]["labels"]


def test_the_document_comes_as_a_file_and_is_seen_by_nothing_that_expands():
    document = json.dumps({"x": "$(HOME) $$(A) `id` ä"})
    job = job_of(document)
    template = job["spec"]["template"]
    assert template["metadata"]["annotations"] == {"millstream.dev/run": document}
    (volume,) = [v for v in template["spec"]["volumes"] if "downwardAPI" in v]
    (item,) = volume["downwardAPI"]["items"]
    assert item["fieldRef"] == {"fieldPath": "metadata.annotations['millstream.dev/run']"}
    mount = {"name": volume["name"], "mountPath": "/run/millstream", "readOnly": True}
    assert mount in template["spec"]["containers"][0]["volumeMounts"]
    assert "$(HOME)" not in json.dumps(template["spec"])


def test_pods_are_held_until_their_outcome_is_stored():
    assert job_of()["spec"]["template"]["metadata"]["finalizers"] == ["millstream.dev/outcome"]


@pytest.mark.parametrize(
    ("value", "given"),
    [("a", "a"), ("", ""), ("$(B)", "$$(B)"), ("$$(B)", "$$$$(B)"), ("1$", "1$$"), ("$A", "$$A")],
)
def test_values_of_variables_are_taken_literally(value, given):
    assert container_of(pod={"env": [{"name": "A", "value": value}]})["env"] == [
        {"name": "A", "value": given}
    ]


def test_a_value_from_elsewhere_is_left_alone():
    reference = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "$k"}}}
    assert container_of(pod={"env": [reference]})["env"] == [reference]


@pytest.mark.parametrize(
    ("timeouts", "deadline"),
    [
        ({}, None),
        ({"startSeconds": 100}, None),
        ({"runSeconds": 1000}, 900 + 1000 + 30 + 60),
        ({"startSeconds": 100, "runSeconds": 1000}, 100 + 1000 + 30 + 60),
    ],
)
def test_deadline(timeouts, deadline):
    assert job_of(timeouts=timeouts)["spec"].get("activeDeadlineSeconds") == deadline


def test_the_grace_period_counts_for_the_deadline_and_the_pod():
    job = job_of(timeouts={"runSeconds": 10}, pod={"terminationGracePeriodSeconds": 300})
    assert job["spec"]["activeDeadlineSeconds"] == 900 + 10 + 300 + 60
    assert job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 300


def test_runs_the_runner():
    container = container_of(imagePullPolicy="Never")
    assert container["name"] == "flow"
    assert container["image"] == "registry/etl:1"
    assert container["imagePullPolicy"] == "Never"
    assert container["command"] == ["python", "-m", "millstream.runner"]
    assert "args" not in container


def test_files_from_a_config_map_are_the_working_directory():
    spec = {"source": {"configMap": "files"}}
    assert {"name": "millstream-source", "configMap": {"name": "files"}} in pod_of(**spec)["volumes"]
    container = container_of(**spec)
    assert container["workingDir"] == "/flows"
    mount = {"name": "millstream-source", "mountPath": "/flows", "readOnly": True}
    assert mount in container["volumeMounts"]


def test_keys_are_put_where_the_items_say():
    items = [{"key": "flow.py", "path": "flow.py"}, {"key": "pkg.init", "path": "pkg/__init__.py"}]
    spec = {"source": {"configMap": "files", "items": items}}
    source = {"name": "millstream-source", "configMap": {"name": "files", "items": items}}
    assert source in pod_of(**spec)["volumes"]


@pytest.mark.parametrize("spec", [{}, {"source": {"requirements": ["pandas"]}}])
def test_without_it_the_working_directory_is_the_images(spec):
    assert container_of(**spec) == container_of()
    assert "workingDir" not in container_of(**spec)


@pytest.mark.parametrize(
    ("path", "own"),
    [("/data", True), ("/tmp", False), ("/tmp/", False), ("/tmp/x", True)],  # noqa: S108  (in the container)
)
def test_there_is_a_place_for_temporary_files(path, own):
    pod = {"volumes": [{"name": "v", "emptyDir": {}}], "volumeMounts": [{"name": "v", "mountPath": path}]}
    names = [volume["name"] for volume in pod_of(pod=pod)["volumes"]]
    assert ("millstream-tmp" in names) == own
    assert {mount["name"] for mount in container_of(pod=pod)["volumeMounts"]} == set(names)


def test_each_block_is_a_folder_of_its_keys():
    spec = {"blocks": ["warehouse", "mail.smtp"]}
    assert pod_of(**spec)["volumes"][-2:] == [
        {"name": "millstream-block-0", "secret": {"secretName": "warehouse"}},
        {"name": "millstream-block-1", "secret": {"secretName": "mail.smtp"}},
    ]
    folder = "/var/lib/millstream/blocks"
    assert container_of(**spec)["volumeMounts"][-2:] == [
        {"name": "millstream-block-0", "mountPath": f"{folder}/warehouse", "readOnly": True},
        {"name": "millstream-block-1", "mountPath": f"{folder}/mail.smtp", "readOnly": True},
    ]
    assert container_of(**spec)["env"] == [{"name": "MILLSTREAM_BLOCKS_FOLDER", "value": folder}]


def test_a_bucket_is_told_with_its_credentials():
    spec = {"storage": {"url": "s3://bucket/$(HOME)", "secretName": "keys"}}
    container = container_of(**spec, pod={"envFrom": [{"configMapRef": {"name": "m"}}]})
    assert container["env"] == [{"name": "MILLSTREAM_STORAGE", "value": "s3://bucket/$$(HOME)"}]
    # Of two sources the latter wins.
    assert container["envFrom"] == [{"configMapRef": {"name": "m"}}, {"secretRef": {"name": "keys"}}]
    assert pod_of(**spec)["volumes"] == pod_of()["volumes"]
    assert pod_of(**spec)["securityContext"] == pod_of()["securityContext"]


@pytest.mark.parametrize(("given", "group"), [({}, 65532), ({"fsGroup": 2000}, 2000)])
def test_a_claim_is_mounted_so_that_the_flow_can_write(given, group):
    spec = {"storage": {"persistentVolumeClaim": "results"}, "pod": {"securityContext": given}}
    pod, container = pod_of(**spec), container_of(**spec)
    volume = {"name": "millstream-storage", "persistentVolumeClaim": {"claimName": "results"}}
    assert pod["volumes"][-1] == volume
    path = "/var/lib/millstream/storage"
    assert container["volumeMounts"][-1] == {"name": "millstream-storage", "mountPath": path}
    assert container["env"] == [{"name": "MILLSTREAM_STORAGE", "value": path}]
    assert pod["securityContext"] == {
        "fsGroup": group,
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_where_blocks_and_storage_are_is_the_operators_to_say():
    names = ["MILLSTREAM_BLOCKS_FOLDER", "MILLSTREAM_STORAGE", "OTHER"]
    pod = {"env": [{"name": name, "value": "/evil"} for name in names]}
    env = container_of(pod=pod, blocks=["b"], storage={"url": "file:///data"})["env"]
    assert {variable["name"]: variable["value"] for variable in env} == {
        "OTHER": "/evil",
        "MILLSTREAM_BLOCKS_FOLDER": "/var/lib/millstream/blocks",
        "MILLSTREAM_STORAGE": "file:///data",
    }
    assert len(env) == 3


def test_init_containers_get_neither_blocks_nor_storage():
    init = {"initContainers": [{"name": "i", "image": "x"}]}
    spec = {"pod": init, "blocks": ["b"], "storage": {"url": "s3://b", "secretName": "keys"}}
    assert pod_of(**spec)["initContainers"] == pod_of(pod=init)["initContainers"]


def test_curated_fields_come_through():
    given = {
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": 2}},
        "envFrom": [{"prefix": "P_", "secretRef": {"name": "s"}}],
        "volumes": [
            {"name": "claim", "persistentVolumeClaim": {"claimName": "c"}},
            {"name": "dir", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            {"name": "map", "configMap": {"name": "m"}},
            {"name": "secret", "secret": {"secretName": "s", "optional": True}},
        ],
        "volumeMounts": [{"name": "claim", "mountPath": "/data", "readOnly": True, "subPath": "x"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    }
    pod = pod_of(pod=given, imagePullSecrets=["one", "two"])
    container = pod["containers"][0]
    assert container["resources"] == given["resources"]
    assert container["envFrom"] == given["envFrom"]
    assert pod["volumes"][-4:] == given["volumes"]
    assert container["volumeMounts"][-1] == given["volumeMounts"][0]
    assert pod["nodeSelector"] == given["nodeSelector"]
    assert pod["tolerations"] == given["tolerations"]
    assert pod["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]


def test_what_is_not_given_is_not_said():
    assert not {"resources", "envFrom", "env", "imagePullPolicy"} & container_of().keys()
    assert not {"nodeSelector", "tolerations", "imagePullSecrets"} & pod_of().keys()


@pytest.mark.parametrize(
    ("spec", "account", "token"),
    [
        ({}, None, False),
        ({"pod": {"serviceAccountName": "s"}}, "s", False),
        ({"pod": {"serviceAccountName": "s", "automountServiceAccountToken": True}}, "s", True),
        ({"apiAccess": "Read"}, "millstream-read", True),
        ({"apiAccess": "Trigger"}, "millstream-trigger", True),
        ({"apiAccess": "Trigger", "pod": {"serviceAccountName": "admin"}}, "millstream-trigger", True),
    ],
)
def test_who_the_pod_is(spec, account, token):
    pod = pod_of(**spec)
    assert (pod.get("serviceAccountName"), pod["automountServiceAccountToken"]) == (account, token)


def test_the_queue_is_a_label_of_the_job_alone():
    job = job_of(queueName="gpus")
    assert job["metadata"]["labels"] == OWN_LABELS | {"kueue.x-k8s.io/queue-name": "gpus"}
    assert job["spec"]["template"]["metadata"]["labels"] == OWN_LABELS
    assert "suspend" not in job["spec"]  # it is Kueue's to set


def test_a_big_flow_with_gpus():
    given = {
        "resources": {"requests": {"memory": "64Gi"}, "limits": {"nvidia.com/gpu": 2, "memory": "64Gi"}},
        "affinity": {"podAntiAffinity": {"x": [{"y": 1}]}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}],
        "priorityClassName": "high",
        "runtimeClassName": "nvidia",
        "nodeSelector": {"gpu": "a100"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "tolerationSeconds": 5}],
    }
    pod = pod_of(pod=given)
    assert {name: pod[name] for name in given if name != "resources"} == {
        name: value for name, value in given.items() if name != "resources"
    }
    assert pod["containers"][0]["resources"] == given["resources"]


def test_init_containers_are_restricted_and_expand_nothing():
    given = {
        "name": "fetch",
        "image": "curl",
        "command": ["sh"],
        "args": ["-c", "true"],
        "env": [{"name": "A", "value": "$(B)"}],
        "restartPolicy": "Always",
        "resources": {"limits": {"cpu": 1}},
    }
    (found,) = pod_of(pod={"initContainers": [given]})["initContainers"]
    assert found.pop("securityContext") == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert found.pop("resources")["limits"] == {"cpu": 1}
    assert found == {
        "name": "fetch",
        "image": "curl",
        "command": ["sh"],
        "args": ["-c", "true"],
        "env": [{"name": "A", "value": "$$(B)"}],
        "restartPolicy": "Always",
    }


def test_what_the_operator_needs_wins():
    pod = {
        "labels": {"millstream.dev/attempt": "9", "app.kubernetes.io/managed-by": "x"},
        "annotations": {"millstream.dev/run": "{}"},
        "env": [{"name": "PATH", "value": "/evil"}],
        "terminationGracePeriodSeconds": 5,
    }
    job = job_of('{"own": 1}', pod=pod, queueName="q")
    template = job["spec"]["template"]
    assert template["metadata"]["labels"] == OWN_LABELS
    assert template["metadata"]["annotations"] == {"millstream.dev/run": '{"own": 1}'}
    assert template["spec"]["restartPolicy"] == "Never"
    container = template["spec"]["containers"][0]
    assert (container["name"], container["command"]) == ("flow", ["python", "-m", "millstream.runner"])
