"""What clients do in a cluster besides what they do in the history; and what can go wrong there."""

import json
from datetime import UTC, datetime

import pytest
from patience import eventually

from millstream.client import get_client
from millstream.client._cluster_deployments import ClusterDeployments
from millstream.client.schemas import filters
from millstream.client.schemas.sorting import DeploymentSort
from millstream.exceptions import (
    ClusterError,
    ClusterForbidden,
    ClusterUnreachable,
    MissingResult,
    ObjectAlreadyExists,
    ObjectNotFound,
    ParameterTypeError,
    UnsupportedError,
)
from millstream.results import ResultStore
from millstream.settings import temporary_settings
from millstream.states import Cancelled, Cancelling, Completed, Running, Scheduled
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, Kind

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("settings")]

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
NOTHING = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def deployments(ns):
    daily = {"name": "daily", "cron": "@daily"}
    ns.deploy(
        "etl", tags=["b", "a"], parameters={"n": 1}, parameterSchema=SCHEMA, schedules=[daily], version="2"
    )
    ns.deploy("report", entrypoint="report.py:sales_report", description="Sales", concurrency={"limit": 3})


@pytest.mark.usefixtures("deployments")
class TestDeployments:
    def test_what_is_told(self, reader):
        etl, report = reader.read_deployments()
        assert (etl.name, etl.flow_name, etl.version, etl.tags) == ("etl", "etl", "2", ["a", "b"])
        assert (etl.parameters, etl.parameter_openapi_schema) == ({"n": 1}, SCHEMA)
        assert [schedule["name"] for schedule in etl.schedules] == ["daily"]
        assert (report.description, report.concurrency_limit, report.entrypoint) == (
            "Sales",
            3,
            "report.py:sales_report",
        )
        assert (report.paused, report.created <= report.updated) == (False, True)

    def test_filters_orders_and_pages(self, reader, ns):
        def read(**options):
            return [one.name for one in reader.read_deployments(**options)]

        def of(**fields):
            return read(deployment_filter=filters.DeploymentFilter(**fields))

        etl = reader.read_deployment_by_name("etl")
        assert of(name={"like_": "E%L"}) == ["etl"]
        assert of(id={"not_any_": [etl.id]}) == ["report"]
        assert of(tags={"all_": ["a"]}) == of(tags={"is_null_": False}) == ["etl"]
        assert of(operator="or_", tags={"any_": ["a"]}, name={"any_": ["report"]}) == ["etl", "report"]
        assert read(flow_filter=filters.FlowFilter(name={"any_": ["sales_report"]})) == ["report"]
        assert read(sort=DeploymentSort.NAME_DESC, limit=1) == ["report"]
        assert read(offset=1) == ["report"]
        ns.run("etl-1")
        assert read(flow_run_filter=filters.FlowRunFilter(name={"any_": ["etl-1"]})) == ["etl"]
        tagged = filters.DeploymentFilter(tags={"any_": ["a"]}, id={"any_": [etl.id]})
        assert [run.name for run in reader.read_flow_runs(deployment_filter=tagged)] == ["etl-1"]

    def test_by_time(self, reader):
        def change(name):
            one, *others = sorted(reader.read_deployments(), key=lambda one: one.name != name)
            reader.resume_deployment(one.id) if one.paused else reader.pause_deployment(one.id)
            return all(reader.read_deployment(one.id).updated > other.updated for other in others)

        for last, other in (("etl", "report"), ("report", "etl")):
            eventually(lambda: change(last))  # noqa: B023 - called at once; the API server tells whole seconds
            assert [one.name for one in reader.read_deployments(sort="UPDATED_DESC")] == [last, other]
        by_age = sorted(reader.read_deployments(), key=lambda one: (one.created, one.id), reverse=True)
        assert reader.read_deployments(sort="CREATED_DESC") == by_age

    def test_one(self, reader):
        etl = reader.read_deployment_by_name("etl")
        assert reader.read_deployment(etl.id) == etl == reader.read_deployment_by_name("etl/etl")
        assert reader.read_deployment_by_name("sales-report/report").name == "report"  # as Prefect writes it
        with pytest.raises(ObjectNotFound, match=r"of a flow 'other': it is of 'etl' \(flows.py:etl\)"):
            reader.read_deployment_by_name("other/etl")
        for ask in (reader.read_deployment, reader.pause_deployment, reader.create_flow_run_from_deployment):
            with pytest.raises(ObjectNotFound, match=f"There is no deployment {NOTHING} in the cluster"):
                ask(NOTHING)

    def test_schedules_rest_and_go_on(self, reader):
        etl = reader.read_deployment_by_name("etl")
        reader.pause_deployment(etl.id)
        assert reader.read_deployment(etl.id).paused
        reader.resume_deployment(etl.id)
        assert not reader.read_deployment(etl.id).paused

    def test_one_that_is_replaced_meanwhile_is_another_one(self, reader, ns, monkeypatch):
        old = ns.get(FLOW_DEPLOYMENTS, "etl")
        ns.delete(FLOW_DEPLOYMENTS, "etl")
        monkeypatch.setattr(ClusterDeployments, "_named", lambda *_: old)
        for again in (lambda: None, lambda: ns.deploy("etl")):
            again()
            for ask in (reader.pause_deployment, reader.resume_deployment):
                with pytest.raises(ObjectNotFound, match=f"There is no deployment {old['metadata']['uid']}"):
                    ask(old["metadata"]["uid"])

    def test_runs_of_it(self, reader, ns):
        etl = reader.read_deployment_by_name("etl")
        due = datetime(2030, 1, 1, tzinfo=UTC)
        run = reader.create_flow_run_from_deployment(
            etl.id,
            parameters={"n": 2, "day": due.date()},
            name="mine",
            tags={"x"},
            state=Scheduled(scheduled_time=due),
        )
        assert (run.name, run.expected_start_time, run.state.scheduled_time) == ("mine", due, due)
        assert (run.tags, run.parameters) == (["a", "b", "x"], {"n": 2, "day": "2030-01-01"})
        assert reader.read_flow_run(run.id) == run
        with pytest.raises(ObjectAlreadyExists, match="There is a FlowRun mine already"):
            reader.create_flow_run_from_deployment(etl.id, name="mine")
        with pytest.raises(ParameterTypeError, match="do not fit etl"):
            reader.create_flow_run_from_deployment(etl.id, parameters={"n": "two"})
        with pytest.raises(UnsupportedError, match="cannot begin as Running"):
            reader.create_flow_run_from_deployment(etl.id, state=Running())
        first, second = (
            reader.create_flow_run_from_deployment(etl.id, idempotency_key="k") for _ in range(2)
        )
        assert first.id == second.id
        assert len(ns.items(FLOW_RUNS)) == 2

    async def test_awaited(self):
        async with get_client() as client:
            etl = await client.read_deployment_by_name("etl")
            assert await client.read_deployment(etl.id) == etl
            await client.pause_deployment(etl.id)
            assert [one.paused for one in await client.read_deployments()] == [True, False]
            await client.resume_deployment(etl.id)
            run = await client.create_flow_run_from_deployment(etl.id, tags=["x"])
            await client.set_flow_run_state(run.id, Cancelling())
            with pytest.raises(UnsupportedError):
                await client.set_flow_run_state(run.id, Completed())


