"""The same programs get the same answers of the history of this machine and of a cluster."""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from millstream._engine import recording
from millstream._history.rows import FlowRunRow
from millstream.client import get_client
from millstream.client._custom_resources import STATES
from millstream.client.schemas import filters, sorting
from millstream.exceptions import ObjectNotFound
from millstream.resources.states import RunState
from millstream.settings import temporary_settings
from millstream_operator.kinds import FLOW_RUNS

pytestmark = pytest.mark.control_plane


def utc(seconds):
    return datetime.fromtimestamp(1_767_225_600 + seconds, UTC)


class Told(NamedTuple):
    """A run, as both are told of it; times in seconds."""

    name: str
    deployment: str
    state: RunState
    due: int
    start: int | None = None
    end: int | None = None
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}  # noqa: RUF012 - never changed
    attempts: int = 1
    tasks: dict[str, int] = {}  # noqa: RUF012


DEPLOYMENTS = {
    "nightly": {
        "entrypoint": "flows.py:etl",
        "version": "1",
        "tags": ["nightly"],
        "parameters": {"day": 1, "n": 0},
    },
    "weekly": {"entrypoint": "flows.py:report"},
}
TOLD = [
    Told(
        "etl-0", "nightly", RunState.COMPLETED, 0, 0, 10, ("n:0",), {"n": 5}, 2, {"Completed": 3, "Cached": 1}
    ),
    Told("etl-1", "nightly", RunState.COMPLETED, 60, 61, 70, ("n:1",)),
    Told("etl-2", "nightly", RunState.FAILED, 60, 120, 130, ("n:2",)),
    Told("etl-3", "nightly", RunState.TIMED_OUT, 180, 180, 300),
    Told("etl-4", "nightly", RunState.RUNNING, 200, 200),
    Told("etl-5", "nightly", RunState.QUEUED, 200, attempts=0),
    Told("report-6", "weekly", RunState.SCHEDULED, 100_000, attempts=0),
    Told("report-7", "weekly", RunState.CANCELLED, 240, None, 250, ("Ärger",), attempts=0),
    Told("report-8", "weekly", RunState.CRASHED, 260, 261, 270, ("n:1",)),
    Told("report-9", "weekly", RunState.AWAITING_RETRY, 280, 281),
]


def remember(home):
    recorder = recording.recorder()
    for one in TOLD:
        deployment = DEPLOYMENTS[one.deployment]
        kind, name = STATES[one.state]
        recorder.add(
            FlowRunRow(
                str(uuid4()),
                one.name,
                deployment["entrypoint"].partition(":")[2],
                deployment.get("version"),
                one.deployment,
                frozenset({*deployment.get("tags", ()), *one.tags}),
                json.dumps(deployment.get("parameters", {}) | one.parameters),
                None,
                None,
                kind,
                name,
                None,
                None,
                utc(one.due).timestamp(),
                None if one.start is None else utc(one.start).timestamp(),
                None if one.end is None else utc(one.end).timestamp(),
                one.attempts,
                one.tasks,
                utc(one.due).timestamp(),
            )
        )
    del home


def store(ns):
    for name, spec in DEPLOYMENTS.items():
        ns.deploy(name, **spec)
    for one in TOLD:
        optional = {"tags": list(one.tags), "parameters": one.parameters}
        spec = {"deploymentRef": {"name": one.deployment}, "scheduledTime": utc(one.due).isoformat()}
        ns.run(one.name, **spec, **{name: value for name, value in optional.items() if value})
        status = {
            "state": None if one.state is RunState.SCHEDULED else one.state,
            "startTime": None if one.start is None else utc(one.start).isoformat(),
            "completionTime": None if one.end is None else utc(one.end).isoformat(),
            "attempt": one.attempts,
            "tasks": one.tasks,
        }
        ns.patch(
            FLOW_RUNS, one.name, {"status": {k: v for k, v in status.items() if v is not None}}, "status"
        )


