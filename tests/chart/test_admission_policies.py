"""The admission policies of an installed release, against a real API server."""

import json
from copy import deepcopy

import pytest
import yaml
from chart.conftest import await_deletion
from patience import PATIENTLY, eventually

from millstream.resources import api_access, labels
from millstream.resources.run_template import ApiAccess

SYSTEM = "policies-system"
TEAM, ELSEWHERE = "policies-team", "policies-elsewhere"
OPERATOR = f"system:serviceaccount:{SYSTEM}:millstream"
READER, TRIGGER = (
    f"system:serviceaccount:{TEAM}:{api_access.SERVICE_ACCOUNTS[access]}"
    for access in (ApiAccess.READ, ApiAccess.TRIGGER)
)
READER_ELSEWHERE = READER.replace(TEAM, ELSEWHERE)
NAMED_LIKE_THE_OPERATOR = f"system:serviceaccount:{TEAM}:millstream"
# They may do everything with our resources, statuses included; bob may also use the service accounts etl and millstream-read.
ALICE, BOB = "alice", "bob"
CLUSTER_ADMIN = "carol"
LIMIT = 65_536
OURS = {"apiGroups": ["millstream.dev"], "resources": ["*"], "verbs": ["*"]}
USE = {
    "apiGroups": [""],
    "resources": ["serviceaccounts"],
    "resourceNames": ["etl", "millstream-read"],
    "verbs": ["use"],
}
TOO_LARGE = "larger than 64 KiB: put large input into a volume or an object store, and pass its address"
ETL = {"serviceAccountName": "etl"}
VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")


def _deployment(name="new", **spec):
    return _object("FlowDeployment", name, {"entrypoint": "etl.py:etl", **spec})


def _run(name="new", **spec):
    return _object("FlowRun", name, {"deploymentRef": {"name": "etl"}, **spec})


def _one_off(name="new", **template):
    return _object("FlowRun", name, {"template": {"entrypoint": "etl.py:etl", **template}})


def _object(kind, name, spec):
    return {"apiVersion": "millstream.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _role(kind, name, rules, users, namespace=None):
    api = "rbac.authorization.k8s.io"
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return [
        {"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": kind, "name": name},
            "subjects": [{"apiGroup": api, "kind": "User", "name": user} for user in users],
        },
    ]


@pytest.fixture(scope="module")
def kubectl(call, kubeconfig):
    """Run kubectl as an administrator."""

    def run(*arguments, **options):
        return call("kubectl", *arguments, kubeconfig=kubeconfig, **options)

    return run


@pytest.fixture(scope="module")
def ask(kubectl):
    """Ask the API server, as somebody and without consequences, to create or patch; "" if it would."""

    def request(body, user=None, *, patch=None, namespace=TEAM, part=None, groups=()):
        who = [f"--as={user}"] if user else []
        who += [f"--as-group={group}" for group in groups]
        options = ["--dry-run=server", "-n", namespace, *who]
        if patch is None:
            answer = kubectl("create", "-f", "-", *options, stdin=json.dumps(body), fails=None)
            done = "created"
        else:
            name = f"{body['kind'].lower()}/{body['metadata']['name']}"
            options += ["--type=merge", "-p", json.dumps(patch), *([f"--subresource={part}"] if part else [])]
            answer = kubectl("patch", name, *options, fails=None)
            done = "patched"
        return "" if f" {done}" in answer else answer

    return request


