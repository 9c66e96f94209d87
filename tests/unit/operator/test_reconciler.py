import aiohttp
import pytest
from builders import NAMESPACE, NOW, TEMPLATE, after, make_deployment, make_run, make_status, text

from millstream.resources.states import RunState
from millstream_operator.api import ApiError, ConflictError, NotFoundError
from millstream_operator.cache import Cache, Key
from millstream_operator.keyed_queue import KeyedQueue
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS
from millstream_operator.metrics import Metrics
from millstream_operator.reconciler import Reconciler

GOOD, BAD = (Key(FLOW_RUNS, NAMESPACE, name) for name in ("good", "bad"))


class Executor:
    """Notes what it is told to do; on `bad` it fails as it was told to."""

    def __init__(self, error=None):
        self.error = error
        self.done = []

    async def execute(self, action, key, observed):
        del observed
        if key == BAD and self.error:
            raise self.error
        self.done.append((key.name, type(action).__name__))

    async def look_up_run(self, key, observed):
        del observed
        self.done.append((key.name, "look up"))


class Setting:
    def __init__(self, error=None, *, jitter=0.5):
        self.cache, self.metrics, self.executor = Cache(), Metrics(), Executor(error)
        self.queue = KeyedQueue[Key](lambda: jitter)
        self.waits = {}
        self.queue.add_after = self.waits.__setitem__
        self.reconciler = Reconciler(self.cache, self.queue, self.executor, self.metrics, lambda: NOW)

    async def work(self, *runs):
        for run in runs:
            for key in self.cache.put(FLOW_RUNS, run):
                self.queue.add(key)
        keys = list(self.cache.keys())
        return [await self.reconciler._reconcile(key) for key in keys]


async def test_carries_out_a_plan_in_its_order():
    setting = Setting()
    assert await setting.work(make_run("good", template=TEMPLATE)) == ["ok"]
    assert setting.executor.done == [("good", name) for name in ("TakeSlot", "WriteRunStatus", "CreateJob")]


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (ConflictError(409, "changed"), "conflict"),
        (NotFoundError(404, "gone"), "conflict"),
        (ApiError(422, "status is invalid"), "refused"),
        (ApiError(403, "no"), "refused"),
        (ApiError(503, "no"), "refused"),
        (aiohttp.ClientConnectionError(), "unreachable"),
        (TimeoutError(), "unreachable"),
        (RuntimeError("poison"), "error"),
    ],
)
@pytest.mark.filterwarnings("error")
async def test_a_failure_ends_its_plan_and_holds_up_nobody(error, result):
    setting = Setting(error)
    runs = [make_run("bad", template=TEMPLATE), make_run("good", template=TEMPLATE)]
    assert await setting.work(*runs) == [result, "ok"]
    assert {name for name, _ in setting.executor.done} == {"good"}
    assert setting.waits == {BAD: 0.1}


async def test_failures_are_waited_for_longer_until_one_succeeds():
    setting = Setting(ConflictError(409, "changed"))
    run = make_run("bad", template=TEMPLATE)
    waits = []
    for _ in range(3):
        await setting.work(run)
        waits.append(setting.waits[BAD])
    setting.executor.error = None
    await setting.work()
    setting.executor.error = ConflictError(409, "changed")
    await setting.work()
    assert [*waits, setting.waits[BAD]] == [0.1, 0.2, 0.4, 0.1]


async def test_waits_as_long_as_the_server_asks():
    setting = Setting(ApiError(429, "later", 9.0))
    await setting.work(make_run("bad", template=TEMPLATE))
    assert setting.waits == {BAD: 9.0}


async def test_looks_again_when_the_plan_says_so():
    setting = Setting()
    await setting.work(make_run("good", template=TEMPLATE, scheduledTime=text(after(60))))
    assert setting.waits == {GOOD: 60}