@pytest.fixture(scope="module", params=["local", "cluster"])
def history(request, plane, make_namespace, tmp_path_factory):
    """A client of the one or the other, which both know the same runs."""
    home = tmp_path_factory.mktemp("home")
    with temporary_settings({"MILLSTREAM_HOME": home, "MILLSTREAM_HISTORY_ENABLED": True}):
        if request.param == "local":
            remember(home)
            yield get_client(sync_client=True)
            return
        ns = make_namespace()
        store(ns)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBECONFIG", str(plane.kubeconfig))
            yield get_client(sync_client=True, api="cluster", namespace=ns.name)


def found(history, sort="NAME_ASC", deployment=None, **fields):
    chosen = filters.FlowRunFilter(**fields)
    runs = history.read_flow_runs(flow_run_filter=chosen, deployment_filter=deployment, sort=sort)
    return [run.name for run in runs]


ALL = [one.name for one in TOLD]
ETL, REPORTS = ALL[:6], ALL[6:]


def test_runs_are_told_alike(history):
    for one, run in zip(TOLD, history.read_flow_runs(sort="NAME_ASC"), strict=True):
        deployment = DEPLOYMENTS[one.deployment]
        assert run.name == one.name
        assert (run.state_type, run.state_name) == STATES[one.state]
        assert run.tags == sorted({*deployment.get("tags", ()), *one.tags})
        assert run.parameters == deployment.get("parameters", {}) | one.parameters
        assert (run.flow_name, run.deployment_name) == (
            deployment["entrypoint"].partition(":")[2],
            one.deployment,
        )
        assert run.flow_version == deployment.get("version")
        assert run.expected_start_time == utc(one.due)
        assert run.start_time == (None if one.start is None else utc(one.start))
        assert run.end_time == (None if one.end is None else utc(one.end))
        assert (run.run_count, run.task_counts) == (one.attempts, one.tasks)
        assert run.parent_flow_run_id is run.parent_task_run_id is None
        assert history.read_flow_run(run.id) == run


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, ALL),
        ({"operator": "or_"}, ALL),
        ({"name": {"like_": "ETL"}}, ETL),
        ({"name": {"like_": "%r_p%9"}}, ["report-9"]),
        ({"name": {"like_": "e.l"}}, []),
        ({"name": {"like_": ""}}, ALL),
        ({"name": {"any_": ["etl-1", "report-9", "no"]}}, ["etl-1", "report-9"]),
        ({"name": {"any_": ["etl-1"]}}, ["etl-1"]),
        ({"name": {"any_": ["no,such=one\\"]}}, []),
        ({"name": {"any_": []}}, []),
        ({"name": {"any_": ["etl-1"], "like_": "report"}}, []),
        ({"id": {"any_": ["no"]}}, []),
        ({"id": {"not_any_": ["no"]}}, ALL),
        ({"id": {"is_null_": True}}, []),
        ({"tags": {"all_": ["nightly", "n:1"]}}, ["etl-1"]),
        ({"tags": {"all_": []}}, ALL),
        ({"tags": {"any_": ["n:0", "n:1"]}}, ["etl-0", "etl-1", "report-8"]),
        ({"tags": {"any_": []}}, []),
        ({"tags": {"any_": ["ärger"]}}, []),
        ({"tags": {"is_null_": True}}, ["report-6", "report-9"]),
        ({"tags": {"is_null_": False, "any_": ["Ärger"]}}, ["report-7"]),
        ({"state": {"type": {"any_": ["COMPLETED"]}}}, ["etl-0", "etl-1"]),
        ({"state": {"type": {"any_": ["FAILED"]}}}, ["etl-2", "etl-3"]),
        ({"state": {"type": {"any_": ["SCHEDULED"]}}}, ["etl-5", "report-6", "report-9"]),
        ({"state": {"type": {"any_": []}}}, []),
        (
            {"state": {"type": {"not_any_": ["SCHEDULED", "FAILED"]}}},
            ["etl-0", "etl-1", "etl-4", "report-7", "report-8"],
        ),
        ({"state": {"name": {"any_": ["Scheduled"]}}}, ["report-6"]),
        ({"state": {"name": {"any_": ["TimedOut", "AwaitingRetry"]}}}, ["etl-3", "report-9"]),
        ({"state": {"name": {"is_null_": False}}}, ALL),
        ({"state": {"name": {"is_null_": True}}}, []),
        ({"state": {"type": {"any_": ["FAILED"]}, "name": {"not_any_": ["TimedOut"]}}}, ["etl-2"]),
        (
            {"state": {"operator": "or_", "type": {"any_": ["CRASHED"]}, "name": {"any_": ["TimedOut"]}}},
            ["etl-3", "report-8"],
        ),
        ({"flow_version": {"any_": ["1"]}}, ETL),
        ({"flow_version": {"not_any_": ["1"]}}, REPORTS),
        ({"flow_version": {"is_null_": True}}, REPORTS),
        ({"start_time": {"after_": utc(261)}}, ["report-6", "report-8", "report-9"]),
        ({"start_time": {"before_": utc(61)}}, ["etl-0", "etl-1"]),
        ({"start_time": {"after_": utc(1), "before_": utc(120)}}, ["etl-1", "etl-2"]),
        ({"start_time": {"is_null_": True}}, []),
        ({"end_time": {"is_null_": True}}, ["etl-4", "etl-5", "report-6", "report-9"]),
        ({"end_time": {"before_": utc(70)}}, ["etl-0", "etl-1"]),
        ({"expected_start_time": {"after_": utc(60), "before_": utc(60)}}, ["etl-1", "etl-2"]),
        ({"parent_flow_run_id": {"is_null_": True}}, ALL),
        ({"parent_task_run_id": {"any_": ["x"]}}, []),
        (
            {"operator": "or_", "name": {"any_": ["etl-0"]}, "tags": {"all_": ["n:1"]}},
            ["etl-0", "etl-1", "report-8"],
        ),
        (
            {"operator": "or_", "end_time": {"before_": utc(10)}, "name": {"like_": "6"}},
            ["etl-0", "report-6"],
        ),
        ({"name": {"any_": ["etl-0"]}, "tags": {"all_": ["n:1"]}}, []),
    ],
)
def test_filters(history, fields, names):
    assert found(history, **fields) == names