def test_the_states_of_a_run_that_was_tried_again(reader, ns):
    ns.deploy()
    ns.run()
    attempts = [
        {
            "number": 1,
            "job": "etl-1-1",
            "creationTime": "2030-01-01T00:00:00Z",
            "startTime": "2030-01-01T00:00:01Z",
        },
        {
            "number": 2,
            "job": "etl-1-2",
            "creationTime": "2030-01-01T00:01:00Z",
            "startTime": "2030-01-01T00:01:01Z",
        },
        {"number": 3, "job": "etl-1-3", "creationTime": "2030-01-01T00:02:00Z"},
    ]
    attempts[0] |= {
        "completionTime": "2030-01-01T00:00:09Z",
        "reason": "FlowFailed",
        "message": "ValueError: no",
    }
    attempts[1] |= {"completionTime": "2030-01-01T00:01:09Z", "reason": "Suspended"}
    status = {"state": "Pending", "reason": "WaitingForPod", "attempt": 3, "attempts": attempts}
    ns.patch(FLOW_RUNS, "etl-1", {"status": status}, "status")
    (run,) = reader.read_flow_runs()
    told = [
        (state.name, state.message, state.timestamp.strftime("%M:%S"))
        for state in reader.read_flow_run_states(run.id)
    ]
    assert told[1:] == [
        ("Pending", None, "00:00"),
        ("Running", None, "00:01"),
        ("AwaitingRetry", "ValueError: no", "00:09"),
        ("Pending", None, "01:00"),
        ("Running", None, "01:01"),
        ("Suspended", "Suspended", "01:09"),
        ("Pending", "WaitingForPod", "02:00"),
    ]
    assert told[0][0] == "Scheduled"
    assert (run.run_count, run.state.timestamp.year) == (3, 2030)


