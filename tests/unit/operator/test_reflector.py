"""A reflector against a server that does what a real one does on a bad day."""

import asyncio
import json
import logging

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from builders import NAMESPACE, make_job, make_pod

from millstream_operator import reflector as module
from millstream_operator import watch_api
from millstream_operator.cache import Cache, Key
from millstream_operator.kinds import FLOW_RUNS, JOBS, PODS
from millstream_operator.metrics import Metrics
from millstream_operator.reflector import Reflector
from millstream_operator.watch_api import WatchApi


def event(type_, o):
    return json.dumps({"type": type_, "object": o}).encode() + b"\n"


def bookmark(version):
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


EXPIRED = event("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
HANG = object()
BREAK = object()


class Server:
    """Lists what is there, and answers each watch with the next script, the last one again and again."""

    def __init__(self):
        self.objects, self.version, self.scripts = [], 1, [[HANG]]
        self.refuse_lists, self.lists, self.watches = None, [], []
        self.may_watch = asyncio.Event()
        self.may_watch.set()

    async def answer(self, request):
        if "watch" not in request.query:
            self.lists.append(dict(request.query))
            if self.refuse_lists:
                return web.json_response({"message": "no"}, status=self.refuse_lists)
            meta = {"resourceVersion": str(self.version)}
            return web.json_response({"metadata": meta, "items": self.objects})
        self.watches.append(dict(request.query))
        await self.may_watch.wait()
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        if isinstance(script, int):
            return web.json_response({"message": "no"}, status=script)
        response = web.StreamResponse()
        await response.prepare(request)
        for part in script:
            if part is HANG:
                await asyncio.Event().wait()
            elif part is BREAK:
                request.transport.abort()
            else:
                await response.write(part)
        return response


class Setting:
    def __init__(self, api, server, kind):
        self.server, self.cache, self.changed = server, Cache(), []
        self.now = 1000.0
        self.reflector = Reflector(
            api, self.cache, kind, NAMESPACE, self.changed.append, lambda: 0.5, lambda: self.now
        )

    def jobs(self):
        return {job.name: job.version for job in self.cache._jobs}

    async def until(self, probe):
        async with asyncio.timeout(20):
            while not probe():  # noqa: ASYNC110  (what is waited for is in other objects)
                await asyncio.sleep(0.005)

    async def until_jobs(self, **expected):
        await self.until(lambda: {name.replace("-", "_"): v for name, v in self.jobs().items()} == expected)


@pytest.fixture
async def server():
    return Server()


@pytest.fixture
async def setting(server, monkeypatch):
    monkeypatch.setattr(module, "_BASE_SECONDS", 0.001)
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    async with TestServer(app, handler_cancellation=True) as running:
        url = running.make_url("/")
        sessions = aiohttp.ClientSession(url), aiohttp.ClientSession(url)
        async with WatchApi(sessions[0], Metrics(), sessions[1]) as api:
            made = Setting(api, server, JOBS)
            made.api = api
            yield made
            if running_task := getattr(made, "task", None):
                running_task.cancel()
                await asyncio.gather(running_task, return_exceptions=True)


def start(setting):
    setting.task = asyncio.create_task(setting.reflector.run())


def job(attempt=1, version=1):
    return make_job(attempt=attempt, version=version)


async def test_lists_then_watches_from_there(setting, server):
    server.objects, server.version = [job(1, version=3)], 7
    server.scripts = [[event("ADDED", job(2, version=8)), event("MODIFIED", job(1, version=9)), HANG]]
    assert not setting.reflector.synced.is_set()
    start(setting)
    await setting.until_jobs(etl_1_1=9, etl_1_2=8)
    assert setting.reflector.synced.is_set()
    assert server.lists == [{"limit": "500", "labelSelector": JOBS.selector, "fieldSelector": ""}]
    assert server.watches == [
        {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": "7",
            "timeoutSeconds": "450",
            "labelSelector": JOBS.selector,
            "fieldSelector": "",
        }
    ]
    assert {Key(FLOW_RUNS, NAMESPACE, "etl-1")} in setting.changed


async def test_a_deletion_is_taken_in(setting, server):
    server.objects = [job()]
    server.scripts = [[event("DELETED", job(version=8)), HANG]]
    start(setting)
    await setting.until(lambda: setting.reflector.synced.is_set() and not setting.jobs())


async def test_what_something_was_when_it_was_deleted_is_told_before_it_goes(setting, server):
    told = []
    setting.cache.tell(JOBS, lambda old, new: told.append((old and old.version, new and new.version)))
    server.objects = [job()]
    server.scripts = [[event("DELETED", job(version=8)), HANG]]
    start(setting)
    await setting.until(lambda: told and told[-1][1] is None)
    (_, first), *rest = told
    assert rest == [(first, 8), (8, None)]


async def test_goes_on_from_the_last_event_or_bookmark(setting, server):
    server.scripts = [[event("ADDED", job(version=8))], [bookmark(12)], [HANG]]
    start(setting)
    await setting.until(lambda: len(server.watches) == 3)
    assert [watch["resourceVersion"] for watch in server.watches] == ["1", "8", "12"]
    assert len(server.lists) == 1


@pytest.mark.parametrize(
    "end",
    [[EXPIRED], 410, 400, 504, [b"garbage\n"], [b"{}\n"], [b"[1]\n"], [event("ADDED", {"metadata": {}})]],
    ids=["ERROR", "410", "400", "504", "garbage", "empty", "list", "nameless"],
)
async def test_lists_anew_and_finds_what_was_deleted(setting, server, end):
    server.objects, server.version = [job(1), job(2)], 5
    server.may_watch.clear()
    server.scripts = [end, [HANG]]
    start(setting)
    await setting.until_jobs(etl_1_1=1, etl_1_2=1)
    server.objects, server.version = [job(2)], 9
    server.may_watch.set()
    await setting.until_jobs(etl_1_2=1)
    await setting.until(lambda: len(server.watches) == 2)
    assert server.watches[-1]["resourceVersion"] == "9"


async def test_lists_anew_from_time_to_time(setting, server):
    server.scripts = [[bookmark(5)], [HANG]]
    server.may_watch.clear()
    start(setting)
    await setting.until(lambda: server.watches)
    setting.now += 301
    server.objects, server.version = [job(version=8)], 9
    server.may_watch.set()
    await setting.until_jobs(etl_1_1=8)
    await setting.until(lambda: len(server.watches) == 2)
    assert server.watches[-1]["resourceVersion"] == "9"


@pytest.mark.parametrize("end", [429, 500, 503, [BREAK]], ids=["429", "500", "503", "broken"])
async def test_a_trouble_of_the_moment_needs_no_new_list(setting, server, end):
    server.scripts = [end, end, [event("ADDED", job(version=8)), HANG]]
    start(setting)
    await setting.until_jobs(etl_1_1=8)
    assert len(server.lists) == 1


async def test_half_an_event_is_brought_again(setting, server):
    whole = event("ADDED", job(version=8))
    server.scripts = [[bookmark(5), whole[:40]], [whole, HANG]]
    start(setting)
    await setting.until_jobs(etl_1_1=8)
    assert server.watches[-1]["resourceVersion"] == "5"
    assert len(server.lists) == 1


async def test_an_event_may_come_in_pieces_and_twice(setting, server):
    text = event("ADDED", job(version=8))
    pieces = [text[at : at + 50] for at in range(0, len(text), 50)]
    server.scripts = [[*pieces, text, event("ADDED", job(2, version=9)), HANG]]
    start(setting)
    await setting.until_jobs(etl_1_1=8, etl_1_2=9)
    assert len(server.lists) == 1


async def test_an_event_may_be_long(setting, server):
    big = job(version=8)
    big["metadata"]["annotations"] = {"millstream.dev/run": "x" * 1_000_000}
    big["metadata"]["managedFields"] = [{"manager": "x"}]
    server.scripts = [[event("ADDED", big), HANG]]
    start(setting)
    await setting.until_jobs(etl_1_1=8)


async def test_a_line_without_an_end_is_given_up(setting, server, monkeypatch):
    monkeypatch.setattr(watch_api, "_LONGEST_LINE", 1000)
    server.scripts = [[b"x" * 2000, HANG], [event("ADDED", job(version=8)), HANG]]
    start(setting)
    await setting.until_jobs(etl_1_1=8)


async def test_a_connection_that_is_silent_is_given_up(setting, server, monkeypatch):
    monkeypatch.setattr(module, "_SILENCE_SECONDS", 0.05)
    server.scripts = [[bookmark(5), HANG], [event("ADDED", job(version=8)), HANG]]
    start(setting)
    await setting.until_jobs(etl_1_1=8)
    assert len(server.lists) == 1


async def test_a_server_that_ends_each_watch_at_once_is_asked_ever_less_often(setting, server, monkeypatch):
    waits = []

    async def note(seconds, sleep=asyncio.sleep):
        waits.append(seconds)
        await sleep(0)

    server.scripts = [[]]
    start(setting)
    monkeypatch.setattr(module, "_BASE_SECONDS", 0.2)
    monkeypatch.setattr(module.asyncio, "sleep", note)
    async with asyncio.timeout(20):
        while len(waits) < 9:
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    long = [wait for wait in waits if wait]
    assert long[:7] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0]