@pytest.fixture(scope="module")
def release(call, kubectl, kubeconfig, chart):
    """Install the chart and users; give what changes the release's values. The hook would need a node."""

    def helm(*arguments):
        call("helm", *arguments, "--namespace", SYSTEM, kubeconfig=kubeconfig)

    def upgrade(*settings):
        helm("upgrade", "millstream", chart, "--set", ",".join(("crds.keep=false", *settings)))

    all_of_ours = [ALICE, BOB, READER_ELSEWHERE, NAMED_LIKE_THE_OPERATOR]
    read_status = {**OURS, "resources": ["flowdeployments/status", "flowruns/status"], "verbs": ["get"]}
    rights = [
        *_role("ClusterRole", "policies-ours", [OURS], all_of_ours),
        *_role("ClusterRole", "policies-patch-reads-before", [read_status], [OPERATOR]),
        *_role(
            "ClusterRole",
            "policies-admin",
            [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
            [CLUSTER_ADMIN],
        ),
        *_role("Role", "use-etl", [USE], [BOB], TEAM),
    ]
    items = json.dumps({"apiVersion": "v1", "kind": "List", "items": rights})
    for name in (SYSTEM, TEAM, ELSEWHERE):
        kubectl("create", "namespace", name)
    helm("install", "millstream", chart, "--set", "crds.keep=false")
    kubectl("wait", PATIENTLY, "--for=condition=Established", "crd", "--all")
    kubectl("apply", "-f", "-", stdin=items)
    for access, account in api_access.SERVICE_ACCOUNTS.items():  # as the operator does
        role = f"--clusterrole={api_access.CLUSTER_ROLES[access]}"
        kubectl("create", "rolebinding", account, "-n", TEAM, role, f"--serviceaccount={TEAM}:{account}")
    yield upgrade
    helm("uninstall", "millstream", "--no-hooks")
    await_deletion(kubectl, "flowruns.millstream.dev", "flowdeployments.millstream.dev")
    kubectl("delete", "-f", "-", stdin=items)


@pytest.fixture(scope="module")
def etl(kubectl, release):
    """A deployment with the service account etl, of somebody who may use it, and a run of it."""
    del release
    objects = _deployment("etl", pod=ETL), _run("etl", tags=["a"])
    for o in objects:
        kubectl("create", "-n", TEAM, "-f", "-", stdin=json.dumps(o))
    return objects


@pytest.fixture(scope="module")
def active(ask, etl):
    """Wait until each of the policies is enforced."""
    _, run = etl

    def wait(namespace=TEAM):
        large = {"a": "x" * LIMIT}
        eventually(lambda: TOO_LARGE in ask(_deployment(parameters=large), namespace=namespace))
        eventually(lambda: TOO_LARGE in ask(_run(parameters=large), namespace=namespace))
        eventually(lambda: "apiAccess" in ask(_one_off(), TRIGGER))
        eventually(lambda: ask(run, ALICE, patch={"status": {"state": "Queued"}}, part="status"))

    wait()
    return wait


@pytest.mark.parametrize(
    "place",
    [
        lambda parameters: _deployment(parameters=parameters),
        lambda parameters: _deployment(
            schedules=[
                {"name": "small", "cron": "@daily", "parameters": {"a": 1}},
                {"name": "this", "cron": "@daily", "parameters": parameters},
            ]
        ),
        lambda parameters: _run(parameters=parameters),
        lambda parameters: _one_off(parameters=parameters),
    ],
    ids=["deployment", "schedule", "run", "template"],
)
@pytest.mark.parametrize("character", ["x", "\N{PILE OF POO}", '"'], ids=["ascii", "unicode", "quote"])
@pytest.mark.usefixtures("active")
def test_size_of_parameters(ask, place, character):
    def parameters(size):
        """Give parameters that are, as compact JSON, of this size."""
        empty = json.dumps({"a": ""}, separators=(",", ":"))
        count, rest = divmod(size - len(empty), len(json.dumps(character, ensure_ascii=False).encode()) - 2)
        return {"a": character * count + "x" * rest}

    assert ask(place(parameters(LIMIT))) == ""
    refusal = ask(place(parameters(LIMIT + 1)))
    assert TOO_LARGE in refusal
    assert "parameters" in refusal


@pytest.mark.usefixtures("active")
def test_parameters_of_every_type_are_measured(ask):
    every = {
        "null": None,
        "yes": True,
        "number": -1,
        "fraction": 1.5,
        "list": [[], {}],
        "ключ": {"a": "\n$(B)"},
    }
    assert ask(_run(parameters=every)) == ""
    # The largest that etcd takes: it is measured as well, not given up on.
    for large in ("x" * 1_400_000, [1] * 400_000):
        assert TOO_LARGE in ask(_run(parameters={"a": large}))


@pytest.mark.usefixtures("active")
def test_many_schedules_with_large_parameters_are_not_too_much_to_measure(ask):
    schedules = [{"name": f"s{i}", "cron": "@daily", "parameters": {"a": "x" * 40_000}} for i in range(32)]
    assert ask(_deployment(schedules=schedules)) == ""


@pytest.mark.parametrize(
    "body",
    [
        _deployment(),
        _deployment(pod={}),
        _deployment(pod={"labels": {"team": "data"}}, schedules=[{"name": "daily", "cron": "@daily"}]),
        _run(),
        _run(overrides={"timeouts": {"runSeconds": 60}}),
        _one_off(),
        _one_off(pod={}),
    ],
    ids=json.dumps,
)
@pytest.mark.usefixtures("active")
def test_what_names_nothing_special_is_for_everybody(ask, body):
    assert ask(body, ALICE) == ""


@pytest.mark.parametrize("make", [_deployment, _one_off])
@pytest.mark.usefixtures("active")
def test_naming_a_service_account_needs_the_right_to_use_it(ask, make):
    assert ask(make(pod=ETL), BOB) == ""
    path = "spec.pod" if make is _deployment else "spec.template.pod"
    for user, account in ((ALICE, "etl"), (ALICE, "default"), (BOB, "other")):
        refusal = ask(make(pod={"serviceAccountName": account}), user)
        assert "(Forbidden)" in refusal
        assert (
            f"{user} may not run flows as the service account {account} ({path}.serviceAccountName); that needs "
            f"this rule in a Role of the namespace {TEAM}: "
            f'{{apiGroups: [""], resources: [serviceaccounts], resourceNames: [{account}], verbs: [use]}}'
        ) in refusal
    # The right is one of a namespace.
    assert f"namespace {ELSEWHERE}" in ask(make(pod=ETL), BOB, namespace=ELSEWHERE)


@pytest.mark.parametrize("make", [_deployment, _one_off])
@pytest.mark.usefixtures("active")
def test_access_needs_the_right_to_use_its_service_account(ask, make):
    field = "spec.apiAccess" if make is _deployment else "spec.template.apiAccess"
    for access in (ApiAccess.READ, ApiAccess.TRIGGER):
        account = api_access.SERVICE_ACCOUNTS[access]
        refusal = ask(make(apiAccess=access), ALICE)
        assert "(Forbidden)" in refusal
        assert f"{ALICE} may not run flows as the service account {account} ({field}); that needs" in refusal
        assert f"resourceNames: [{account}], verbs: [use]" in refusal
    assert ask(make(apiAccess="Read"), BOB) == ""
    assert "may not run flows" in ask(make(apiAccess="Trigger"), BOB)
    assert ask(make(apiAccess="None"), ALICE) == ""


@pytest.mark.usefixtures("active")
def test_changing_a_deployment_that_has_access(ask, kubectl):
    reads = _deployment("reads", apiAccess="Read")
    kubectl("create", "-n", TEAM, "-f", "-", stdin=json.dumps(reads))
    for patch in ({"apiAccess": "Trigger"}, {"image": "other:1"}):
        assert "may not run flows" in ask(reads, ALICE, patch={"spec": patch})
    for patch in ({"suspend": True}, {"apiAccess": "None"}, {"apiAccess": None, "image": "other:1"}):
        assert ask(reads, ALICE, patch={"spec": patch}) == ""
    assert ask(reads, BOB, patch={"spec": {"image": "other:1"}}) == ""


@pytest.mark.parametrize("make", [_deployment, _one_off])
@pytest.mark.usefixtures("active")
def test_size_of_a_schema(ask, make):
    def schema(size):
        return {"description": "x" * (size - len('{"description":""}'))}

    assert ask(make(parameterSchema=schema(LIMIT))) == ""
    assert "parameterSchema is larger than 64 KiB" in ask(make(parameterSchema=schema(LIMIT + 1)))


@pytest.mark.parametrize(
    ("patch", "allowed"),
    [
        (
            {"metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["a.example/b"]}},
            True,
        ),
        ({"spec": {"suspend": True, "description": "x", "tags": ["x"]}}, True),
        ({"spec": {"parameters": {"a": 1}, "schedules": [{"name": "daily", "cron": "@daily"}]}}, True),
        ({"spec": {"retryPolicy": {"failures": 1}, "timeouts": {"runSeconds": 60}}}, True),
        ({"spec": {"metrics": [{"name": "rows", "type": "Gauge"}]}}, True),
        ({"spec": {"pod": {"serviceAccountName": None}}}, True),
        ({"spec": {"pod": None, "image": "other:1"}}, True),
        ({"spec": {"pod": {"automountServiceAccountToken": True}}}, False),
        ({"spec": {"pod": {"env": [{"name": "PYTHONPATH", "value": "/other"}]}}}, False),
        ({"spec": {"image": "other:1"}}, False),
        ({"spec": {"entrypoint": "other.py:other"}}, False),
        ({"spec": {"source": {"configMap": "other"}}}, False),
        ({"spec": {"overrides": {"allowImage": True}}}, False),
        ({"spec": {"blocks": ["other"]}}, False),
        ({"spec": {"storage": {"url": "s3://other", "secretName": "other"}}}, False),
    ],
    ids=str,
)
@pytest.mark.usefixtures("active")
def test_changing_a_deployment_that_names_a_service_account(ask, etl, patch, allowed):
    deployment, _ = etl
    assert ask(deployment, BOB, patch=patch) == ""
    refusal = ask(deployment, ALICE, patch=patch)
    assert refusal == "" if allowed else "alice may not run flows as the service account etl" in refusal


@pytest.mark.usefixtures("active")
def test_a_service_account_cannot_be_taken_on_by_a_change(ask, etl):
    deployment, _ = etl
    patch = {"spec": {"pod": {"serviceAccountName": "other"}}}
    for user in (ALICE, BOB):
        assert f"{user} may not run flows as the service account other" in ask(deployment, user, patch=patch)


@pytest.mark.usefixtures("active")
def test_what_a_flow_with_access_may_create(ask):
    assert ask(_run(parameters={"a": 1}, tags=["x"]), TRIGGER) == ""
    assert ask(_run(overrides={"timeouts": {"runSeconds": 60}}), TRIGGER) == ""
    assert "give spec.deploymentRef, not spec.template" in ask(_one_off(), TRIGGER)
    assert "may not give spec.overrides.image" in ask(_run(overrides={"image": "other:1"}), TRIGGER)
    assert "cannot create resource" in ask(_run(), READER)
    assert "cannot create resource" in ask(_deployment(), TRIGGER)
    # Whatever else somebody gives them, and wherever; but nobody else is meant.
    assert "give spec.deploymentRef, not spec.template" in ask(
        _one_off(), READER_ELSEWHERE, namespace=ELSEWHERE
    )
    assert ask(_run(overrides={"image": "other:1"}), ALICE) == ""
    assert ask(_one_off(), ALICE) == ""


@pytest.mark.parametrize(
    ("metadata", "spec", "allowed"),
    [
        ({}, {"scheduledTime": "2026-03-01T12:00:00Z", "tags": ["x"], "parameters": {"a": 1}}, True),
        ({"labels": {labels.PARENT_RUN_UID: "a"}, "annotations": {labels.IDEMPOTENCY_KEY: "b"}}, {}, True),
        ({}, {"priority": 1000}, False),
        ({}, {"scheduleName": "daily"}, False),
        ({}, {"cancel": True}, False),
        ({}, {"suspend": True}, False),
        ({}, {"ttlSecondsAfterFinished": 0}, False),
        ({"labels": {labels.PARENT_RUN_UID: "a", labels.DEPLOYMENT: "etl"}}, {}, False),
        ({"labels": {labels.SCHEDULE: "daily"}}, {}, False),
        ({"annotations": {"a": "b"}}, {}, False),
        ({"finalizers": ["a.example/b"]}, {}, False),
        (
            {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}]},
            {},
            False,
        ),
    ],
    ids=str,
)
@pytest.mark.usefixtures("active")
def test_what_a_flow_with_access_may_say_of_a_new_run(ask, metadata, spec, allowed):
    run = _run(**spec)
    run["metadata"] |= metadata
    assert ask(run, ALICE) == ""
    refusal = ask(run, TRIGGER)
    told = (
        "a run with apiAccess may give nothing of"
        if spec
        else "a run with apiAccess may give a FlowRun no label"
    )
    assert refusal == "" if allowed else told in refusal


