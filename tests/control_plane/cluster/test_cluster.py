"""How the SDK speaks to a real API server."""

import json

import pytest
from api_server import custom
from builders import TEMPLATE

from millstream._cluster.connection import Place
from millstream._cluster.following import follow
from millstream._cluster.kinds import CONFIG_MAPS, FLOW_DEPLOYMENTS, FLOW_RUNS, Kind
from millstream.exceptions import (
    ClusterError,
    ClusterForbidden,
    ClusterUnreachable,
    ObjectAlreadyExists,
    ObjectInvalid,
    ObjectNotFound,
    OutdatedObject,
)


@pytest.fixture
def cluster(plane, ns):
    return Place(str(plane.kubeconfig), namespace=ns.name).connect()


def run(name="r", **spec):
    return custom("FlowRun", name, {"deploymentRef": {"name": "etl"}} | spec)


def test_objects_are_created_read_listed_changed_and_deleted(cluster):
    for number in range(3):
        cluster.create(FLOW_RUNS, run(f"r{number}"))
    assert [o["metadata"]["name"] for o in cluster.list(FLOW_RUNS)] == ["r0", "r1", "r2"]
    changed = cluster.patch(FLOW_RUNS, "r1", {"spec": {"tags": ["a"]}})
    assert cluster.get(FLOW_RUNS, "r1") == changed
    assert changed["spec"]["tags"] == ["a"]
    cluster.delete(FLOW_RUNS, "r1", uid=changed["metadata"]["uid"])
    with pytest.raises(ObjectNotFound, match=f"There is no FlowRun r1 in namespace {cluster.namespace}"):
        cluster.get(FLOW_RUNS, "r1")
    assert {"r0", "r2"} <= {o["metadata"]["name"] for o in cluster.list(FLOW_RUNS, everywhere=True)}


def test_long_lists_are_read_page_by_page(cluster, monkeypatch):
    monkeypatch.setattr("millstream._cluster.cluster._PAGE", 2)
    for number in range(5):
        cluster.create(FLOW_RUNS, run(f"r{number}"))
    assert len(list(cluster.list(FLOW_RUNS))) == 5


def test_applying_takes_away_what_is_not_said_any_more_and_leaves_what_others_own(cluster):
    def deployment(**spec):
        return custom("FlowDeployment", "etl", TEMPLATE | spec)

    cluster.apply(FLOW_DEPLOYMENTS, deployment(version="1", description="first"))
    cluster.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"owner": "somebody"}})
    dry = cluster.apply(FLOW_DEPLOYMENTS, deployment(version="2"), dry_run=True)
    assert cluster.get(FLOW_DEPLOYMENTS, "etl")["spec"]["version"] == "1"
    spec = cluster.apply(FLOW_DEPLOYMENTS, deployment(version="2"))["spec"]
    assert spec == dry["spec"]
    assert (spec["version"], spec["owner"], "description" in spec) == ("2", "somebody", False)


