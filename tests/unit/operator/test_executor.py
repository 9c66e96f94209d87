"""What a real API server does not answer on demand; the rest is in tests/control_plane."""

import aiohttp
import pytest
from builders import NAMESPACE, NOW, make_deployment, make_job, make_pod, make_revision, make_run, make_status

from millstream.resources.run_template import RunTemplate
from millstream.resources.states import RunState
from millstream_operator.api import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from millstream_operator.cache import Cache, Key
from millstream_operator.decide.plan import (
    CancelRun,
    ConfirmJob,
    ConfirmRevision,
    ConfirmRun,
    CreateJob,
    CreateRevision,
    DeleteJob,
    ReleasePod,
    TryJob,
    WriteRunStatus,
)
from millstream_operator.executor import Executor
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS

KEY = Key(FLOW_RUNS, NAMESPACE, "etl-1")
JOB = CreateJob({"metadata": {"namespace": NAMESPACE, "name": "etl-1-1"}})


class Api:
    """Answers each verb with what it was given: an object, or an error to raise."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []

    def __getattr__(self, verb):
        async def call(kind, *arguments, **query):
            self.calls.append((verb, kind, *arguments, *query.values()))
            answer = self.answers[verb]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return call


class World:
    def __init__(self, api, *, status=None):
        self.cache, self.changed, self.said = Cache(), set(), []
        self.deleted = []
        self.cache.put(FLOW_RUNS, make_run(status=status))
        self.cache.put(FLOW_DEPLOYMENTS, make_deployment())
        self.executor = Executor(
            api,
            self.cache,
            self.changed.update,
            lambda: NOW,
            lambda *told: self.said.append(told),
            lambda *run: self.deleted.append(run),
        )

    def observed(self):
        return self.cache.observe_run(KEY, NOW)

    async def execute(self, action):
        await self.executor.execute(action, KEY, self.observed())


async def test_a_status_write_names_the_version_that_it_was_decided_from():
    status = make_status(RunState.RUNNING)
    api = Api(patch=make_run(version=2, status=status))
    world = World(api)
    await world.execute(WriteRunStatus(status))
    ((_, _, _, name, (version, write), part),) = api.calls
    assert (name, part) == ("etl-1", "status")
    assert version == {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}
    assert write["value"] == status.to_dict()
    assert world.observed().run.status == status
    assert KEY in world.changed


async def test_a_cancellation_is_of_the_run_that_was_decided_about():
    api = Api(patch=make_run(version=2, cancel=True))
    world = World(api)
    await world.execute(CancelRun())
    ((_, kind, _, name, (version, change), part),) = api.calls
    assert (kind, name, part) == (FLOW_RUNS, "etl-1", None)
    assert version == {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}
    assert change == {"op": "add", "path": "/spec/cancel", "value": True}
    assert world.observed().run.spec.cancel
    assert KEY in world.changed


async def test_a_run_that_is_gone_is_not_cancelled():
    world = World(Api(patch=NotFoundError(404, "gone")))
    with pytest.raises(NotFoundError):
        await world.execute(CancelRun())
    assert world.observed().run is None


async def test_a_conflict_ends_the_plan():
    world = World(Api(patch=ConflictError(409, "changed")))
    with pytest.raises(ConflictError):
        await world.execute(WriteRunStatus(make_status(RunState.RUNNING)))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ApiError(403, "the policy says no"), True),
        (ApiError(422, "invalid"), True),
        (ConflictError(409, "changed"), False),
        (NotFoundError(404, "gone"), False),
        (ApiError(503, "later"), False),
    ],
)
async def test_a_status_that_is_refused_is_told_where_it_can_be(error, told):
    world = World(Api(patch=error))
    with pytest.raises(ApiError):
        await world.execute(WriteRunStatus(make_status(RunState.RUNNING)))
    assert [run.name for run, _ in world.said] == ["etl-1"] * told
    for _, said in world.said:
        assert (said.kind, said.reason) == ("Warning", "StatusRefused")
        assert str(error) in said.message


async def test_no_job_is_made_for_a_run_that_is_gone():
    world = World(Api(patch=NotFoundError(404, "gone")))
    with pytest.raises(NotFoundError):
        await world.execute(WriteRunStatus(make_status(RunState.PENDING)))
    assert world.observed().run is None


async def test_a_job_that_the_run_owns_is_taken_for_it():
    world = World(Api(create=AlreadyExistsError(409, "exists"), get=make_job()))
    await world.execute(JOB)
    assert set(world.observed().jobs) == {"etl-1-1"}
    assert world.observed().refusal is None


async def test_a_job_of_somebody_else_is_not():
    world = World(Api(create=AlreadyExistsError(409, "exists"), get=make_job(owner="other")))
    await world.execute(JOB)
    assert world.observed().jobs == {}
    assert (world.observed().refusal.foreign, world.observed().refusal.job) == (True, "etl-1-1")


@pytest.mark.parametrize("code", [400, 403, 404, 409, 413, 422, 500, 503])
async def test_what_the_api_server_says_of_a_job_is_remembered(code):
    world = World(Api(create=ApiError(code, "no")))
    await world.execute(JOB)
    refusal = world.observed().refusal
    assert (refusal.job, refusal.code, refusal.message, refusal.time) == ("etl-1-1", code, "no", NOW)
    assert world.changed == {KEY}


@pytest.mark.parametrize(
    "error",
    [*(ApiError(code, "later") for code in (401, 408, 429)), aiohttp.ClientError(), TimeoutError()],
)
async def test_what_passes_is_no_refusal(error):
    world = World(Api(create=error))
    with pytest.raises(type(error)):
        await world.execute(JOB)
    assert world.observed().refusal is None


async def test_a_job_that_is_made_ends_the_refusal():
    api = Api(create=ApiError(403, "quota"))
    world = World(api)
    await world.execute(JOB)
    api.answers["create"] = make_job()
    await world.execute(JOB)
    assert world.observed().refusal is None


async def test_a_revision_that_exists_is_the_same():
    revision = make_revision("etl-a")
    world = World(Api(create=AlreadyExistsError(409, "exists"), get=revision))
    await world.execute(CreateRevision("etl-a", "etl", revision["data"]))
    assert world.observed().revisions == {"etl-a": RunTemplate.model_validate(revision["data"])}


async def test_a_job_that_is_gone_need_not_be_deleted():
    await World(Api(delete=NotFoundError(404, "gone"))).execute(DeleteJob("etl-1-1", "uid"))


async def test_only_our_finalizer_is_taken_and_only_off_that_pod():
    api = Api(patch=make_pod(version=2, held=False))
    world = World(api)
    await world.execute(ReleasePod("etl-1-1-x", "uid", ("a", "millstream.dev/outcome", "b")))
    ((_, kind, _, name, operations),) = api.calls
    assert (kind, name) == (PODS, "etl-1-1-x")
    assert operations == [
        {"op": "test", "path": "/metadata/uid", "value": "uid"},
        {"op": "test", "path": "/metadata/finalizers/1", "value": "millstream.dev/outcome"},
        {"op": "remove", "path": "/metadata/finalizers/1"},
    ]


async def test_a_pod_that_others_have_changed_is_looked_up():
    changed = make_pod(version=5) | {}
    changed["metadata"]["finalizers"] = ["millstream.dev/outcome"]
    world = World(Api(patch=ApiError(422, "test failed"), collect=([changed], 9)))
    world.cache.put(PODS, make_pod())
    with pytest.raises(ConflictError):
        await world.execute(ReleasePod("etl-1-1-x", "uid-etl-1-1-x", ("millstream.dev/outcome", "other")))
    assert world.observed().pods[0].finalizers == ("millstream.dev/outcome",)
    world.changed.clear()
    with pytest.raises(ConflictError):
        await world.execute(ReleasePod("etl-1-1-x", "uid-etl-1-1-x", ("millstream.dev/outcome", "other")))
    assert world.changed == set()  # nothing new: it is tried again after a while only


async def test_a_run_that_is_looked_up_and_is_as_it_was_is_not_decided_about_again():
    world = World(Api(get=make_run()))
    await world.executor.look_up_run(KEY, world.observed())
    assert world.changed == set()


async def test_a_pod_that_is_gone_is_forgotten():
    world = World(Api(patch=NotFoundError(404, "gone")))
    world.cache.put(PODS, make_pod())
    await world.execute(ReleasePod("etl-1-1-x", "uid-etl-1-1-x", ("millstream.dev/outcome",)))
    assert world.observed().pods == ()


@pytest.mark.parametrize(
    ("job", "pods", "left"),
    [
        (make_job(version=5), [make_pod(version=5)], (1, 1)),
        (make_job(version=5), [], (1, 0)),
        (NotFoundError(404, "gone"), [make_pod(version=5)], (0, 1)),
        (NotFoundError(404, "gone"), [], (0, 0)),
        (make_job(version=5), [make_pod(version=5), make_pod(attempt=2)], (1, 2)),
    ],
)
async def test_asking_makes_the_cache_true(job, pods, left):
    world = World(Api(get=job, collect=(pods, 5)))
    world.cache.put(JOBS, make_job())
    world.cache.put(PODS, make_pod())
    world.changed.clear()
    await world.execute(ConfirmJob("etl-1-1"))
    assert KEY in world.changed
    observed = world.observed()
    assert (len(observed.jobs), len(observed.pods)) == left
    assert observed.confirmed == "etl-1-1"


async def test_a_deployments_jobs_are_tried():
    key = Key(FLOW_DEPLOYMENTS, NAMESPACE, "etl")
    quota = ApiError(403, "exceeded quota")  # it passes, and says nothing about the Job
    invalid = ApiError(422, "label: invalid")
    for answer, refusal in ((make_job(), ""), (invalid, "label: invalid"), (quota, "")):
        world = World(Api(try_to_create=answer))
        observed = world.cache.observe_deployment(key, NOW)
        await world.executor.execute(TryJob(JOB.job), key, observed)
        seen = world.cache.observe_deployment(key, NOW)
        assert (seen.tried, seen.refusal) == (1, refusal)


async def test_a_revision_of_the_name_with_other_content_is_replaced():
    class Planted(Api):
        async def create(self, *_, **__):
            raise AlreadyExistsError(409, "exists")

        async def delete(self, *arguments):
            self.calls.append(("delete", arguments[2]))

    api = Planted(get=make_revision("etl-a", {"image": "evil"}))
    with pytest.raises(ConflictError):
        await World(api).execute(CreateRevision("etl-a", "etl", {"image": "x"}))
    assert ("delete", "etl-a") in api.calls


async def test_what_is_asked_for_and_gone_is_forgotten():
    world = World(Api(get=NotFoundError(404, "gone")))
    await world.execute(ConfirmRevision("etl-a"))
    assert world.observed().confirmed == "etl-a"
    await world.execute(ConfirmRun("etl-1"))
    assert world.observed().run is None


async def test_revisions_are_labelled_so_that_they_are_found_again():
    api = Api(create=make_revision("etl-a"))
    await World(api).execute(CreateRevision("etl-a", "etl", {"image": "x"}))
    ((_, kind, body),) = api.calls
    assert kind == REVISIONS
    assert body["metadata"]["labels"]["millstream.dev/deployment"] == "etl"
    assert body["data"] == {"image": "x"}