def test_results_that_are_not_in_the_run_itself(reader, ns, tmp_path):
    ns.deploy()
    names = ["none", "small", "not-kept", "stored"]
    for name in names:
        ns.run(name)
    uid = ns.get(FLOW_RUNS, "stored")["metadata"]["uid"]
    ResultStore(tmp_path / "results").write(uid, {"rows": 3})
    for name, status in zip(
        names,
        (
            {},
            {"result": [1]},
            {"message": "The return value is not kept: it is too large."},
            {"resultStorage": (tmp_path / "results").as_uri()},
        ),
        strict=True,
    ):
        ns.patch(FLOW_RUNS, name, {"status": {"state": "Completed", **status}}, "status")
    states = {run.name: run.state for run in reader.read_flow_runs()}
    assert states["none"].result() is None
    assert states["small"].result() == states["small"].data == [1]
    with temporary_settings(
        {"MILLSTREAM_RESULTS_STORAGE": tmp_path / "results"}
    ):  # as pods of the same spec.storage
        assert states["stored"].result() == {"rows": 3}
    with pytest.raises(MissingResult, match=r"the folder .* of its pod"):
        states["stored"].result()
    with pytest.raises(MissingResult, match="not-kept has completed, and has no result"):
        states["not-kept"].result()
    with pytest.raises(TypeError, match="no option fetch"):
        states["none"].result(fetch=True)


def test_a_run_whose_deployment_is_gone_and_one_that_has_none(reader, ns):
    ns.deploy(tags=["a"])
    ns.run("of-etl", tags=["b"])
    ns.run("one-off", template={"entrypoint": "flows.py:other", "tags": ["c"], "parameters": {"n": 1}})
    ns.delete(FLOW_DEPLOYMENTS, "etl")
    of_etl, one_off = reader.read_flow_runs(sort="NAME_ASC")
    assert (of_etl.flow_name, of_etl.deployment_name, of_etl.tags) == ("etl", "etl", ["b"])
    assert (one_off.flow_name, one_off.deployment_name, one_off.tags) == ("other", None, ["c"])
    assert one_off.parameters == {"n": 1}
    for name, wanted in ({"any_": ["etl"]}, ["of-etl"]), ({"any_": ["x"]}, []):
        chosen = filters.DeploymentFilter(name=name)
        assert [run.name for run in reader.read_flow_runs(deployment_filter=chosen)] == wanted


def test_a_run_whose_deployment_has_changed_has_what_that_says_now(reader, ns):
    ns.deploy(tags=["a"], version="1", parameters={"n": 1})
    ns.run(tags=["b"])
    change = {"entrypoint": "flows.py:load", "tags": ["c"], "version": "2", "parameters": {"n": 2}}
    ns.patch(FLOW_DEPLOYMENTS, "etl", {"spec": change})
    (run,) = reader.read_flow_runs(flow_run_filter=filters.FlowRunFilter(flow_version={"any_": ["2"]}))
    assert (run.flow_name, run.tags, run.parameters) == ("load", ["b", "c"], {"n": 2})


