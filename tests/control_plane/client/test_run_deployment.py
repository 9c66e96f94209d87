"""Runs of deployments that programs and flows make and wait for, with the operator at work."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from api_server import COMPLETED, FAILED
from patience import HANG_SECONDS, eventually

from millstream import _stopping, flow, task
from millstream._cluster.cluster import Cluster
from millstream._engine import FlowRunInfo, run_flow
from millstream.client import get_client
from millstream.deployments import arun_deployment, run_deployment
from millstream.exceptions import (
    ClusterUnreachable,
    FailedRun,
    ObjectAlreadyExists,
    ObjectNotFound,
    ParameterTypeError,
    RunInterrupted,
    UnsupportedError,
)
from millstream.resources import labels
from millstream_operator.kinds import FLOW_RUNS

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator", "settings")]

RESULT = (0, COMPLETED[1] | {"result": {"rows": 3}, "has_result": True})


@pytest.fixture
def etl(ns):
    ns.deploy(tags=["nightly"], parameters={"day": "monday"})
    ns.ready()


@pytest.fixture
def kubelet(ns):
    """Have all runs of the namespace end in a way, as they come, until the test is over."""
    over = threading.Event()

    def play(*ends):
        while not over.wait(0.05):
            for run in ns.items(FLOW_RUNS):
                ns.play(run["metadata"]["name"], *ends)

    with ThreadPoolExecutor(1) as thread:
        yield lambda *ends: thread.submit(play, *ends)
        over.set()


def names(ns):
    return [run["metadata"]["name"] for run in ns.items(FLOW_RUNS)]


@pytest.mark.usefixtures("etl")
def test_it_is_waited_for_and_gives_its_result(ns, kubelet):
    kubelet(RESULT)
    run = run_deployment("etl/etl", parameters={"n": 1}, tags=["mine"])
    assert (run.state_name, run.state.result()) == ("Completed", {"rows": 3})
    assert (run.tags, run.parameters) == (["mine", "nightly"], {"day": "monday", "n": 1})
    assert (run.deployment_name, run.flow_name) == ("etl", "etl")
    assert names(ns) == [run.name]
    states = get_client(sync_client=True).read_flow_run_states(run.id)
    assert [state.name for state in states] == ["Scheduled", "Pending", "Running", "Completed"]


@pytest.mark.usefixtures("etl")
def test_one_that_fails_raises_where_its_result_is_asked_for(kubelet):
    kubelet(FAILED)
    run = run_deployment("etl")
    assert run.state.is_failed()
    with pytest.raises(FailedRun, match="ValueError: no"):
        run.state.result()


@pytest.mark.usefixtures("etl")
async def test_it_is_awaited_in_asynchronous_code(kubelet):
    kubelet(COMPLETED)
    client = get_client()
    first, second = await asyncio.gather(
        run_deployment("etl", client=client), arun_deployment("etl", poll_interval=0.5)
    )
    assert first.id != second.id
    assert first.state.is_completed()
    assert second.state.is_completed()


@pytest.mark.usefixtures("etl")
async def test_who_is_cancelled_waits_no_longer(ns):
    waiting = asyncio.ensure_future(arun_deployment("etl", poll_interval=0.2))
    client = get_client()
    await asyncio.to_thread(eventually, lambda: names(ns))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    (run,) = await client.read_flow_runs()
    assert not run.state.is_cancelling()


@pytest.mark.usefixtures("etl")
def test_how_long_to_wait(ns):
    begun = run_deployment("etl", timeout=0)
    assert (begun.state_name, names(ns)) == ("Scheduled", [begun.name])
    seen = run_deployment("etl", timeout=0.1, flow_run_name="mine")
    assert (seen.name, seen.state.is_final()) == ("mine", False)


@pytest.mark.usefixtures("etl")
def test_a_key_gives_the_same_run(ns):
    def run(**options):
        return run_deployment("etl", timeout=0, **options).id

    assert run(idempotency_key="a") == run(idempotency_key="a") != run(idempotency_key="b")
    assert run(idempotency_key="a", flow_run_name="x") == run(idempotency_key="a", flow_run_name="x")
    assert len(names(ns)) == 3
    for other in ({}, {"idempotency_key": "b"}):
        with pytest.raises(ObjectAlreadyExists, match="There is a FlowRun x already"):
            run(flow_run_name="x", **other)


@pytest.mark.usefixtures("etl")
def test_what_is_refused(ns):
    for options, error, words in (
        ({"timeout": -1}, ValueError, "timeout of run_deployment is a number of seconds from 0"),
        ({"poll_interval": 0}, ValueError, "above 0"),
        ({"tags": "nightly"}, TypeError, r'tags are a list of texts, as in tags=\["nightly"\]'),
        ({"job_variables": {}}, TypeError, "has no option job_variables. It takes client, parameters"),
        ({"parameters": {"a": object()}}, ParameterTypeError, "The parameter a cannot be sent to a cluster"),
    ):
        with pytest.raises(error, match=words):
            run_deployment("etl", **options)
    with pytest.raises(ObjectNotFound, match="There is no deployment 'other' in the cluster"):
        run_deployment("other")
    with pytest.raises(ObjectNotFound, match="of a flow 'report': it is of 'etl'"):
        run_deployment("report/etl")
    with pytest.raises(UnsupportedError, match="MILLSTREAM_API=cluster"):
        run_deployment("etl", client=get_client(api="local"))
    ns.deploy("strict", parameterSchema={"type": "object", "required": ["x"], "properties": {"x": {}}})
    with pytest.raises(ParameterTypeError, match="The parameters do not fit strict"):
        run_deployment("strict")
    assert names(ns) == []


@pytest.mark.usefixtures("etl")
def test_a_run_that_is_deleted_meanwhile(ns):
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(run_deployment, "etl")
        (name,) = eventually(lambda: names(ns))
        ns.delete(FLOW_RUNS, name)
        with pytest.raises(ObjectNotFound, match=f"The flow run {name} was deleted while it was waited for"):
            waiting.result(HANG_SECONDS)


@pytest.mark.usefixtures("etl")
@pytest.mark.parametrize("method", ["look", "create", "watch"])
def test_an_api_server_that_is_away_is_waited_for(ns, kubelet, monkeypatch, method):
    refusals, real = [], getattr(Cluster, method)

    def refusing(self, kind, *arguments, **options):
        if kind.plural == "flowruns" and len(refusals) < 2:
            refusals.append(kind)
            raise ClusterUnreachable("away")
        return real(self, kind, *arguments, **options)

    monkeypatch.setattr(Cluster, method, refusing)
    kubelet(COMPLETED)
    assert run_deployment("etl").state.is_completed()
    assert refusals
    assert len(names(ns)) == 1


@pytest.mark.usefixtures("etl")
@pytest.mark.parametrize("options", [{}, {"idempotency_key": "a"}, {"flow_run_name": "mine"}])
def test_a_run_whose_creation_was_answered_to_nobody_is_found(ns, monkeypatch, options):
    lost, real = [], Cluster.create

    def create(self, kind, body, **given):
        made = real(self, kind, body, **given)
        lost.append(made["metadata"]["uid"])
        raise ClusterUnreachable("away")

    monkeypatch.setattr(Cluster, "create", create)
    assert [run_deployment("etl", timeout=0, **options).id] == lost
    assert len(names(ns)) == 1


@pytest.mark.usefixtures("etl")
async def test_who_waits_keeps_no_thread_of_the_event_loop(ns):
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    waiting = asyncio.ensure_future(arun_deployment("etl", poll_interval=600))
    with ThreadPoolExecutor(1) as thread:
        (name,) = await loop.run_in_executor(thread, eventually, lambda: names(ns))
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), HANG_SECONDS) == "free"
        assert not waiting.done()
        await loop.run_in_executor(thread, eventually, lambda: ns.play(name, COMPLETED))
    assert (await waiting).state.is_completed()


@pytest.mark.usefixtures("etl")
class TestInAFlow:
    def test_it_is_a_task_run_of_it(self, ns, kubelet):
        kubelet(FAILED)

        @flow
        def parent():
            return run_deployment("etl").state_name

        info = FlowRunInfo()
        assert run_flow(parent, run=info).result() == "Failed"
        assert info.task_counts() == {"Failed": 1}
        (child,) = ns.items(FLOW_RUNS)
        parent_id = child["metadata"]["labels"][labels.PARENT_RUN_UID]
        (run,) = get_client(sync_client=True).read_flow_runs()
        assert run.parent_flow_run_id == parent_id

    def test_its_result(self, kubelet):
        kubelet(RESULT)

        @flow
        async def parent():
            run = await run_deployment("etl")
            return run.state.result()

        assert asyncio.run(parent()) == {"rows": 3}

    def test_one_that_is_not_waited_for(self):
        info = FlowRunInfo()
        assert (
            run_flow(flow(lambda: run_deployment("etl", timeout=0).state_name), run=info).result()
            == "Scheduled"
        )
        assert info.task_counts() == {"Started": 1}

    def test_as_no_subflow(self, ns):
        info = FlowRunInfo()
        run_flow(flow(lambda: run_deployment("etl", timeout=0, as_subflow=False).name), run=info).result()
        assert info.task_counts() == {}
        assert "labels" not in ns.items(FLOW_RUNS)[0]["metadata"]

    def test_what_goes_wrong_is_raised(self):
        @flow
        def parent():
            return run_deployment("etl", flow_run_name="Not A Name", timeout=0)

        with pytest.raises(ValueError, match="Not A Name"):
            parent()

    def test_another_attempt_finds_what_the_first_one_made(self, ns):
        @task
        def child(n):
            return run_deployment("etl", parameters={"n": n}, timeout=0).id

        @flow
        def parent(numbers):
            return sorted(child.map(numbers).result())

        def attempt(numbers, uid="00000000-0000-0000-0000-000000000001"):
            return run_flow(parent, {"numbers": numbers}, run=FlowRunInfo(run_id=uid)).result()

        first = attempt([1, 2, 3, 3])
        assert len(set(first)) == len(names(ns)) == 4
        assert attempt([3, 3, 2, 1]) == first
        assert set(attempt([1], "00000000-0000-0000-0000-000000000002")).isdisjoint(first)

    def test_another_attempt_makes_what_failed_anew_and_not_what_completed(self, ns):
        @flow
        def parent(name=None):
            return run_deployment("etl", timeout=0, flow_run_name=name).name

        def attempt(name=None):
            info = FlowRunInfo(run_id="00000000-0000-0000-0000-000000000001")
            return run_flow(parent, {"name": name}, run=info).result()

        for name in (None, "mine"):
            first = attempt(name)
            eventually(lambda: ns.play(first, FAILED))  # noqa: B023 - called at once
            second = attempt(name)
            assert second != first
            eventually(lambda: ns.play(second, COMPLETED))  # noqa: B023
            assert attempt(name) == second
        assert {"mine", "mine-2"} <= set(names(ns))

    def test_another_attempt_takes_what_a_task_made_that_was_tried_again(self, ns):
        made = []

        @task(retries=1)
        def child():
            name = run_deployment("etl", timeout=0).name
            made.append(name)
            if len(made) == 1:
                eventually(lambda: ns.play(name, FAILED))
                raise ValueError
            return name

        @flow
        def parent():
            return child()

        def attempt():
            info = FlowRunInfo(run_id="00000000-0000-0000-0000-000000000001")
            return run_flow(parent, run=info).result()

        second = attempt()
        assert made[1] == second != made[0]
        eventually(lambda: ns.play(second, COMPLETED))
        assert attempt() == second
        assert sorted(made[:2]) == sorted(names(ns))

    def test_calls_that_say_the_same_never_share_a_run(self, ns):
        @flow
        def parent(calls):
            return [run_deployment("etl", timeout=0).name for _ in range(calls)]

        def attempt(calls):
            info = FlowRunInfo(run_id="00000000-0000-0000-0000-000000000001")
            return run_flow(parent, {"calls": calls}, run=info).result()

        (failed,) = attempt(1)
        eventually(lambda: ns.play(failed, FAILED))
        live = attempt(2)
        assert attempt(3)[:2] == live
        assert len({failed, *live}) == 3
        assert len(names(ns)) == 4

    def test_an_api_server_that_is_away_when_it_is_asked_for(self, ns, monkeypatch):
        refusals, real = [], Cluster.list

        def refusing(self, kind, **options):
            if len(refusals) < 2:
                refusals.append(kind)
                raise ClusterUnreachable("away")
            return real(self, kind, **options)

        monkeypatch.setattr(Cluster, "list", refusing)
        info = FlowRunInfo()
        name = run_flow(flow(lambda: run_deployment("etl", timeout=0).name), run=info).result()
        assert [name] == names(ns)

    def test_a_parent_that_is_cancelled_cancels_it_and_one_that_is_interrupted_does_not(
        self, ns, monkeypatch
    ):
        @flow
        def parent():
            run_deployment("etl", poll_interval=0.2)

        def interrupted(name, **change):
            run = ns.run(name)
            info = FlowRunInfo(run_id=run["metadata"]["uid"], name=name, deployment="etl")
            with ThreadPoolExecutor(1) as thread:
                ended = thread.submit(run_flow, parent, run=info)
                selected = {labels.PARENT_RUN_UID: run["metadata"]["uid"]}

                def child():
                    found = [o for o in ns.items(FLOW_RUNS) if o["metadata"].get("labels") == selected]
                    return found and found[0]["metadata"]["name"]

                made = eventually(child)
                ns.patch(FLOW_RUNS, name, {"spec": change})
                monkeypatch.setattr(_stopping, "stopped", True)
                state = ended.result(HANG_SECONDS)
            monkeypatch.setattr(_stopping, "stopped", False)
            assert isinstance(state.data, RunInterrupted)
            return lambda: ns.get(FLOW_RUNS, made)["spec"].get("cancel", False)

        goes_on = interrupted("interrupted")
        eventually(interrupted("cancelled", cancel=True))
        assert not goes_on()
