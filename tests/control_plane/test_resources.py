"""What the API server says of the custom resources: which it takes, which it refuses, and why."""

import json

import pytest
from api_server import RefusedError, custom
from builders import TEMPLATE

from millstream.resources import flow_deployment, flow_run
from millstream.resources.flow_deployment import FlowDeploymentSpec
from millstream.resources.flow_run import FlowRunSpec
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS

pytestmark = pytest.mark.control_plane

BY_NAME = {"deploymentRef": {"name": "etl"}}
KINDS = {flow_deployment.KIND: FLOW_DEPLOYMENTS, flow_run.KIND: FLOW_RUNS}
LONG = "x" * 53


def refusal(call):
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value.message


@pytest.mark.parametrize(
    "path",
    [
        "flowrun.spec",
        "fdep.spec.retryPolicy.backoff",
        "fdep.spec.storage",
        "fdep.spec.source.items",
        "fr.status.attempts",
    ],
)
def test_explains_itself(kubectl, path):
    explained = kubectl("explain", path)
    assert "FIELDS:" in explained
    assert "<no description>" not in explained.lower()


def test_lists_both_by_category(kubectl, ns):
    ns.deploy()
    ns.run()
    names = kubectl("get", "millstream", "--namespace", ns.name, "--output", "name").split()
    assert names == ["flowdeployment.millstream.dev/etl", "flowrun.millstream.dev/etl-1"]
    assert "STATE" in kubectl("get", "fr", "--namespace", ns.name)
    assert "ENTRYPOINT" in kubectl("get", "fdep", "--namespace", ns.name)


def test_selects_runs_by_deployment_and_state(kubectl, ns):
    ns.run("a")
    ns.run("b", deploymentRef={"name": "other"})
    ns.patch(FLOW_RUNS, "b", {"status": {"state": "Running"}}, "status")
    for field, name in (("spec.deploymentRef.name=etl", "a"), ("status.state=Running", "b")):
        found = kubectl("get", "fr", "--namespace", ns.name, "--field-selector", field, "--output", "name")
        assert found.split() == [f"flowrun.millstream.dev/{name}"]


def volume(**sources):
    return {"pod": {"volumes": [{"name": "v", **sources}]}}