def test_only_cancelling_can_be_asked_for(reader, ns):
    ns.deploy()
    ns.run()
    (run,) = reader.read_flow_runs()
    for state, force in ((Completed(), False), (Running(), False), (Cancelled(), True)):
        with pytest.raises(UnsupportedError, match="set_flow_run_state takes Cancelling"):
            reader.set_flow_run_state(run.id, state, force=force)
    assert "cancel" not in {k for k, v in ns.get(FLOW_RUNS, "etl-1")["spec"].items() if v}
    reader.set_flow_run_state(run.id, Cancelled())
    assert ns.get(FLOW_RUNS, "etl-1")["spec"]["cancel"] is True
    ns.patch(FLOW_RUNS, "etl-1", {"status": {"state": "Cancelled"}}, "status")
    with pytest.raises(
        UnsupportedError, match="The flow run etl-1 cannot be cancelled: it is Cancelled already"
    ):
        reader.set_flow_run_state(run.id, Cancelling())
    with pytest.raises(ObjectNotFound, match=NOTHING):
        reader.set_flow_run_state(NOTHING, Cancelling())


def test_what_a_cluster_does_not_keep(reader, ns):
    ns.deploy()
    ns.run()
    (run,) = reader.read_flow_runs()
    of_task = filters.TaskRunFilter(name={"like_": "x"})
    for ask in (
        reader.read_task_runs,
        lambda: reader.read_task_run(NOTHING),
        lambda: reader.read_task_run_states(NOTHING),
        lambda: reader.read_flow_runs(task_run_filter=of_task),
        lambda: reader.read_flows(task_run_filter=of_task),
        lambda: reader.read_deployments(task_run_filter=of_task),
    ):
        with pytest.raises(UnsupportedError, match="does not keep the task runs"):
            ask()
    with pytest.raises(UnsupportedError, match="keeps no artifacts"):
        reader.read_artifacts()
    with pytest.raises(UnsupportedError, match="cannot be given another name"):
        reader.update_flow_run(run.id, name="other")


def test_what_the_history_has_not(home_client):
    for ask in (
        home_client.read_deployments,
        lambda: home_client.read_deployment_by_name("etl"),
        lambda: home_client.create_flow_run_from_deployment(NOTHING),
        lambda: home_client.pause_deployment(NOTHING),
    ):
        with pytest.raises(
            UnsupportedError, match='Set MILLSTREAM_API=cluster, or use get_client\\(api="cluster"\\)'
        ):
            ask()
    with pytest.raises(UnsupportedError, match="of the history of this machine, which only remembers"):
        home_client.set_flow_run_state(NOTHING, Cancelling())


@pytest.fixture
def home_client():
    return get_client(sync_client=True, api="local")


def test_another_run_of_the_same_name_is_another_run(reader, ns):
    ns.deploy()
    ns.run()
    (old,) = reader.read_flow_runs()
    ns.delete(FLOW_RUNS, "etl-1")
    ns.run()
    for ask in (
        lambda: reader.read_flow_run(old.id),
        lambda: reader.read_flow_run_states(old.id),
        lambda: reader.update_flow_run(old.id, tags=["x"]),
        lambda: reader.set_flow_run_state(old.id, Cancelling()),
        lambda: reader.delete_flow_run(old.id),
    ):
        with pytest.raises(ObjectNotFound, match=old.id):
            ask()
    assert len(reader.read_flow_runs()) == 1