@pytest.mark.usefixtures("active")
def test_what_a_flow_with_access_may_read(kubectl):
    def may(user, verb, resource):
        command = ("auth", "can-i", verb, f"{resource}.millstream.dev", "-n", TEAM, f"--as={user}")
        return kubectl(*command, fails=None).strip() == "yes"

    for user in (READER, TRIGGER):
        assert {verb for verb in VERBS if may(user, verb, "flowdeployments")} == {"get", "list"}
    assert {verb for verb in VERBS if may(READER, verb, "flowruns")} == {"get", "list", "watch"}
    assert {verb for verb in VERBS if may(TRIGGER, verb, "flowruns")} == {*VERBS} - {"delete", "update"}


@pytest.mark.usefixtures("active")
def test_what_a_flow_with_access_may_change(ask, etl):
    deployment, run = etl
    for patch in (
        {"spec": {"cancel": True}},
        {"spec": {"tags": ["b"]}},
        {"spec": {"tags": None}},
        {"spec": {"cancel": True, "tags": ["b"]}},
    ):
        assert ask(run, TRIGGER, patch=patch) == "", patch
    for patch in (
        {"spec": {"suspend": True}},
        {"spec": {"cancel": True, "suspend": True}},
        {"spec": {"tags": ["b"], "suspend": True}},
        {"spec": {"ttlSecondsAfterFinished": 0}},
        {"metadata": {"labels": {"a": "b"}}},
        {"metadata": {"annotations": {"a": "b"}}},
        {"metadata": {"finalizers": ["a.example/b"]}},
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}]}},
    ):
        assert "may change nothing of a FlowRun but spec.cancel and spec.tags" in ask(
            run, TRIGGER, patch=patch
        ), patch
        assert ask(run, ALICE, patch=patch) == "", patch
    status = {"status": {"state": "Completed"}}
    assert "cannot get resource" in ask(run, TRIGGER, patch=status, part="status")
    assert "cannot patch resource" in ask(run, READER, patch={"spec": {"tags": ["b"]}})
    assert "cannot patch resource" in ask(deployment, TRIGGER, patch={"spec": {"suspend": True}})