def test_refusals_are_exceptions_with_a_sentence(cluster, plane, kubectl, ns):
    cluster.create(FLOW_RUNS, run())
    with pytest.raises(ObjectAlreadyExists, match=f"There is a FlowRun r already in namespace {ns.name}"):
        cluster.create(FLOW_RUNS, run())
    with pytest.raises(ObjectInvalid, match=r"unknown field \"spec.nme\""):
        cluster.create(FLOW_RUNS, run("s", nme=1))
    with pytest.raises(ObjectInvalid, match="must be from 1970 on"):
        cluster.create(FLOW_RUNS, run("s", scheduledTime="1969-01-01T00:00:00Z"))
    for kind, body in ((FLOW_RUNS, run()), (CONFIG_MAPS, {"metadata": {"name": "a"}})):
        with pytest.raises(ObjectNotFound, match="There is no namespace typo in the cluster"):
            cluster.create(kind, body, namespace="typo")
    with pytest.raises(OutdatedObject):
        cluster.patch(FLOW_RUNS, "r", {"metadata": {"resourceVersion": "1"}, "spec": {"tags": ["a"]}})
    with pytest.raises(
        ClusterError, match="has no FlowRuns: Millstream is not installed in it, or in another"
    ):
        list(cluster.list(Kind("millstream.dev", "v9", "flowruns")))
    kubectl("create", "serviceaccount", "nobody", "--namespace", ns.name)
    config = json.loads(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": kubectl("create", "token", "nobody", "-n", ns.name).strip()}
    path = plane.directory / f"{ns.name}.kubeconfig"
    path.write_text(json.dumps(config))
    nobody = Place(str(path), namespace=ns.name).connect()
    with pytest.raises(
        ClusterForbidden, match=f"You may not list flowruns.millstream.dev in namespace {ns.name}"
    ):
        list(nobody.list(FLOW_RUNS))
    assert not nobody.allows("create", FLOW_RUNS)
    assert cluster.allows("create", FLOW_RUNS)


def test_a_token_that_is_not_known_is_told(plane, tmp_path):
    config = json.loads(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "wrong"}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    with pytest.raises(ClusterForbidden, match="does not know you"):
        list(Place(str(path)).connect().list(FLOW_RUNS))


def test_no_cluster_is_told(tmp_path, plane, monkeypatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ClusterUnreachable, match=r"No cluster is configured: .*Set KUBECONFIG"):
        Place().connect()
    with pytest.raises(ClusterUnreachable, match=r"No cluster is configured: .*absent"):
        Place(str(plane.kubeconfig), "absent").connect()
    config = json.loads(plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    with pytest.raises(ClusterUnreachable, match=r"https://127.0.0.1:1 does not answer: .*refused"):
        list(Place(str(path)).connect().list(FLOW_RUNS))


def test_an_object_is_followed_until_it_is_deleted(cluster):
    cluster.create(FLOW_RUNS, run())
    seen = []
    for version in follow(cluster, FLOW_RUNS, "r"):
        seen.append(version["spec"].get("tags"))
        if len(seen) <= 2:
            cluster.patch(FLOW_RUNS, "r", {"spec": {"tags": [str(len(seen))]}})
        else:
            cluster.delete(FLOW_RUNS, "r")
    assert seen == [None, ["1"], ["2"]]


def test_what_the_api_server_has_forgotten_is_read_anew(cluster, monkeypatch):
    """A watch that begins too far back, as after etcd's compaction."""
    cluster.create(FLOW_RUNS, run())
    watch = cluster.watch
    since = []

    def watched(kind, **options):
        since.append(options["since"])
        if len(since) == 1:
            cluster.patch(FLOW_RUNS, "r", {"spec": {"tags": ["later"]}})
            options["since"] = "1"
        return watch(kind, **options)

    monkeypatch.setattr(cluster, "watch", watched)
    versions = follow(cluster, FLOW_RUNS, "r")
    assert "tags" not in next(versions)["spec"]
    assert next(versions)["spec"]["tags"] == ["later"]


def test_an_object_that_has_not_changed_for_long_is_watched_from_now_on(cluster):
    """Its own version is one that the API server may have forgotten."""
    cluster.create(FLOW_RUNS, run())
    cluster.create(FLOW_RUNS, run("other"))
    found, since = cluster.look(FLOW_RUNS, "r")
    assert int(since) > int(found["metadata"]["resourceVersion"])
    cluster.patch(FLOW_RUNS, "r", {"spec": {"tags": ["a"]}})
    event = next(cluster.watch(FLOW_RUNS, since=since, name="r"))
    assert (event["type"], event["object"]["spec"]["tags"]) == ("MODIFIED", ["a"])
    with pytest.raises(ObjectNotFound, match=f"There is no FlowRun gone in namespace {cluster.namespace}"):
        cluster.look(FLOW_RUNS, "gone")


def test_following_ends_in_time(cluster):
    cluster.create(FLOW_RUNS, run())
    assert len(list(follow(cluster, FLOW_RUNS, "r", seconds=1))) == 1
