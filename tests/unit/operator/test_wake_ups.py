"""Who is decided about again when a slot is free: nobody waits for the next listing."""

import pytest
from builders import NAMESPACE, NOW, after, make_defaults, make_deployment, make_run, make_status

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.cache import Cache, Key
from millstream_operator.kinds import CONFIG_MAPS, FLOW_DEPLOYMENTS, FLOW_RUNS

ETL = Key(FLOW_DEPLOYMENTS, NAMESPACE, "etl")


def key(name):
    return Key(FLOW_RUNS, NAMESPACE, name)


def queued(name, version=1, *, number=0, **more):
    status = make_status(RunState.QUEUED, Reason.CONCURRENCY_LIMIT, attempt=0)
    return make_run(name, version=version, status=status, created=after(number), **more)


def running(name, version=1, *, number=0, **more):
    status = make_status(RunState.RUNNING, run=name, revision="etl-a")
    return make_run(name, version=version, status=status, created=after(number), **more)


def completed(name, version=9, **more):
    status = make_status(RunState.COMPLETED, run=name, completionTime=str(NOW))
    return make_run(name, version=version, status=status, **more)


def limited(limit=1, policy="Queue", version=1, name="etl", **more):
    generation = more.pop("generation", 1)
    found = make_deployment(name, version=version, concurrency={"limit": limit, "policy": policy}, **more)
    found["metadata"]["generation"] = generation
    return found


@pytest.fixture
def cache():
    found = Cache("millstream")
    found.put(FLOW_DEPLOYMENTS, limited())
    return found


def run_of(cache, name):
    return cache.observe_run(key(name), NOW).run


def test_the_end_of_a_run_wakes_the_next(cache):
    for o in (running("live"), queued("second", number=2), queued("first", number=1)):
        cache.put(FLOW_RUNS, o)
    assert cache.put(FLOW_RUNS, completed("live")) == {key("live"), key("first"), ETL}
    assert cache.put(FLOW_RUNS, running("first", 10)) == {key("first"), key("second"), ETL}


@pytest.mark.parametrize("last", [None, "live"])
def test_one_that_is_gone_wakes_the_next(cache, last):
    for o in (running("live"), queued("first"), queued("second", number=1)):
        cache.put(FLOW_RUNS, o)
    gone = last or "first"
    following = "first" if last else "second"
    assert cache.remove(FLOW_RUNS, NAMESPACE, gone, f"uid-{gone}") == {key(gone), key(following), ETL}


def test_one_that_is_to_be_deleted_lets_the_next_pass(cache):
    cache.put(FLOW_RUNS, queued("first"))
    cache.put(FLOW_RUNS, queued("second", number=1))
    assert key("second") in cache.put(FLOW_RUNS, queued("first", 2, deleting=True))


@pytest.mark.parametrize("before", [queued("first"), make_run("first")])
def test_an_edit_while_an_admission_is_written_wakes_the_next(cache, before):
    cache.put(FLOW_RUNS, before)
    cache.put(FLOW_RUNS, queued("second", number=1))
    cache.reserve_slot(run_of(cache, "first"))
    edited = before | {"metadata": before["metadata"] | {"resourceVersion": "5"}}
    woken = cache.put(FLOW_RUNS, edited)
    following = "first" if before["status"] else "second"
    assert {key("first"), key(following)} <= woken
    assert cache.observe_run(key("second"), NOW).slots.held == 0


def test_a_slot_that_is_given_back_wakes_the_next(cache):
    cache.put(FLOW_RUNS, make_run("first"))
    cache.put(FLOW_RUNS, queued("second"))
    cache.reserve_slot(run_of(cache, "first"))
    assert cache.unreserve_slot(key("first")) == {key("second")}
    assert cache.unreserve_slot(key("first")) == set()
    assert cache.unreserve_slot(key("nobody")) == set()