class TestWhereItIs:
    def test_a_namespace_that_is_given(self, make_namespace, reader):
        other = make_namespace()
        other.deploy()
        assert reader.read_deployments() == []
        found = get_client(sync_client=True, namespace=other.name).read_deployments()
        assert [one.name for one in found] == ["etl"]
        with temporary_settings({"MILLSTREAM_CLUSTER_NAMESPACE": other.name}):
            assert len(get_client(sync_client=True).read_deployments()) == 1

    def test_a_context(self, plane, tmp_path, monkeypatch, ns):
        config = json.loads(plane.kubeconfig.read_text())
        (here,), (cluster,) = config["contexts"], config["clusters"]
        away = {"name": "away", "cluster": cluster["cluster"] | {"server": "https://127.0.0.1:1"}}
        config["clusters"].append(away)
        config["contexts"] = [
            {"name": "there", "context": here["context"] | {"namespace": ns.name}},
            {"name": "nowhere", "context": here["context"] | {"cluster": "away"}},
        ]
        config["current-context"] = "nowhere"
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        ns.deploy()
        with temporary_settings(restore_defaults=["MILLSTREAM_CLUSTER_NAMESPACE"]):
            assert len(get_client(sync_client=True, context="there").read_deployments()) == 1
            with temporary_settings({"MILLSTREAM_CLUSTER_CONTEXT": "there"}):
                assert len(get_client(sync_client=True).read_deployments()) == 1
        with pytest.raises(ClusterUnreachable, match=r"https://127.0.0.1:1 does not answer"):
            get_client(sync_client=True).read_deployments()

    @pytest.mark.parametrize("options", [{"api": "prefect"}, {"api": "local", "namespace": "a"}])
    def test_what_cannot_be(self, options):
        with pytest.raises(ValueError, match=r'"local" or "cluster"|give api="cluster"'):
            get_client(**options)


class TestTrouble:
    def test_no_cluster(self, tmp_path, monkeypatch):
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
        with pytest.raises(ClusterUnreachable, match="No cluster is configured"):
            get_client(sync_client=True).read_flow_runs()

    def test_a_pod_without_access(self, monkeypatch):
        monkeypatch.delenv("KUBECONFIG")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
        with pytest.raises(
            ClusterForbidden, match=r"set spec.apiAccess of its FlowDeployment to Read or Trigger"
        ):
            get_client(sync_client=True).read_flow_runs()

    def test_an_api_server_that_is_away(self, plane, tmp_path, monkeypatch):
        config = json.loads(plane.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        with pytest.raises(ClusterUnreachable, match=r"https://127.0.0.1:1 does not answer"):
            get_client(sync_client=True).read_flow_runs()

    def test_no_rights(self, plane, kubectl, ns, tmp_path, monkeypatch, reader):
        ns.deploy()
        ns.run()
        (run,) = reader.read_flow_runs()
        kubectl("create", "serviceaccount", "reader", "-n", ns.name)
        token = kubectl("create", "token", "reader", "-n", ns.name).strip()
        config = json.loads(plane.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        client = get_client(sync_client=True)
        with pytest.raises(ClusterForbidden, match=r"You may not list flowdeployments.millstream.dev"):
            client.read_flow_runs()
        rule = "--verb=get,list", "--resource=flowruns.millstream.dev,flowdeployments.millstream.dev"
        kubectl("create", "role", "read", *rule, "-n", ns.name)
        kubectl(
            "create",
            "rolebinding",
            "read",
            "--role=read",
            f"--serviceaccount={ns.name}:reader",
            "-n",
            ns.name,
        )
        assert client.read_flow_run(run.id).id == run.id
        for verb, ask in (
            ("patch", lambda: client.update_flow_run(run.id, tags=[])),
            ("delete", lambda: client.delete_flow_run(run.id)),
            ("create", lambda: client.create_flow_run_from_deployment(client.read_deployments()[0].id)),
        ):
            with pytest.raises(
                ClusterForbidden, match=f"You may not {verb} flowruns.millstream.dev in namespace {ns.name}"
            ):
                ask()

    def test_crds_that_are_not_there(self, reader, monkeypatch):
        absent = Kind("millstream.dev", "v9", "flowdeployments")
        monkeypatch.setattr("millstream.client._cluster_runs.FLOW_DEPLOYMENTS", absent)
        with pytest.raises(ClusterError, match="has no FlowDeployments: Millstream is not installed in it"):
            reader.read_flow_runs()