NO_PATH = "give a path within the working directory"
NO_REQUIREMENT = "give a requirement as in PEP 508, such as pandas>=2.3"
SOURCES = [
    ({}, "give configMap or requirements"),
    ({"requirements": []}, "give configMap or requirements"),
    ({"items": [{"key": "a", "path": "a"}], "requirements": ["x"]}, "items goes with configMap"),
    *(
        ({"configMap": "m", "items": [{"key": "a", "path": path}]}, NO_PATH)
        for path in ("/etc/x", "../x", "a/../x", "a/..", "./a", "a//b", "a/", "..data", "a\nb")
    ),
    ({"configMap": "m", "items": [{"key": "a/b", "path": "a"}]}, "items[0].key"),
    ({"configMap": "m", "items": 2 * [{"key": "a", "path": "a"}]}, "Duplicate value"),
    ({"configMap": "m", "items": [{"key": "a", "path": "a", "mode": 1}]}, "unknown field"),
    *(
        ({"requirements": [requirement]}, NO_REQUIREMENT)
        for requirement in (
            "--index-url=http://x", "-r more.txt", "-e .", "./local", "/local", "../local", "pandas>=2\nnumpy",
            "pandas --pre", "pandas>=2 --hash=sha256:0", "pandas # the best", "pandas numpy", "pandas>=2\\",
            "https://host/x.whl", "pandas @ ./local", " pandas",
            *(f"x @ https://host/x.whl{end}--pre" for end in "\x85\u2028\u2029\x9f"),
            "x; python_version > '3\u2028--pre'",
        )
    ),
    ({"requirements": ["x", "x"]}, "Duplicate value"),
    ({"requirements": ["x" * 513]}, "Too long"),
    ({"requirements": [f"x{n}" for n in range(129)]}, "at most 128 items"),
]  # fmt: skip
REFUSED = {
    "a name too long for pods": ("FlowRun", LONG, BY_NAME, "at most 52 characters"),
    "a name with a dot": ("FlowRun", "a.b", BY_NAME, "may not contain dots"),
    "a deployment's name too long": ("FlowDeployment", LONG, TEMPLATE, "at most 52 characters"),
    "a deployment's name with a dot": ("FlowDeployment", "a.b", TEMPLATE, "may not contain dots"),
    "no origin": ("FlowRun", "a", {}, "exactly one of spec.deploymentRef and spec.template"),
    "two origins": ("FlowRun", "a", BY_NAME | {"template": TEMPLATE}, "exactly one of"),
    "an unknown field": ("FlowRun", "a", BY_NAME | {"paramters": {}}, 'unknown field "spec.paramters"'),
    "an unknown field of the pod": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"pod": {"hostNetwork": True}},
        'unknown field "spec.pod.hostNetwork"',
    ),
    "a retry policy with an unknown field": (
        "FlowRun",
        "a",
        {"template": TEMPLATE | {"retryPolicy": {"retries": 1}}},
        'unknown field "spec.template.retryPolicy.retries"',
    ),
    "an image with a space": ("FlowDeployment", "a", TEMPLATE | {"image": "a b"}, "give an image"),
    "a schedule of two kinds": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"schedules": [{"name": "s", "cron": "* * * * *", "interval": 1}]},
        "exactly one of cron, interval and rrule",
    ),
    "a schedule of no kind": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"schedules": [{"name": "s"}]},
        "exactly one of",
    ),
    "a schedule twice": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"schedules": 2 * [{"name": "s", "interval": 1}]},
        "Duplicate value",
    ),
    "an anchor without an interval": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"schedules": [{"name": "s", "cron": "@daily", "anchor": "2026-01-01T00:00:00Z"}]},
        "anchor goes with interval",
    ),
    "two identities": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"apiAccess": "Read", "pod": {"serviceAccountName": "x"}},
        "leave out pod.serviceAccountName",
    ),
    "a token of nobody": (
        "FlowRun",
        "a",
        {"template": TEMPLATE | {"pod": {"automountServiceAccountToken": True}}},
        "needs serviceAccountName",
    ),
    "a container in place of the flow's": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"pod": {"initContainers": [{"name": "flow", "image": "i"}]}},
        "the container flow is the operator's",
    ),
    "schedules of a run": (
        "FlowRun",
        "a",
        {"template": TEMPLATE | {"schedules": []}},
        'unknown field "spec.template.schedules"',
    ),
    "a pod of a run": (
        "FlowRun",
        "a",
        BY_NAME | {"overrides": {"pod": {}}},
        'unknown field "spec.overrides.pod"',
    ),
    "an entrypoint without a flow": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"entrypoint": "flows.py"},
        "entrypoint",
    ),
    "root": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"pod": {"securityContext": {"runAsUser": 0}}},
        "greater than or equal to 1",
    ),
    "two sources in a volume": (
        "FlowDeployment",
        "a",
        TEMPLATE | volume(emptyDir={}, configMap={"name": "m"}),
        "exactly one of persistentVolumeClaim",
    ),
    "no source in a volume": ("FlowDeployment", "a", TEMPLATE | volume(), "exactly one of"),
    "a volume twice": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"pod": {"volumes": 2 * [{"name": "v", "emptyDir": {}}]}},
        "Duplicate value",
    ),
    "a mount of no volume": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"pod": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}},
        "must name one of volumes",
    ),
    "a mount in the operator's place": (
        "FlowDeployment",
        "a",
        TEMPLATE
        | {
            "pod": {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "volumeMounts": [{"name": "v", "mountPath": "/var/lib/millstream/blocks/b"}],
            }
        },
        "not below /run/millstream, /var/run/millstream or /var/lib/millstream",
    ),
    "a variable of the operator's": (
        "FlowRun",
        "a",
        {"template": TEMPLATE | {"pod": {"env": [{"name": "MILLSTREAM_STORAGE", "value": "/x"}]}}},
        "are the operator's; give spec.blocks and spec.storage",
    ),
    "a block twice": ("FlowDeployment", "a", TEMPLATE | {"blocks": ["b", "b"]}, "Duplicate value"),
    "a block that is no name": ("FlowDeployment", "a", TEMPLATE | {"blocks": ["../b"]}, "spec.blocks[0]"),
    "too many blocks": (
        "FlowRun",
        "a",
        {"template": TEMPLATE | {"blocks": [f"b{n}" for n in range(33)]}},
        "at most 32 items",
    ),
    "a storage of two kinds": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"storage": {"url": "s3://b", "persistentVolumeClaim": "c"}},
        "exactly one of url and persistentVolumeClaim",
    ),
    "a storage of no kind": (
        "FlowRun",
        "a",
        {"template": TEMPLATE | {"storage": {}}},
        "exactly one of url and persistentVolumeClaim",
    ),
    "credentials of a claim": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"storage": {"persistentVolumeClaim": "c", "secretName": "s"}},
        "secretName goes with url",
    ),
    "a storage with credentials": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"storage": {"url": "s3://key:secret@bucket"}},
        "without credentials and query",
    ),
    "a storage of another scheme": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"storage": {"url": "postgresql://db/flows"}},
        "give s3://bucket/folder",
    ),
    **{
        f"source {number} of a {kind}": (kind, "a", spec, message)
        for number, (source, message) in enumerate(SOURCES)
        for kind, spec in (
            ("FlowDeployment", TEMPLATE | {"source": source}),
            ("FlowRun", {"template": TEMPLATE | {"source": source}}),
        )
    },
    "a quantity that is none": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"pod": {"resources": {"limits": {"memory": "1 GB"}}}},
        "spec.pod.resources.limits.memory",
    ),
    "an annotation that loosens": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"pod": {"annotations": {"container.apparmor.security.beta.kubernetes.io/flow": "x"}}},
        "are reserved",
    ),
    "a label of a Job": (
        "FlowRun",
        "a",
        {"template": TEMPLATE | {"pod": {"labels": {"batch.kubernetes.io/job-name": "x"}}}},
        "are reserved",
    ),
    "kept for ever": (
        "FlowRun",
        "a",
        BY_NAME | {"ttlSecondsAfterFinished": 10**18},
        "less than or equal to 315360000",
    ),
    "a tag twice": ("FlowRun", "a", BY_NAME | {"tags": ["x", "x"]}, "Duplicate value"),
    "too many tags": ("FlowRun", "a", BY_NAME | {"tags": [str(n) for n in range(65)]}, "at most 64 items"),
    "a time without a zone": (
        "FlowRun",
        "a",
        BY_NAME | {"scheduledTime": "2026-03-01T12:00:00"},
        "date-time",
    ),
    "parameters that are no object": ("FlowRun", "a", BY_NAME | {"parameters": []}, "must be of type object"),
    "too many failures": (
        "FlowDeployment",
        "a",
        TEMPLATE | {"retryPolicy": {"failures": 101}},
        "less than or equal to 100",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(ns, case):
    kind, name, spec, message = REFUSED[case]
    assert message in refusal(lambda: ns.create(KINDS[kind], custom(kind, name, spec)))


@pytest.mark.parametrize(
    "source",
    [
        {"configMap": "m"},
        {"configMap": "m", "items": []},
        {
            "configMap": "m",
            "items": [
                {"key": "pkg.__init__", "path": "pkg/__init__.py"},
                {"key": "env", "path": ".env"},
                {"key": "dots", "path": "a..b/c...d/.e/ä b.txt"},
            ],
        },
        {
            "requirements": [
                "pandas",
                "Pandas_2.x-y>=2.3,<4",
                "pandas [excel, s3]==2.3.*; python_version < '3.14' and sys_platform != 'win32'",
                "pandas (>=2)",
                "x @ git+https://${TOKEN}@host/x.git@v1#subdirectory=a",
                "y@file:///wheels/y-1.0-py3-none-any.whl ; extra == 'z'",
            ]
        },
    ],
    ids=json.dumps,
)
def test_takes_a_source(ns, source):
    stored = ns.deploy(source=source)["spec"]
    assert stored["source"] == source
    read = FlowDeploymentSpec.model_validate(stored).source.to_dict()
    assert read == {"items": [], "requirements": []} | source


def test_takes_the_longest_name(ns):
    assert ns.run("x" * 52)["metadata"]["name"] == "x" * 52


SPEC = {
    "parameters": {"a": 1, "list": [1, {"b": None}]},
    "scheduledTime": "2999-01-01T00:00:00Z",
    "tags": ["a"],
    "scheduleName": "nightly",
    "priority": 1,
    "overrides": {"timeouts": {"runSeconds": 1}},
}
CHANGES = {
    "deploymentRef": {"deploymentRef": {"name": "other"}},
    "template": {"deploymentRef": None, "template": TEMPLATE},
    "parameters": {"parameters": {"a": 2}},
    "parameters deep inside": {"parameters": {"list": [1, {"b": 0}]}},
    "parameters taken away": {"parameters": None},
    "scheduledTime": {"scheduledTime": "2999-01-02T00:00:00Z"},
    "scheduledTime taken away": {"scheduledTime": None},
    "scheduleName": {"scheduleName": "daily"},
    "priority": {"priority": 2},
    "overrides": {"overrides": {"timeouts": {"runSeconds": 2}}},
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_run_does_not_change(ns, case):
    ns.run(**SPEC)
    field = case.split()[0]
    message = refusal(lambda: ns.patch(FLOW_RUNS, "etl-1", {"spec": CHANGES[case]}))
    assert f"spec.{field} of a FlowRun cannot be changed" in message


def test_a_runs_template_does_not_change(ns):
    ns.run(template=TEMPLATE)
    message = refusal(lambda: ns.patch(FLOW_RUNS, "etl-1", {"spec": {"template": {"image": "other"}}}))
    assert "spec.template of a FlowRun cannot be changed" in message


def test_every_other_field_is_tried():
    tried = {case.split()[0] for case in CHANGES} | {"tags", "cancel", "suspend", "ttlSecondsAfterFinished"}
    assert tried == {field.alias for field in FlowRunSpec.model_fields.values()}


def test_tags_of_a_run_change(ns):
    ns.run(**SPEC)
    for tags in (["a", "b"], [], None):
        ns.patch(FLOW_RUNS, "etl-1", {"spec": {"tags": tags}})


def test_a_run_is_paused_and_goes_on_and_is_cancelled_for_good(ns):
    ns.run(**SPEC)
    for change in ({"suspend": True}, {"suspend": False}, {"ttlSecondsAfterFinished": 5}, {"cancel": True}):
        ns.patch(FLOW_RUNS, "etl-1", {"spec": change})
    for change in ({"cancel": False}, {"cancel": None}):
        message = refusal(lambda change=change: ns.patch(FLOW_RUNS, "etl-1", {"spec": change}))
        assert "a cancel cannot be taken back" in message


@pytest.mark.parametrize("state", ["Completed", "Failed", "TimedOut", "Crashed", "Cancelled"])
def test_a_final_state_does_not_change(ns, state):
    ns.run()
    ns.patch(FLOW_RUNS, "etl-1", {"status": {"state": "Running"}}, "status")
    ns.patch(FLOW_RUNS, "etl-1", {"status": {"state": state}}, "status")
    for change in ({"status": {"state": "Running"}}, {"status": {"state": None}}, {"status": None}):
        message = refusal(lambda change=change: ns.patch(FLOW_RUNS, "etl-1", change, "status"))
        assert "a final state does not change" in message
    ns.patch(FLOW_RUNS, "etl-1", {"status": {"state": state, "message": "more"}}, "status")


def test_a_state_that_there_is_not_is_refused(ns):
    ns.run()
    assert "Unsupported value" in refusal(
        lambda: ns.patch(FLOW_RUNS, "etl-1", {"status": {"state": "Excellent"}}, "status")
    )


def test_what_is_applied_can_be_edited_with_kubectl(kubectl, ns):
    for image in ("one", "two"):
        o = custom("FlowDeployment", "etl", TEMPLATE | {"image": image})
        assert "flowdeployment.millstream.dev/etl" in kubectl("apply", "-n", ns.name, "-f", "-", body=o)
    assert ns.get(FLOW_DEPLOYMENTS, "etl")["spec"]["image"] == "two"


TAKEN = [
    {"parameters": {"none": None, "y": {"z": None}}},
    {"parameters": {"": 1, "true": 2, "ä": "\u2028"}},
    {"scheduledTime": "2026-03-01T12:00:00z"},
    {"scheduledTime": "2026-03-01T12:00:00.123456789+05:30"},
    {"scheduledTime": "2026-03-01T23:59:60Z"},
    {"tags": None, "parameters": None, "scheduledTime": None},
]


@pytest.mark.parametrize("spec", TAKEN, ids=json.dumps)
def test_the_operator_reads_every_run_that_is_taken(ns, spec):
    try:
        stored = ns.run(**spec)["spec"]
    except RefusedError:
        return
    assert FlowRunSpec.model_validate(stored)


@pytest.mark.parametrize(
    "spec",
    [
        {"timeouts": {"runSeconds": None}, "pod": None},
        {"imagePullPolicy": None, "source": None, "retryPolicy": {"backoff": {}}},
        {"pod": {"resources": {"limits": {"memory": "1Gi", "cpu": 2}}}},
        {"pod": {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": 5}}]}},
        {"retryPolicy": {"failures": 2.0}},
        {"parameterSchema": {}, "parameters": {}},
        {"entrypoint": "pkg.mod:flow\n"},
        {"entrypoint": "flöws.py:flöw"},
        {"image": "with\u00a0space"},
        {"storage": {"url": "s3://bucket/ä\u00a0b"}},
        {"storage": {"url": "file:///a\n"}},
        {"storage": {"url": "s3://b", "secretName": None, "persistentVolumeClaim": None}},
        {"storage": {"url": "gs://b/x!\"$%&'()*+,-.:;<=>[]^_`{|}~\\"}},
    ],
    ids=json.dumps,
)
def test_the_operator_reads_every_deployment_that_is_taken(ns, spec):
    try:
        stored = ns.deploy(**spec)["spec"]
    except RefusedError:
        return
    assert FlowDeploymentSpec.model_validate(stored)


def metric(**more):
    return {"name": "rows", "type": "Counter", **more}


METRICS = [
    ([metric(name="Rows")], "give a name of lower-case letters, digits and underscores"),
    ([metric(labels=["a b"])], "give a name of lower-case letters, digits and underscores"),
    ([metric(labels=["namespace"])], "are given by Millstream and Prometheus"),
    ([metric(labels=["a", "a"])], "Duplicate value"),
    ([metric(labels=list("abcde"))], "must have at most 4 items"),
    ([metric(), metric()], "Duplicate value"),
    ([metric(name=f"m{n}") for n in range(11)], "must have at most 10 items"),
    ([metric(type="Histogram")], "supported values"),
    ([{"name": "rows"}], "Required value"),
]


@pytest.mark.parametrize(("declared", "said"), METRICS)
def test_metrics_that_cannot_be(ns, declared, said):
    assert said in refusal(lambda: ns.deploy(metrics=declared))


def test_metrics_that_can_be(ns):
    declared = [metric(labels=["table"], description="Loaded."), {"name": "fill", "type": "Gauge"}]
    assert ns.deploy(metrics=declared)["spec"]["metrics"] == declared