def test_any_number_of_values(history):
    many = [str(number) for number in range(50_000)]
    assert found(history, name={"any_": [*many, "etl-1"]}) == ["etl-1"]
    assert found(history, tags={"all_": many}) == []
    assert len(history.read_flow_runs(limit=2**70)) == len(ALL)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("NAME_ASC", ALL),
        ("NAME_DESC", ALL[::-1]),
        ("START_TIME_ASC", ["etl-0", "etl-1", "etl-2", "etl-3", {"etl-4", "etl-5"}, "report-7", "report-8", "report-9", "report-6"]),
        ("START_TIME_DESC", ["report-6", "report-9", "report-8", "report-7", {"etl-4", "etl-5"}, "etl-3", "etl-2", "etl-1", "etl-0"]),
        ("EXPECTED_START_TIME_ASC", ["etl-0", {"etl-1", "etl-2"}, "etl-3", {"etl-4", "etl-5"}, "report-7", "report-8", "report-9", "report-6"]),
        (None, ["report-6", "report-9", "report-8", "report-7", {"etl-4", "etl-5"}, "etl-3", {"etl-1", "etl-2"}, "etl-0"]),
        ("END_TIME_DESC", ["etl-3", "report-8", "report-7", "etl-2", "etl-1", "etl-0", {"etl-4", "etl-5", "report-6", "report-9"}]),
    ],
)  # fmt: skip
def test_orders(history, sort, names):
    read = history.read_flow_runs(sort=sort)
    rest = [run.name for run in read]
    for wanted in names:
        several = wanted if isinstance(wanted, set) else {wanted}
        assert set(rest[: len(several)]) == several
        rest = rest[len(several) :]
    assert rest == []
    downwards = sort is None or sort.endswith("DESC")
    unended = [run.id for run in read if run.end_time is None]
    if sort == "END_TIME_DESC":  # what is equal comes by its id
        assert unended == sorted(unended, reverse=downwards)


def test_by_id(history):
    ids = [run.id for run in history.read_flow_runs(sort="ID_DESC")]
    assert ids == sorted(ids, reverse=True)
    assert found(history, id={"any_": ids[:2]}, sort="ID_DESC") == [
        run.name for run in history.read_flow_runs(sort="ID_DESC", limit=2)
    ]