@pytest.mark.parametrize("code", [401, 403])
async def test_a_missing_right_is_told_once(setting, server, caplog, code):
    server.refuse_lists = code
    start(setting)
    await setting.until(lambda: len(server.lists) > 3)
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    (line,) = [record.getMessage() for record in told if record.name == module.__name__]
    assert "Watching jobs in team failed" in line
    assert "needs list and watch on jobs" in line
    server.refuse_lists = None
    await setting.until(setting.reflector.synced.is_set)


async def test_a_list_that_is_none_is_asked_for_again(setting, server):
    good = server.objects
    server.objects = None
    start(setting)
    await setting.until(lambda: server.lists)
    server.objects = good
    await setting.until(setting.reflector.synced.is_set)


async def test_is_as_old_as_what_was_heard_last(setting, server):
    server.scripts = [[bookmark(5), HANG]]
    start(setting)
    await setting.until(lambda: setting.reflector._version == "5")
    setting.now += 30
    assert setting.reflector.age_seconds() == 30


async def test_others_get_their_turn_during_a_long_list(setting, server):
    server.objects = [make_job(attempt=n) for n in range(1, 1001)]
    turns = 0

    async def others():
        nonlocal turns
        while not setting.reflector.synced.is_set():
            seen = len(list(setting.cache._jobs))
            turns += 0 < seen < 1000
            await asyncio.sleep(0)

    start(setting)
    await asyncio.wait_for(others(), 20)
    assert turns >= 9


async def test_nobody_keeps_what_managers_did(setting):
    pods = Setting(setting.api, setting.server, PODS)
    pod = make_pod()
    pod["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    setting.server.objects = [pod]
    given = []
    pods.cache.put = lambda kind, o, put=pods.cache.put: given.append(o) or put(kind, o)
    start(pods)
    await pods.until(pods.reflector.synced.is_set)
    pods.task.cancel()
    assert given
    assert all("managedFields" not in o["metadata"] for o in given)
