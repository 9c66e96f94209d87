"""Clients: filters, orders, pages, and what may be changed."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from millstream import flow, get_run_context, tags, task
from millstream.client import get_client
from millstream.client.orchestration import MillstreamClient, SyncMillstreamClient
from millstream.client.schemas import filters, sorting
from millstream.exceptions import ObjectNotFound

BEGIN = datetime.fromtimestamp(1_700_000_000, UTC)


@task(task_run_name="load-{n}")
def load(n):
    if n == 2:
        raise ValueError("two")


@flow(name="etl", flow_run_name="etl-{n}", version="1")
def etl(n):
    load(n, return_state=True)
    if n == 2:
        raise ValueError("two")


@flow(name="Über-Bericht", flow_run_name="Bericht {n}")
def report(n):
    etl(n)


@pytest.fixture
def runs(client, still):
    """Three of one flow, a minute apart, and one with a subflow."""
    for n in range(3):
        with tags("nightly", f"n:{n}"):
            etl(n, return_state=True)
        still.now += 60
    report(9)
    return client


def found(client, **fields):
    chosen = filters.FlowRunFilter(**fields)
    return [run.name for run in client.read_flow_runs(flow_run_filter=chosen, sort="START_TIME_ASC")]


ALL = ["etl-0", "etl-1", "etl-2", "Bericht 9", "etl-9"]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, ALL),
        ({"name": {"like_": "ETL"}}, ["etl-0", "etl-1", "etl-2", "etl-9"]),
        ({"name": {"like_": "%tl%0%"}}, ["etl-0"]),
        ({"name": {"like_": "e_l-1"}}, ["etl-1"]),
        ({"name": {"any_": ["etl-1", "Bericht 9", "no"]}}, ["etl-1", "Bericht 9"]),
        ({"name": {"any_": []}}, []),
        ({"tags": {"all_": ["nightly"]}}, ["etl-0", "etl-1", "etl-2"]),
        ({"tags": {"all_": ["nightly", "n:1"]}}, ["etl-1"]),
        ({"tags": {"any_": ["n:0", "n:1"]}}, ["etl-0", "etl-1"]),
        ({"tags": {"is_null_": True}}, ["Bericht 9", "etl-9"]),
        ({"tags": {"is_null_": False}}, ["etl-0", "etl-1", "etl-2"]),
        ({"state": {"type": {"any_": ["FAILED"]}}}, ["etl-2"]),
        ({"state": {"type": {"not_any_": ["FAILED"]}}}, ["etl-0", "etl-1", "Bericht 9", "etl-9"]),
        ({"state": {"name": {"any_": ["Completed"]}}}, ["etl-0", "etl-1", "Bericht 9", "etl-9"]),
        ({"state": {"name": {"not_any_": ["Completed"]}}}, ["etl-2"]),
        (
            {"state": {"operator": "or_", "type": {"any_": ["FAILED"]}, "name": {"any_": ["Completed"]}}},
            ALL,
        ),
        ({"state": {"type": {"any_": ["FAILED"]}, "name": {"any_": ["Completed"]}}}, []),
        ({"start_time": {"after_": BEGIN + timedelta(seconds=60)}}, ["etl-1", "etl-2", "Bericht 9", "etl-9"]),
        ({"start_time": {"before_": BEGIN + timedelta(seconds=60)}}, ["etl-0", "etl-1"]),
        (
            {
                "start_time": {
                    "after_": BEGIN + timedelta(seconds=1),
                    "before_": BEGIN + timedelta(seconds=61),
                }
            },
            ["etl-1"],
        ),
        ({"start_time": {"is_null_": True}}, []),
        ({"end_time": {"before_": BEGIN}}, ["etl-0"]),
        ({"expected_start_time": {"before_": BEGIN}}, ["etl-0"]),
        ({"flow_version": {"any_": ["1"]}}, ["etl-0", "etl-1", "etl-2", "etl-9"]),
        ({"flow_version": {"not_any_": ["1"]}}, ["Bericht 9"]),
        ({"parent_flow_run_id": {"is_null_": False}}, ["etl-9"]),
        ({"parent_task_run_id": {"is_null_": True}}, ALL),
        ({"operator": "or_", "name": {"any_": ["etl-0"]}, "tags": {"all_": ["n:1"]}}, ["etl-0", "etl-1"]),
        ({"operator": "and_", "name": {"any_": ["etl-0"]}, "tags": {"all_": ["n:1"]}}, []),
    ],
)
def test_filters_of_flow_runs(runs, fields, names):
    assert sorted(found(runs, **fields)) == sorted(names)


def test_filters_by_their_classes(runs):
    chosen = filters.FlowRunFilter(
        name=filters.FlowRunFilterName(like_="etl"),
        tags=filters.FlowRunFilterTags(all_=["nightly"]),
        state=filters.FlowRunFilterState(name=filters.FlowRunFilterStateName(any_=["Completed"])),
        start_time=filters.FlowRunFilterStartTime(after_=BEGIN),
    )
    read = runs.read_flow_runs(flow_run_filter=chosen, sort=sorting.FlowRunSort.START_TIME_DESC)
    assert [run.name for run in read] == ["etl-1", "etl-0"]


def test_any_number_of_values(runs):
    many = [str(number) for number in range(50_000)]
    assert found(runs, name={"any_": [*many, "etl-1"]}) == ["etl-1"]
    assert found(runs, tags={"all_": many}) == []
    assert found(runs, name={"like_": "\udce4"}) == []
    assert len(runs.read_flow_runs(limit=2**70)) == 5


def test_times_without_a_zone_are_local(runs):
    local = BEGIN.astimezone().replace(tzinfo=None)
    assert found(runs, start_time={"before_": local}) == ["etl-0"]


def test_by_id(runs):
    run = runs.read_flow_runs()[0]
    assert found(runs, id={"any_": [run.id]}) == found(runs, id={"any_": [UUID(run.id)]}) == [run.name]
    assert len(found(runs, id={"not_any_": [run.id]})) == 4


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("START_TIME_ASC", ALL),
        ("START_TIME_DESC", ALL[::-1]),
        ("EXPECTED_START_TIME_ASC", ALL),
        ("NAME_ASC", ["Bericht 9", "etl-0", "etl-1", "etl-2", "etl-9"]),
        ("NAME_DESC", ["etl-9", "etl-2", "etl-1", "etl-0", "Bericht 9"]),
        ("ID_DESC", ALL[::-1]),
        (None, ALL[::-1]),
    ],
)
def test_orders(runs, sort, names):
    assert [run.name for run in runs.read_flow_runs(sort=sort)] == names


def test_every_order_can_be_asked_for(runs):
    for sort in sorting.FlowRunSort:
        assert len(runs.read_flow_runs(sort=sort)) == 5
    for sort in sorting.TaskRunSort:
        assert len(runs.read_task_runs(sort=sort)) == 4
    for sort in sorting.FlowSort:
        assert len(runs.read_flows(sort=sort)) == 2
    for sort in sorting.ArtifactSort:
        assert runs.read_artifacts(sort=sort) == []


def test_pages(runs):
    def page(**options):
        return [run.name for run in runs.read_flow_runs(sort="START_TIME_ASC", **options)]

    assert page(limit=2) == ALL[:2]
    assert page(limit=2, offset=2) == ALL[2:4]
    assert page(limit=2, offset=4) == ALL[4:]
    assert page(offset=3) == ALL[3:]
    assert page(limit=0) == []


def test_by_flow_task_run_and_deployment(runs):
    def read(**options):
        return sorted(run.name for run in runs.read_flow_runs(**options))

    by_name = filters.FlowFilter(name={"any_": ["Über-Bericht"]})
    assert read(flow_filter=by_name) == ["Bericht 9"]
    assert read(flow_filter=filters.FlowFilter(name={"like_": "über"})) == ["Bericht 9"]
    flow_id = runs.read_flow_by_name("etl").id
    assert read(flow_filter=filters.FlowFilter(id={"any_": [flow_id]})) == [
        "etl-0",
        "etl-1",
        "etl-2",
        "etl-9",
    ]
    failed = filters.TaskRunFilter(state={"name": {"any_": ["Failed"]}})
    assert read(task_run_filter=failed) == ["etl-2"]
    assert read(deployment_filter=filters.DeploymentFilter(name={"any_": ["nightly"]})) == []


def test_task_runs(runs):
    def read(**options):
        return [run.name for run in runs.read_task_runs(sort="NAME_ASC", **options)]

    assert read() == ["load-0", "load-1", "load-2", "load-9"]
    assert read(task_run_filter=filters.TaskRunFilter(name={"like_": "1"})) == ["load-1"]
    assert read(flow_run_filter=filters.FlowRunFilter(name={"any_": ["etl-2"]})) == ["load-2"]
    assert read(flow_filter=filters.FlowFilter(name={"any_": ["etl"]}), limit=1, offset=1) == ["load-1"]
    tagged = filters.TaskRunFilter(tags={"all_": ["n:0"]}, start_time={"before_": BEGIN})
    assert read(task_run_filter=tagged) == ["load-0"]
    run = runs.read_flow_runs()[0]
    assert read(task_run_filter=filters.TaskRunFilter(flow_run_id={"any_": [run.id]})) == ["load-9"]


def test_flows(runs):
    assert [one.name for one in runs.read_flows()] == ["etl", "Über-Bericht"]
    one = runs.read_flow_by_name("etl")
    assert runs.read_flow(one.id) == one
    assert runs.read_flow_runs()[0].flow_id == one.id
    failed = filters.FlowRunFilter(state={"type": {"any_": ["FAILED"]}})
    assert [one.name for one in runs.read_flows(flow_run_filter=failed)] == ["etl"]


def test_one_run(runs):
    run = runs.read_flow_runs(limit=1)[0]
    assert runs.read_flow_run(run.id) == runs.read_flow_run(UUID(run.id)) == run
    task_run = runs.read_task_runs(limit=1)[0]
    assert runs.read_task_run(task_run.id) == task_run


def test_what_is_not_there(client):
    nothing = "00000000-0000-0000-0000-000000000000"
    for ask in (
        client.read_flow_run,
        client.read_flow_run_states,
        client.read_task_run,
        client.read_task_run_states,
        client.read_flow,
        client.read_flow_by_name,
        client.delete_flow_run,
        client.update_flow_run,
    ):
        with pytest.raises(ObjectNotFound, match=nothing):
            ask(nothing)
    assert client.read_flow_runs() == client.read_task_runs() == client.read_flows() == []


def test_tags_are_replaced_also_while_the_run_goes_on(client):
    @flow
    def tagging(env):
        run = get_run_context().flow_run
        asyncio.run(get_client().update_flow_run(run.id, tags={f"env:{env}", *run.tags}))

    with tags("nightly"):
        tagging("pro")
    (run,) = client.read_flow_runs()
    assert run.tags == ["env:pro", "nightly"]
    assert run.state_name == "Completed"
    client.update_flow_run(run.id, tags=[])
    client.update_flow_run(run.id, name="another")
    (run,) = client.read_flow_runs()
    assert (run.tags, run.name) == ([], "another")


def test_a_flow_run_is_forgotten_with_all_its_things(runs):
    run = runs.read_flow_runs(limit=1)[0]
    runs.delete_flow_run(run.id)
    assert run.name not in [other.name for other in runs.read_flow_runs()]
    assert [other.name for other in runs.read_task_runs(sort="NAME_ASC")] == ["load-0", "load-1", "load-2"]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: filters.FlowRunFilter(nmae={"any_": []}), "has no field 'nmae'. Did you mean name?"),
            (lambda: filters.FlowRunFilterName(like="x"), "Did you mean like_?"),
            (lambda: filters.FlowRunFilterTags(xyz=[]), "It has all_, any_, is_null_."),
            (lambda: filters.FlowRunFilterTags(all_="nightly"), r"a list is wanted, as in \['nightly'\]"),
            (lambda: filters.FlowRunFilterStateType(any_=["GOOD"]), "GOOD|COMPLETED"),
            (lambda: filters.FlowRunFilterStartTime(after_="yesterday"), "datetime"),
        ],
    )
    def test_in_filters(self, make, words):
        with pytest.raises(ValueError, match=words):
            make()

    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"filter": None}, TypeError, "has no option filter. It takes flow_filter"),
            (
                {"flow_run_filter": {"name": 1}},
                TypeError,
                r"flow_run_filter of read_flow_runs is a FlowRunFilter",
            ),
            ({"flow_run_filter": filters.FlowFilter()}, TypeError, "is a FlowRunFilter"),
            ({"sort": "BEST_FIRST"}, ValueError, "one of FlowRunSort: ID_DESC"),
            ({"limit": -1}, ValueError, "limit of read_flow_runs is a number from 0"),
            ({"offset": "2"}, TypeError, "offset of read_flow_runs is a whole number"),
        ],
    )
    def test_in_options(self, client, options, error, words):
        with pytest.raises(error, match=words):
            client.read_flow_runs(**options)

    def test_tags_that_are_none(self, runs):
        run = runs.read_flow_runs()[0]
        for wrong in ("nightly", [1]):
            with pytest.raises(TypeError, match="tags are a list of texts"):
                runs.update_flow_run(run.id, tags=wrong)


class TestAwaited:
    async def test_with_and_without_a_block(self, runs):
        client = get_client()
        assert isinstance(client, MillstreamClient)
        assert len(await client.read_flow_runs(limit=2)) == 2
        async with get_client() as client:
            read = await client.read_flow_runs(
                flow_run_filter=filters.FlowRunFilter(name={"any_": ["etl-1"]})
            )
            run = await client.read_flow_run(read[0].id)
            assert run.name == "etl-1"
            await client.update_flow_run(run.id, tags=["a"])
            assert (await client.read_flow_run(run.id)).tags == ["a"]
            assert len(await client.read_flow_run_states(run.id)) == 2
            (task_run,) = await client.read_task_runs(
                flow_run_filter=filters.FlowRunFilter(id={"any_": [run.id]})
            )
            assert await client.read_task_run(task_run.id) == task_run
            assert len(await client.read_task_run_states(task_run.id)) == 2
            assert [one.name for one in await client.read_flows()] == ["etl", "Über-Bericht"]
            assert await client.read_flow(run.flow_id) == await client.read_flow_by_name("etl")
            assert await client.read_artifacts() == []
            await client.delete_flow_run(run.id)
            with pytest.raises(ObjectNotFound):
                await client.read_flow_run(run.id)
        assert isinstance(get_client(sync_client=True), SyncMillstreamClient)

    def test_under_one_loop_after_another(self, runs):
        client = get_client()
        for _ in range(2):
            assert len(asyncio.run(client.read_flow_runs())) == 5

    def test_synchronous_with_a_block(self, runs):
        with get_client(sync_client=True) as client:
            assert len(client.read_flows()) == 2


def test_both_clients_do_the_same():
    def public(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(MillstreamClient) == public(SyncMillstreamClient)
