import pytest
from builders import (
    DISRUPTION_RULE,
    NAMESPACE,
    NOW,
    TEMPLATE,
    after,
    make_deployment,
    make_job,
    make_pod,
    make_revision,
    make_run,
    make_status,
)

from millstream.resources.states import RunState
from millstream_operator.cache import Cache, Key
from millstream_operator.decide.observed import Refusal
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS

RUN = Key(FLOW_RUNS, NAMESPACE, "etl-1")
DEPLOYMENT = Key(FLOW_DEPLOYMENTS, NAMESPACE, "etl")


@pytest.fixture
def cache():
    return Cache()


def seen(cache, key=RUN):
    return cache.observe_run(key, NOW)


def seen_deployment(cache):
    return cache.observe_deployment(DEPLOYMENT, NOW)


def unreadable_run(**more):
    return make_run(**more) | {"spec": {"deploymentRef": 7}}


@pytest.mark.parametrize(
    ("kind", "o", "keys"),
    [
        (FLOW_RUNS, make_run(status=make_status(RunState.COMPLETED)), {RUN, DEPLOYMENT}),
        (FLOW_RUNS, make_run(template=TEMPLATE), {RUN}),
        (FLOW_DEPLOYMENTS, make_deployment(), {DEPLOYMENT}),
        (REVISIONS, make_revision("etl-a"), {DEPLOYMENT}),
        (JOBS, make_job(), {RUN}),
        (PODS, make_pod(), {RUN}),
    ],
)
def test_a_change_names_what_to_decide_about(cache, kind, o, keys):
    assert cache.put(kind, o) == keys
    assert cache.remove(kind, NAMESPACE, o["metadata"]["name"], o["metadata"]["uid"]) == keys


def test_the_end_of_a_run_concerns_its_deployment_once(cache):
    cache.put(FLOW_RUNS, make_run(version=1, status=make_status(RunState.RUNNING, revision="etl-a")))
    assert seen_deployment(cache).in_use == {"etl-a"}
    ended = make_status(RunState.COMPLETED, revision="etl-a")
    assert cache.put(FLOW_RUNS, make_run(version=2, status=ended)) == {RUN, DEPLOYMENT}
    assert seen_deployment(cache).in_use == set()
    assert cache.put(FLOW_RUNS, make_run(version=3, status=ended)) == {RUN}
    assert cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "uid-etl-1") == {RUN, DEPLOYMENT}


def test_a_live_run_that_is_deleted_concerns_its_deployment(cache):
    cache.put(FLOW_RUNS, make_run())
    assert seen_deployment(cache).admitting
    assert cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "uid-etl-1") == {RUN, DEPLOYMENT}
    assert not seen_deployment(cache).admitting


def test_a_deployment_concerns_the_runs_that_have_no_attempt_yet(cache):
    for name, status in {
        "waits": None,
        "scheduled": make_status(RunState.SCHEDULED, attempt=0),
        "begun": make_status(RunState.PENDING, revision="etl-a"),
        "refused": make_status(RunState.FAILED, attempt=0),
    }.items():
        cache.put(FLOW_RUNS, make_run(name, status=status))
    waiting = {Key(FLOW_RUNS, NAMESPACE, name) for name in ("waits", "scheduled")}
    assert cache.put(FLOW_DEPLOYMENTS, make_deployment()) == {DEPLOYMENT} | waiting
    broken = make_deployment(version=2) | {"spec": {}}
    assert cache.put(FLOW_DEPLOYMENTS, broken) == {DEPLOYMENT} | waiting


@pytest.mark.parametrize("versions", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (3, 3, 3), (1, 3, 2)])
def test_the_newest_version_stays_in_whatever_order_they_come(cache, versions):
    for version in versions:
        cache.put(FLOW_RUNS, make_run(version=version, tags=[str(version)]))
    assert seen(cache).run.version == max(versions)
    assert seen(cache).run.spec.tags == [str(max(versions))]


def test_versions_are_numbers(cache):
    cache.put(FLOW_RUNS, make_run(version=9))
    assert cache.put(FLOW_RUNS, make_run(version=10)) == {RUN}


def test_a_version_that_is_known_changes_nothing(cache):
    cache.put(JOBS, make_job(version=5))
    assert cache.put(JOBS, make_job(version=5)) == set()


def test_what_was_deleted_does_not_come_back(cache):
    cache.put(FLOW_RUNS, make_run(version=3))
    cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "uid-etl-1")
    assert cache.put(FLOW_RUNS, make_run(version=4)) == set()
    assert seen(cache).run is None