@pytest.mark.usefixtures("active")
def test_the_operator_writes_statuses_and_nobody_else(ask, etl):
    for o in etl:
        patch = {"status": {"observedGeneration": 1}}
        assert ask(o, OPERATOR, patch=patch, part="status") == ""
        for user in (ALICE, CLUSTER_ADMIN, NAMED_LIKE_THE_OPERATOR):
            refusal = ask(o, user, patch=patch, part="status")
            assert "(Forbidden)" in refusal
            assert f"the status is written by the operator ({OPERATOR}) only" in refusal
            assert "kubectl --as=NAME --as-group=system:masters" in refusal
        assert ask(o, CLUSTER_ADMIN, patch=patch, part="status", groups=["system:masters"]) == ""


@pytest.mark.usefixtures("active")
def test_the_operators_own_requests_pass(ask):
    assert ask(_run("etl-1800000000-abcdef", parameters={"a": 1}, scheduleName="daily"), OPERATOR) == ""


def test_the_operator_can_bind_what_runs_may_get_and_nothing_else(kubectl, release):
    del release

    def bind(role):
        options = ("-n", ELSEWHERE, f"--clusterrole={role}", f"--serviceaccount={ELSEWHERE}:x")
        command = ("create", "rolebinding", "x", *options, "--dry-run=server", f"--as={OPERATOR}")
        return kubectl(*command, fails=None)

    for role in api_access.CLUSTER_ROLES.values():
        assert "created" in bind(role)
    for role in ("cluster-admin", "system:aggregate-to-edit", f"millstream:{SYSTEM}:edit"):
        assert "attempting to grant RBAC permissions not currently held" in bind(role)


