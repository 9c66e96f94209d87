"""What lasts: an API server that is away, objects that nothing can be done with, a namespace that goes, a quota of nothing."""

import random
import time

import pytest
from api_server import COMPLETED, FAILED, RefusedError, custom
from lives import Kubelet
from mortal_operator import Operator, kept_alive
from patience import eventually

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, REVISIONS, Kind

pytestmark = pytest.mark.chaos

AWAY_SECONDS = 10
CRDS = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions")
QUOTAS = Kind("", "v1", "resourcequotas")


@pytest.fixture
def operator(forker, kubeconfig, tmp_path):
    """The operator of all namespaces, behind the proxy."""
    with kept_alive(Operator(forker, kubeconfig, [], tmp_path / "log")) as running:
        eventually(lambda: "Serving all namespaces" in running.log)
        yield running
    assert "unexpected error" not in running.log


def go_on(kubelet, until, seconds=60):
    """Let everybody work until something is so."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it does not end"
        kubelet.look()
        time.sleep(0.02)


def live_and_end(ns, watch):
    """Let all lives be lived in a namespace."""
    history = watch(ns)
    kubelet = Kubelet(ns, random.Random(1))
    kubelet.begin()
    go_on(kubelet, kubelet.is_over)
    kubelet.check(history)


def calls_of(proxy, ns):
    return [call for call in proxy.calls if f"/namespaces/{ns.name}/" in call.path + "/"]


@pytest.mark.parametrize("away", ["refuse_connections", "answer_nothing"])
@pytest.mark.parametrize("looks", [1, 30])
def test_an_absence_costs_nothing_but_time(ns, proxy, operator, watch, away, looks):
    history = watch(ns)
    kubelet = Kubelet(ns, random.Random(looks))
    kubelet.begin()
    for _ in range(looks):
        kubelet.look()
    getattr(proxy, away)()
    before, begin = len(calls_of(proxy, ns)), time.monotonic()
    go_on(kubelet, lambda: time.monotonic() > begin + AWAY_SECONDS)
    tried = len(calls_of(proxy, ns)) - before
    proxy.heal()
    go_on(kubelet, kubelet.is_over)
    kubelet.check(history)
    # Waits double from 0.1 s to 6 s: a dozen tries for each of fifty keys.
    assert tried < 50 * 12
    assert operator.starts == 1, operator.log


UNREADABLE = [
    (FLOW_RUNS, "FlowRun", {"deploymentRef": {"name": "etl"}, "tags": {"no": "list"}}),
    (FLOW_DEPLOYMENTS, "FlowDeployment", {"entrypoint": "flows.py:etl", "image": {"no": "name"}}),
]


def test_what_cannot_be_read_is_left_alone(ns, make_namespace, client, proxy, operator, watch):
    """Resources that were stored under another schema."""
    for kind, name, spec in UNREADABLE:
        store_unreadable(client, ns, kind, custom(name, "poison", spec))
    ns.run("of-poison", deploymentRef={"name": "poison"})
    ns.becomes(RunState.FAILED, Reason.DEPLOYMENT_NOT_READY, name="of-poison")
    live_and_end(make_namespace(), watch)
    calls = [call for call in calls_of(proxy, ns) if call.path.partition("/poison")[1]]
    assert not [call for call in calls if call.writes]
    # A run that is seen before its deployment asks for it, once.
    assert len(calls) <= 1
    assert operator.starts == 1


LOOSE = {
    "type": "object",
    "x-kubernetes-preserve-unknown-fields": True,
    # Runs can be selected by it.
    "properties": {"deploymentRef": {"type": "object", "properties": {"name": {"type": "string"}}}},
}


def store_unreadable(client, ns, kind, o):
    name = f"{kind.plural}.{kind.group}"
    (version,) = client.call("GET", CRDS.path(name=name))["spec"]["versions"]
    strict = version["schema"]["openAPIV3Schema"]
    put_schema(client, name, strict | {"properties": strict["properties"] | {"spec": LOOSE}})
    eventually(lambda: accepts(client, ns, kind, o))
    put_schema(client, name, strict)
    o["metadata"]["name"] = "another"
    eventually(lambda: not accepts(client, ns, kind, o, "?dryRun=All"))


def put_schema(client, name, schema):
    change = [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": schema}]
    client.call("PATCH", CRDS.path(name=name), change, form="application/json-patch+json")


def accepts(client, ns, kind, o, query=""):
    try:
        client.call("POST", kind.path(ns.name), o, query)
    except RefusedError:
        return False
    return True


@pytest.mark.usefixtures("operator")
def test_a_revision_that_somebody_put_there_ends_its_run_only(ns, make_namespace, watch):
    ns.deploy(retryPolicy={"failures": 1, "backoff": {"seconds": 0}})
    ns.run()
    pod = ns.pod()
    ns.start(pod)
    ns.becomes(RunState.RUNNING)
    (revision,) = ns.items(REVISIONS)
    meta = {key: revision["metadata"][key] for key in ("name", "labels")}
    ns.delete(REVISIONS, meta["name"])
    ns.create(REVISIONS, {"metadata": meta, "revision": 1, "data": {"image": {"no": "name"}}})
    ns.finish(pod, *FAILED)
    live_and_end(make_namespace(), watch)
    assert ns.becomes(RunState.FAILED)["attempt"] == 1


def test_a_namespace_that_is_deleted_goes(make_namespace, client, proxy, operator, watch):
    gone = make_namespace()
    kubelet = Kubelet(gone, random.Random(1))
    kubelet.begin()
    for _ in range(20):
        kubelet.look()
    client.call("DELETE", f"/api/v1/namespaces/{gone.name}")
    # Kubernetes itself looks again at what is left in a namespace after ever longer waits.
    go_on(kubelet, lambda: is_gone(client, gone), seconds=200)
    live_and_end(make_namespace(), watch)
    before = len(calls_of(proxy, gone))
    live_and_end(make_namespace(), watch)
    assert len(calls_of(proxy, gone)) == before
    assert operator.starts == 1


def is_gone(client, ns):
    try:
        client.call("GET", f"/api/v1/namespaces/{ns.name}")
    except RefusedError as error:
        return error.code == 404
    return False


@pytest.mark.parametrize("what", ["count/jobs.batch", "pods"])
@pytest.mark.usefixtures("operator")
def test_a_quota_of_nothing_costs_little(ns, make_namespace, proxy, watch, what):
    ns.create(QUOTAS, {"metadata": {"name": "none"}, "spec": {"hard": {what: "0"}}})
    # There is no quota controller here.
    ns.patch(QUOTAS, "none", {"status": {"hard": {what: "0"}, "used": {what: "0"}}}, "status")
    ns.deploy()
    runs = [f"etl-{number}" for number in range(5)]
    begin = time.monotonic()
    for name in runs:
        ns.run(name)
    for name in runs:
        ns.becomes(RunState.PENDING, Reason.POD_CREATION_FAILED, name=name)
    live_and_end(make_namespace(), watch)
    seconds = time.monotonic() - begin
    assert len(calls_of(proxy, ns)) < len(runs) * (10 + 2 * seconds)
    ns.delete(QUOTAS, "none")
    for name in runs:
        eventually(lambda name=name: ns.play(name, COMPLETED))