def test_a_slot_of_the_namespace_wakes_one_of_another_deployment(cache):
    cache.put(CONFIG_MAPS, make_defaults(maxLiveRuns="1"))
    cache.put(FLOW_RUNS, running("live"))
    cache.put(FLOW_RUNS, queued("other", deployment="elsewhere"))
    assert key("other") in cache.put(FLOW_RUNS, completed("live"))
    assert key("other") in cache.put(CONFIG_MAPS, make_defaults(maxLiveRuns="2", version=2))
    assert key("other") in cache.remove(
        CONFIG_MAPS, NAMESPACE, "millstream-defaults", "uid-millstream-defaults"
    )


def test_a_lower_limit_of_one_deployment_wakes_one_of_another(cache):
    cache.put(CONFIG_MAPS, make_defaults(maxLiveRuns="2"))
    cache.put(FLOW_DEPLOYMENTS, limited(2, version=2, generation=2))
    cache.put(FLOW_RUNS, running("live"))
    cache.put(FLOW_RUNS, queued("first"))
    cache.put(FLOW_RUNS, queued("other", number=1, deployment="elsewhere"))
    assert key("other") in cache.put(FLOW_DEPLOYMENTS, limited(1, version=3, generation=3))


def test_a_run_of_the_same_name_and_another_deployment_wakes_those_of_both(cache):
    cache.put(FLOW_RUNS, running("live"))
    cache.put(FLOW_RUNS, queued("first"))
    again = running("live", 5, uid="another", deployment="elsewhere")
    assert key("first") in cache.put(FLOW_RUNS, again)


def test_the_newest_wakes_the_one_that_it_replaces():
    cache = Cache()
    cache.put(FLOW_DEPLOYMENTS, limited(2, "Replace"))
    for number in range(3):
        cache.put(FLOW_RUNS, running(f"r{number}", number=number))
    woken = cache.put(FLOW_RUNS, queued("r3", number=3))
    assert woken == {key("r3"), key("r1"), ETL}  # r0 was woken when r2 came
    cache.put(FLOW_RUNS, make_run("r4", created=after(4)))
    assert cache.reserve_slot(run_of(cache, "r4")) == {key("r2")}


def test_a_switch_that_is_released_wakes_those_that_may_be_replaced():
    cache = Cache()
    cache.put(FLOW_DEPLOYMENTS, limited(1, "Replace"))
    cache.put(FLOW_RUNS, running("old"))
    cache.put(FLOW_RUNS, running("of another", deployment="elsewhere"))
    woken = cache.put(CONFIG_MAPS, make_defaults(suspend="false"))
    assert woken == {key("old"), ETL}


@pytest.mark.parametrize("how", ["edit", "delete"])
def test_the_queue_follows_the_priority_of_the_deployment(cache, how):
    cache.put(FLOW_DEPLOYMENTS, limited(version=2, generation=2, priority=5))
    cache.put(CONFIG_MAPS, make_defaults(maxLiveRuns="1"))
    cache.put(FLOW_RUNS, queued("mine", number=1))
    cache.put(FLOW_RUNS, queued("other", deployment="elsewhere"))
    ahead = lambda name: cache.observe_run(key(name), NOW).slots.ahead_in_namespace  # noqa: E731
    assert (ahead("mine"), ahead("other")) == (0, 1)
    if how == "edit":
        cache.put(FLOW_DEPLOYMENTS, limited(version=3, generation=3))
    else:
        cache.remove(FLOW_DEPLOYMENTS, NAMESPACE, "etl", "uid-etl")
    assert (ahead("mine"), ahead("other")) == (1, 0)


def test_a_run_that_is_being_deleted_is_not_chosen_for_retention(cache):
    cache.put(FLOW_RUNS, completed("first", 1))
    cache.put(FLOW_RUNS, completed("second", 1))
    assert [run.name for run in cache.observe_deployment(ETL, NOW).completed] == ["first", "second"]
    cache.put(FLOW_RUNS, completed("first", 2, deleting=True))
    assert [run.name for run in cache.observe_deployment(ETL, NOW).completed] == ["second"]
    cache.remove(FLOW_RUNS, NAMESPACE, "first", "uid-first")
    assert [run.name for run in cache.observe_deployment(ETL, NOW).completed] == ["second"]