def test_only_where_the_release_serves(ask, kubectl, release, active):
    """And what came about elsewhere can be put right, but not made worse, where policies come to hold later."""
    large = {"a": "x" * LIMIT}
    schedules = [{"name": "daily", "cron": "@daily", "parameters": large}]
    old = _deployment("old", parameters=large, schedules=schedules, pod=ETL)
    release(f"namespaces={{{TEAM}}}")
    eventually(lambda: ask(old, ALICE, namespace=ELSEWHERE) == "")
    assert ask(old, ALICE)
    kubectl("create", "-n", ELSEWHERE, "-f", "-", stdin=json.dumps(old))
    release("namespaces=null")
    active(ELSEWHERE)

    def change(patch):
        return ask(old, ALICE, patch=patch, namespace=ELSEWHERE)

    assert change({"metadata": {"labels": {"a": "b"}}, "spec": {"suspend": True}}) == ""
    assert change({"spec": {"parameters": None, "schedules": None}}) == ""
    assert TOO_LARGE in change({"spec": {"parameters": {"b": "y"}}})
    assert TOO_LARGE in change({"spec": {"schedules": [{**schedules[0], "parameters": {"b": large}}]}})
    assert TOO_LARGE in change({"spec": {"schedules": [{**schedules[0], "name": "other"}]}})
    assert "may not run flows" in change({"spec": {"image": "other:1"}})