def test_a_deletion_may_come_before_what_it_deletes(cache):
    assert cache.remove(PODS, NAMESPACE, "etl-1-1-x", "uid-etl-1-1-x") == set()
    assert cache.put(PODS, make_pod()) == set()


def test_a_late_deletion_spares_the_next_object_of_the_name(cache):
    cache.put(FLOW_RUNS, make_run(uid="new", version=9))
    assert cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "old") == set()
    assert seen(cache).run.uid == "new"


def test_a_late_change_of_an_earlier_object_spares_the_next_one_of_the_name(cache):
    cache.put(FLOW_RUNS, make_run(uid="new", version=9))
    assert cache.put(FLOW_RUNS, make_run(uid="old", version=8, deleting=True)) == set()
    assert seen(cache).run.uid == "new"


def test_memory_of_deletions_is_bounded(cache, monkeypatch):
    monkeypatch.setattr("millstream_operator.cache._TOMBSTONES", 2)
    for name in ("a", "b", "c"):
        cache.remove(FLOW_RUNS, NAMESPACE, name, f"uid-{name}")
    assert cache.put(FLOW_RUNS, make_run("a"))
    assert not cache.put(FLOW_RUNS, make_run("b"))


def test_a_list_removes_what_is_not_in_it(cache):
    cache.put(JOBS, make_job("a", version=3))
    cache.put(JOBS, make_job("b", version=3))
    changed = cache.replace(JOBS, [make_job("b", version=4), make_job("c", version=2)], 5, None)
    assert changed == {Key(FLOW_RUNS, NAMESPACE, name) for name in "abc"}
    assert {key.name for key in changed if seen(cache, key).jobs} == set()
    for name in "abc":
        cache.put(FLOW_RUNS, make_run(name))
    found = {name: list(seen(cache, Key(FLOW_RUNS, NAMESPACE, name)).jobs) for name in "abc"}
    assert found == {"a": [], "b": ["b-1"], "c": ["c-1"]}


def test_a_list_spares_what_is_newer_than_it(cache):
    cache.put(FLOW_RUNS, make_run(version=6))
    assert cache.replace(FLOW_RUNS, [], 5, None) == set()
    assert seen(cache).run is not None


def test_an_old_list_brings_nothing_back(cache):
    cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "uid-etl-1")
    assert cache.replace(FLOW_RUNS, [make_run()], 5, None) == set()


@pytest.mark.parametrize(("scope", "gone"), [(None, True), (NAMESPACE, True), ("other", False)])
@pytest.mark.parametrize("o", [make_run(), unreadable_run()])
def test_a_list_speaks_only_of_its_scope(cache, o, scope, gone):
    cache.put(FLOW_RUNS, o)
    assert (RUN in cache.replace(FLOW_RUNS, [], 5, scope)) == gone
    assert cache.why_unreadable(RUN) == "" if gone else True


FOREIGN = make_job()
del FOREIGN["metadata"]["labels"]["millstream.dev/run"]


@pytest.mark.parametrize(
    ("kind", "o"),
    [(JOBS, FOREIGN), (REVISIONS, make_revision("x") | {"data": None, "metadata": make_run()["metadata"]})],
)
def test_somebody_elses_object_concerns_nobody(cache, kind, o):
    assert cache.put(kind, o) == set()
    assert list(cache.keys()) == []


def test_an_unreadable_run_is_not_decided_about(cache):
    assert cache.put(FLOW_RUNS, unreadable_run()) == {RUN}
    assert seen(cache) is None
    assert "deploymentRef" in cache.why_unreadable(RUN)


def test_an_unreadable_version_hides_the_readable_one(cache):
    cache.put(FLOW_RUNS, make_run(version=1))
    assert cache.put(FLOW_RUNS, unreadable_run(version=2)) == {RUN}
    assert seen(cache) is None
    assert cache.put(FLOW_RUNS, make_run(version=1)) == set()
    assert cache.put(FLOW_RUNS, make_run(version=3)) == {RUN, DEPLOYMENT}
    assert (seen(cache).run.version, cache.why_unreadable(RUN)) == (3, "")


def test_pods_of_an_unreadable_run_are_let_go_when_it_is_deleted(cache):
    cache.put(FLOW_RUNS, unreadable_run())
    cache.put(PODS, make_pod())
    assert cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "uid-etl-1") == {RUN}
    assert [pod.name for pod in seen(cache).pods] == ["etl-1-1-x"]