@pytest.mark.parametrize("sort", sorting.FlowRunSort)
def test_pages_are_parts_of_the_whole(history, sort):
    whole = history.read_flow_runs(sort=sort)
    pages = [history.read_flow_runs(sort=sort, limit=3, offset=offset) for offset in range(0, 12, 3)]
    assert [run for page in pages for run in page] == whole
    assert history.read_flow_runs(sort=sort, offset=8) == whole[8:]
    assert history.read_flow_runs(sort=sort, limit=0) == []


def test_by_flow_and_deployment(history):
    def read(**options):
        return [run.name for run in history.read_flow_runs(sort="NAME_ASC", **options)]

    etl = history.read_flow_by_name("etl")
    assert read(flow_filter=filters.FlowFilter(name={"any_": ["etl"]})) == ETL
    assert read(flow_filter=filters.FlowFilter(id={"any_": [etl.id]})) == ETL
    assert read(flow_filter=filters.FlowFilter(id={"not_any_": [etl.id]})) == REPORTS
    assert read(deployment_filter=filters.DeploymentFilter(name={"any_": ["weekly"]})) == REPORTS
    assert read(deployment_filter=filters.DeploymentFilter(name={"like_": "LY"}), limit=2) == ETL[:2]
    assert (
        read(
            deployment_filter=filters.DeploymentFilter(name={"any_": ["nightly"]}),
            flow_filter=filters.FlowFilter(name={"any_": ["report"]}),
        )
        == []
    )


def test_ids_and_tags_of_deployments_are_known_to_clusters_only(history, request):
    def read(**fields):
        return found(history, deployment=filters.DeploymentFilter(**fields))

    if request.node.callspec.params["history"] == "local":
        assert read(id={"not_any_": [""]}) == read(tags={"is_null_": True}) == ALL
        assert read(id={"any_": [""]}) == read(tags={"any_": ["nightly"]}) == []
        return
    nightly, weekly = history.read_deployments()
    assert read(id={"any_": [nightly.id]}) == read(tags={"any_": ["nightly"]}) == ETL
    assert read(id={"not_any_": [nightly.id]}) == read(tags={"is_null_": True}) == REPORTS
    assert read(operator="or_", id={"any_": [weekly.id]}, tags={"all_": ["nightly"]}) == ALL


@pytest.mark.parametrize(
    ("sort", "names"),
    [(None, ["etl", "report"]), ("NAME_DESC", ["report", "etl"])],
)
def test_flows(history, sort, names):
    assert [one.name for one in history.read_flows(sort=sort)] == names
    one = history.read_flow_by_name("report")
    assert history.read_flow(one.id) == one
    crashed = filters.FlowRunFilter(state={"type": {"any_": ["CRASHED"]}})
    assert [flow.name for flow in history.read_flows(flow_run_filter=crashed, sort=sort)] == ["report"]


def test_what_is_not_there(history):
    nothing = "00000000-0000-0000-0000-000000000000"
    for ask in (
        history.read_flow_run,
        history.read_flow_run_states,
        history.read_flow,
        history.read_flow_by_name,
        history.delete_flow_run,
        lambda run_id: history.update_flow_run(run_id, tags=[]),
    ):
        with pytest.raises(ObjectNotFound, match=nothing):
            ask(nothing)


def test_tags_are_changed_and_runs_deleted(history):
    """The last one: it leaves other runs than there were."""
    (run,) = history.read_flow_runs(flow_run_filter=filters.FlowRunFilter(name={"any_": ["report-9"]}))
    history.update_flow_run(run.id, tags={"b", "a"})
    assert history.read_flow_run(run.id).tags == ["a", "b"]
    history.update_flow_run(run.id, tags=[])
    assert history.read_flow_run(run.id).tags == []
    history.delete_flow_run(run.id)
    with pytest.raises(ObjectNotFound):
        history.read_flow_run(run.id)
    with pytest.raises(ObjectNotFound):
        history.update_flow_run(run.id, tags=["c"])