async def test_an_unreadable_run_is_told_and_left(caplog):
    setting = Setting()
    setting.cache.put(FLOW_RUNS, make_run("bad") | {"spec": {"template": 1}})
    assert await setting.reconciler._reconcile(BAD) == "ok"
    assert "flowruns/bad in team cannot be read" in caplog.text
    assert setting.executor.done == []


async def test_a_deployment_that_is_gone_needs_nothing():
    setting = Setting()
    assert await setting.reconciler._reconcile(Key(FLOW_DEPLOYMENTS, NAMESPACE, "gone")) == "ok"
    assert setting.executor.done == []


async def test_works_until_the_queue_is_closed():
    setting = Setting()
    for key in setting.cache.put(FLOW_RUNS, make_run("good", template=TEMPLATE)):
        setting.queue.add(key)
    original = setting.executor.execute

    async def last(action, key, observed):
        setting.queue.close()
        await original(action, key, observed)

    setting.executor.execute = last
    await setting.reconciler.work()
    assert setting.executor.done[-1] == ("good", "CreateJob")
    assert (
        b'millstream_operator_reconciles_total{kind="flowruns",result="ok"} 1.0' in setting.metrics.page()[0]
    )


LIMITED = make_deployment(concurrency={"limit": 1})


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ConflictError(409, "changed"), True),
        (ApiError(403, "no"), False),
        (ApiError(429, "later"), True),
        (ApiError(504, "perhaps it is written"), True),
        (TimeoutError(), True),
        (aiohttp.ClientConnectionError(), True),
    ],
)
async def test_a_slot_is_kept_only_while_its_run_may_have_been_admitted(error, kept):
    setting = Setting()
    setting.cache.put(FLOW_DEPLOYMENTS, LIMITED)
    setting.cache.put(FLOW_RUNS, make_run("bad"))
    run = setting.cache.observe_run(BAD, NOW).run

    async def take_and_fail(action, *_):
        assert type(action).__name__ == "TakeSlot"
        setting.cache.reserve_slot(run)
        raise error

    setting.executor.execute = take_and_fail
    await setting.reconciler._reconcile(BAD)
    setting.cache.put(FLOW_RUNS, make_run("good"))
    assert setting.cache.observe_run(GOOD, NOW).slots.held == kept


async def test_what_fails_of_a_deployment_takes_no_slot_from_a_run_of_its_name():
    setting = Setting(ApiError(403, "no"))
    setting.cache.put(FLOW_DEPLOYMENTS, make_deployment("bad"))
    setting.cache.put(FLOW_RUNS, make_run("bad", deployment="bad"))
    setting.cache.reserve_slot(setting.cache.observe_run(BAD, NOW).run)
    key = Key(FLOW_DEPLOYMENTS, NAMESPACE, "bad")
    failing = Setting(ApiError(403, "no"))
    failing.reconciler._cache = setting.cache
    failing.executor.execute = _refuse
    assert await failing.reconciler._reconcile(key) == "refused"
    assert setting.cache.observe_deployment(key, NOW).active == 1


async def _refuse(*_):
    raise ApiError(403, "no")


async def test_a_run_that_is_refused_is_not_tried_again_at_once():
    setting = Setting(ApiError(403, "no"))
    setting.cache.put(FLOW_DEPLOYMENTS, LIMITED)
    setting.cache.put(FLOW_RUNS, make_run("bad", status=make_status(RunState.QUEUED, attempt=0)))
    added = []
    setting.queue.add = added.append
    assert await setting.reconciler._reconcile(BAD) == "refused"
    assert BAD not in added
    assert BAD in setting.waits


async def test_the_api_server_is_asked_before_a_slot_that_may_be_taken_is_given_away():
    setting = Setting(TimeoutError())
    setting.cache.put(FLOW_DEPLOYMENTS, LIMITED)
    setting.cache.put(FLOW_RUNS, make_run("bad"))
    await setting.reconciler._reconcile(BAD)
    setting.executor.error = None
    await setting.reconciler._reconcile(BAD)
    assert setting.executor.done[0] == ("bad", "look up")