def test_an_unreadable_deployment_is_not_a_missing_one(cache):
    cache.put(FLOW_RUNS, make_run())
    cache.put(FLOW_DEPLOYMENTS, make_deployment() | {"spec": {"image": "x"}})
    assert seen(cache).deployment is None
    assert "entrypoint" in seen(cache).deployment_error
    assert cache.observe_deployment(DEPLOYMENT, NOW) is None


def test_a_run_sees_what_is_its_own(cache):
    cache.put(FLOW_RUNS, make_run())
    cache.put(FLOW_DEPLOYMENTS, make_deployment())
    cache.put(FLOW_DEPLOYMENTS, make_deployment("other"))
    cache.put(REVISIONS, make_revision("etl-a"))
    cache.put(REVISIONS, make_revision("other-a", deployment="other"))
    cache.put(JOBS, make_job())
    cache.put(JOBS, make_job(attempt=2, owner="an-earlier-run"))
    cache.put(JOBS, make_job("etl-2"))
    cache.put(PODS, make_pod())
    cache.put(PODS, make_pod(attempt=2, run_uid="an-earlier-run"))
    observed = seen(cache)
    assert observed.deployment.name == "etl"
    assert set(observed.revisions) == {"etl-a"}
    assert set(observed.jobs) == {"etl-1-1"}
    assert [pod.name for pod in observed.pods] == ["etl-1-1-x"]
    assert [pod.name for pod in observed.strays] == ["etl-1-2-x"]


def test_without_its_run_every_pod_is_seen(cache):
    cache.put(PODS, make_pod())
    assert [pod.name for pod in seen(cache).pods] == ["etl-1-1-x"]
    assert set(cache.keys()) == {RUN}


def test_a_deployment_sees_the_revisions_that_live_runs_use(cache):
    cache.put(REVISIONS, make_revision("etl-a"))
    for name, state, revision in (
        ("one", RunState.RUNNING, "etl-a"),
        ("two", RunState.COMPLETED, "etl-b"),
        ("three", RunState.SCHEDULED, None),
    ):
        cache.put(FLOW_RUNS, make_run(name, status=make_status(state, revision=revision)))
    observed = cache.observe_deployment(DEPLOYMENT, NOW)
    assert observed.deployment is None
    assert [revision.name for revision in observed.revisions] == ["etl-a"]
    assert observed.in_use == {"etl-a"}


def test_a_confirmation_holds_for_one_decision(cache):
    cache.put(FLOW_RUNS, make_run())
    cache.answers.confirm(NAMESPACE, "etl-1", "etl-1-1")
    assert seen(cache).confirmed == "etl-1-1"
    assert seen(cache).confirmed is None


def test_a_refusal_holds_until_it_is_forgotten_or_the_run_is_gone(cache):
    refusal = Refusal(job="etl-1-1", code=403, message=DISRUPTION_RULE, since=NOW, time=NOW)
    for forget in (
        lambda: cache.answers.accept("one"),
        lambda: cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "one"),
    ):
        cache.put(FLOW_RUNS, make_run(uid="one"))
        cache.answers.refuse("one", refusal)
        assert seen(cache).refusal == seen(cache).refusal == refusal
        forget()
        cache.put(FLOW_RUNS, make_run(uid="two", version=2))
        assert seen(cache).refusal is None
        cache.remove(FLOW_RUNS, NAMESPACE, "etl-1", "two")


def test_the_first_refusal_of_a_job_is_remembered(cache):
    cache.put(FLOW_RUNS, make_run(uid="one"))
    for moment in (NOW, after(10)):
        cache.answers.refuse("one", Refusal(job="etl-1-1", code=500, message="", since=moment, time=moment))
    assert (seen(cache).refusal.since, seen(cache).refusal.time) == (NOW, after(10))


def test_a_job_whose_label_changes_leaves_its_old_run(cache):
    other = Key(FLOW_RUNS, NAMESPACE, "other")
    cache.put(JOBS, make_job(version=1))
    moved = make_job(version=2)
    moved["metadata"]["labels"]["millstream.dev/run"] = "other"
    assert cache.put(JOBS, moved) == {RUN, other}


def test_nothing_is_left_of_what_is_gone(cache):
    objects = (
        (FLOW_RUNS, make_run()),
        (FLOW_DEPLOYMENTS, make_deployment()),
        (REVISIONS, make_revision("etl-a")),
        (JOBS, make_job()),
        (PODS, make_pod()),
    )
    for kind, o in objects:
        cache.put(kind, o)
    assert set(cache.keys()) == {RUN, DEPLOYMENT}
    for kind, o in objects:
        cache.remove(kind, NAMESPACE, o["metadata"]["name"], o["metadata"]["uid"])
    assert list(cache.keys()) == []
    assert list(cache.runs()) == []