def test_types_are_checked_without_complaint(kubectl, render, release):
    """Kubernetes compares policies with the CRDs, and warns only in their status."""
    del release

    def check(policy):
        kubectl("apply", "-f", "-", stdin=json.dumps(policy))
        name = policy["metadata"]["name"]

        def status():
            read = json.loads(kubectl("get", "validatingadmissionpolicy", name, "-o", "json"))
            current = read.get("status", {})
            return current if current.get("observedGeneration") == read["metadata"]["generation"] else None

        eventually(status)
        return status().get("typeChecking", {}).get("expressionWarnings", [])

    made = [o for o in render() if o["kind"] == "ValidatingAdmissionPolicy"]
    assert len(made) == 4
    for o in made[:-1]:  # of the last, about subresources, Kubernetes checks nothing
        o["metadata"]["name"] += ".unbound"
        broken = deepcopy(o)
        broken["spec"]["validations"].append({"expression": "object.spec.noSuchField == 1"})
        # Until the schema of a new CRD is known, nothing is checked at all.
        attempts = iter(range(1000))

        def complains(policy=broken, attempts=attempts):
            policy["spec"]["validations"][-1]["message"] = f"attempt {next(attempts)}"
            return "undefined field 'noSuchField'" in yaml.safe_dump(check(policy), width=10_000)

        eventually(complains)
        assert check(o) == [], o["metadata"]["name"]
        kubectl("delete", "validatingadmissionpolicy", o["metadata"]["name"])
