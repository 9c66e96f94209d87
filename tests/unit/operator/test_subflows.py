"""Which subflows are decided about again when their parent changes, and what is seen of it then."""

import pytest
from builders import NAMESPACE, NOW, after, make_run, make_status, text

from millstream.resources.states import RunState
from millstream_operator.cache import Cache, Key
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS

ETL = Key(FLOW_DEPLOYMENTS, NAMESPACE, "etl")
CHILD = Key(FLOW_RUNS, NAMESPACE, "etl-1")
REPORT = {"deployment": "report"}


def parent(version=1, state=RunState.RUNNING, **spec):
    done = {"completionTime": text(NOW)} if state.is_final else {}
    status = make_status(state, run="report-1", **done)
    return make_run("report-1", version=version, status=status, **REPORT, **spec)


def child(version=1, state=RunState.RUNNING, made_by="uid-report-1", **more):
    done = {"completionTime": text(after(1))} if state.is_final else {}
    return make_run(version=version, status=make_status(state, **done), parent=made_by, **more)


@pytest.fixture
def cache():
    return Cache()


def seen(cache, key=CHILD):
    return cache.observe_run(key, NOW).parent


def test_a_parent_that_is_cancelled_wakes_its_subflows(cache):
    cache.put(FLOW_RUNS, parent())
    cache.put(FLOW_RUNS, child())
    cache.put(FLOW_RUNS, child(made_by="uid-other") | {"metadata": child()["metadata"] | {"name": "etl-2"}})
    assert seen(cache).spec.cancel is False
    assert CHILD in cache.put(FLOW_RUNS, parent(2, cancel=True))
    assert seen(cache).spec.cancel is True
    assert CHILD not in cache.put(FLOW_RUNS, parent(3, cancel=True, tags=["new"]))


def test_a_subflow_may_be_seen_before_its_parent(cache):
    cache.put(FLOW_RUNS, child())
    assert seen(cache) is None
    assert CHILD in cache.put(FLOW_RUNS, parent(cancel=True))
    assert seen(cache).name == "report-1"


@pytest.mark.parametrize("gone", [True, False])
def test_a_parent_that_has_ended_or_is_gone_wakes_the_deployments_of_its_subflows(cache, gone):
    cache.put(FLOW_RUNS, parent())
    cache.put(FLOW_RUNS, child(state=RunState.COMPLETED))
    assert "uid-report-1" in cache.observe_deployment(ETL, NOW).live
    if gone:
        woken = cache.remove(FLOW_RUNS, NAMESPACE, "report-1", "uid-report-1")
    else:
        woken = cache.put(FLOW_RUNS, parent(2, RunState.FAILED))
    assert {CHILD, ETL} <= woken
    assert "uid-report-1" not in cache.observe_deployment(ETL, NOW).live
    assert (seen(cache) is None) == gone


def test_another_run_of_the_parents_name_is_another_parent(cache):
    cache.put(FLOW_RUNS, parent())
    cache.put(FLOW_RUNS, child())
    again = parent(5, cancel=True)
    again["metadata"]["uid"] = "uid-again"
    assert CHILD in cache.put(FLOW_RUNS, again)
    assert seen(cache) is None


def test_runs_of_other_namespaces_are_nobodys_parents(cache):
    elsewhere = parent(cancel=True)
    elsewhere["metadata"]["namespace"] = "elsewhere"
    cache.put(FLOW_RUNS, child())
    assert CHILD not in cache.put(FLOW_RUNS, elsewhere)
    assert seen(cache) is None
    assert "uid-report-1" not in cache.observe_deployment(ETL, NOW).live


def test_a_label_that_is_changed_names_another_parent(cache):
    cache.put(FLOW_RUNS, parent(cancel=True))
    cache.put(FLOW_RUNS, child())
    cache.put(FLOW_RUNS, child(2, made_by="uid-other"))
    assert seen(cache) is None
    cache.put(FLOW_RUNS, child(3))
    assert seen(cache) is not None


def test_what_is_gone_leaves_nothing_behind(cache):
    cache.put(FLOW_RUNS, parent())
    cache.put(FLOW_RUNS, child())
    cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "uid-etl-1")
    cache.remove(FLOW_RUNS, NAMESPACE, "report-1", "uid-report-1")
    assert not cache._subflows._runs
    assert not cache._subflows._of
