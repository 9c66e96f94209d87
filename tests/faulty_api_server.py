"""A reverse proxy before a real API server that spoils what passes, as a plan says.

The operator talks plain HTTP to it, and its bearer token is passed on. Everything else talks to the API server
itself, so that what the operator does can be told from what it was told.
"""

import asyncio
import contextlib
import json
import random
import re
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from control_plane import ControlPlane
from patience import HANG_SECONDS

Object = dict[str, Any]
T = TypeVar("T")

_REASONS = {
    401: "Unauthorized",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_PASSED_HEADERS = ("Authorization", "Content-Type", "Accept")
_PARTS_OF_COLLECTION = 2  # the namespace and the plural
_LINE_BYTES = 2**22


class Background:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(HANG_SECONDS)

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Run a last coroutine, which closes connections, and cancel what is left."""
        self.run(_end(last))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end(last: Coroutine[Any, Any, None]) -> None:
    # First: a session aborts what is in use, while a request that is cancelled waits for the other side's farewell.
    await last
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _ in range(5):  # turns of the loop that a connection needs to be closed
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Call:
    """A request of the operator, and what the proxy did to it."""

    method: str
    path: str
    watch: bool
    dry: bool
    fault: str | None

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.dry

    @property
    def names_object(self) -> bool:
        """Whether it is about one object, and no collection."""
        return len(self.path.partition("/namespaces/")[2].split("/")) > _PARTS_OF_COLLECTION


class Plan:
    """What goes wrong: here, nothing."""

    def request(self, call: Call) -> str | None:
        """Name what happens to a request, of REQUEST_FAULTS or, for a watch, of WATCH_FAULTS."""

    def event(self, kind: str, event: Object) -> str | None:
        """Name what happens to an event of a watch, of EVENT_FAULTS; `kind` is the resource's plural."""


class RandomPlan(Plan):
    """Faults by chance.

    Everything that passes has a name and a number, and its fate follows from these and the seed: who was quicker
    this time does not change what happens to the others.
    """

    def __init__(self, seed: int, requests: Mapping[str, float], events: Mapping[str, float]) -> None:
        """Make a plan.

        Args:
            seed: of the chances.
            requests: chances of REQUEST_FAULTS, which for watches are used where they apply.
            events: chances of EVENT_FAULTS.
        """
        self._seed = seed
        self._requests = requests
        self._watches = {fault: chance for fault, chance in requests.items() if fault in WATCH_FAULTS}
        self._events = events
        self._seen: Counter[str] = Counter()

    def request(self, call: Call) -> str | None:
        path = re.sub(r"/namespaces/[^/]+|(?<=[0-9])-[a-z0-9]{5}$", "", call.path)
        chances = self._watches if call.watch else self._requests
        fault = self._fate(f"{call.method} {path} {call.watch}", chances)
        # "Invalid" is the one answer that is believed: the run would rightly fail.
        final = fault == "422" and call.method == "POST" and path.endswith("/jobs")
        return None if final else fault

    def event(self, kind: str, event: Object) -> str | None:
        name = event["object"]["metadata"].get("name", event["type"])
        name = name[:-6] if kind == "pods" else name
        return self._fate(f"{kind} {name}", self._events)

    def _fate(self, what: str, chances: Mapping[str, float]) -> str | None:
        self._seen[what] += 1
        chance = random.Random(f"{self._seed} {what} {self._seen[what]}").random()
        for fault, share in chances.items():
            chance -= share
            if chance < 0:
                return fault
        return None


class FaultyApiServer:
    """The proxy.

    Attributes:
        url: where it listens.
        plan: what goes wrong; may be changed at any time.
        calls: all requests of the operator so far.
        events: how many events have suffered which fault.
        late_seconds: longer than the operator waits for an answer.
        slow_seconds: how long a slow answer takes, which the operator does wait for.
        held_seconds: how long an event is held back.
    """

    def __init__(self, background: Background, target: str, authority: Path) -> None:
        self._background = background
        self._target = target
        self._tls = ssl.create_default_context(cafile=authority)
        self.plan = Plan()
        self.calls: list[Call] = []
        self.events: Counter[str] = Counter()
        self.late_seconds = 4.0
        self.slow_seconds = 0.5
        self.held_seconds = 0.3
        background.run(self._start())

    async def _start(self) -> None:
        self._answering = asyncio.Event()
        self._answering.set()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=_LINE_BYTES,
            auto_decompress=False,
        )
        app = web.Application(client_max_size=_LINE_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._port = port

    async def stop(self) -> None:
        self._abort_all()
        await self._session.close()
        await self._runner.cleanup()

    # --- what a test does with it ---

    def write_kubeconfig(self, like: Path, path: Path) -> Path:
        """Write credentials that lead here, with the token of another file."""
        config = json.loads(like.read_text())
        config["clusters"][0]["cluster"] = {"server": self.url}
        path.write_text(json.dumps(config))
        return path

    def refuse_connections(self) -> None:
        """Be away: connections are cut, and new ones refused, until `heal`."""
        self._background.run(self._go_away())

    async def _go_away(self) -> None:
        await self._site.stop()
        self._abort_all()

    def answer_nothing(self) -> None:
        """Take everything and answer nothing, also on open streams, until `heal`."""
        self._background.run(self._fall_silent())

    async def _fall_silent(self) -> None:
        self._answering.clear()

    def heal(self) -> None:
        """Let no fault begin any more. A stream that hangs goes on hanging: nobody would tell its reader."""
        self._background.run(self._heal())

    async def _heal(self) -> None:
        self.plan = Plan()
        if not self._answering.is_set():
            self._abort_all()  # as the network's end of such a time is
            self._answering.set()
        if self._site not in self._runner.sites:
            self._site = web.TCPSite(self._runner, "127.0.0.1", self._port)
            await self._site.start()

    def faults(self) -> Counter[str]:
        """Count the faults so far."""
        return self.events + Counter(call.fault for call in self.calls if call.fault)

    # --- requests ---

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except (aiohttp.ClientError, ConnectionError):
            return _abort(request)  # one of the two sides has gone

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        watch = request.query.get("watch") in {"true", "1"}
        planned = Call(request.method, request.path, watch, "dryRun" in request.query, None)
        fault = self.plan.request(planned) if self._answering.is_set() else "no answer"
        self.calls.append(Call(request.method, request.path, watch, planned.dry, fault))
        if fault is None:
            return await (self._stream(request) if watch else self.pass_on(request))
        return await (WATCH_FAULTS if watch else REQUEST_FAULTS)[fault](self, request)

    def _abort_all(self) -> None:
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def pass_on(self, request: web.Request) -> web.Response:
        """Have the API server answer a request."""
        body = await request.read()
        async with self._upstream(request, body) as answer:
            return web.Response(
                body=await answer.read(), status=answer.status, headers=_headers(answer.headers)
            )

    def _upstream(self, request: web.Request, body: bytes) -> Any:
        headers = {name: request.headers[name] for name in _PASSED_HEADERS if name in request.headers}
        url = self._target + request.path_qs
        return self._session.request(
            request.method, url, data=body or None, headers=headers | {"Accept-Encoding": "identity"}
        )

    # --- watches ---

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        async with self._upstream(request, b"") as answer:
            if answer.status != 200:
                return web.Response(
                    body=await answer.read(), status=answer.status, headers=_headers(answer.headers)
                )
            response = web.StreamResponse(headers=_headers(answer.headers))
            await response.prepare(request)
            stream = Stream(self, request, response)
            try:
                async for line in answer.content:
                    await stream.take(line)
            except EndOfStreamError:
                pass
            finally:
                stream.close()
                if answer.connection is not None and answer.connection.transport is not None:
                    answer.connection.transport.abort()
            return response

    async def speaks(self) -> None:
        """Wait until answers are given at all."""
        await self._answering.wait()

    def event_fault(self, kind: str, event: Object) -> str | None:
        fault = None if event["type"] in {"BOOKMARK", "ERROR"} else self.plan.event(kind, event)
        if fault:
            self.events[fault] += 1
        return fault


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # goes nowhere


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given[name] for name in ("Content-Type", "Retry-After") if name in given}


# --- what can happen to a request ---

RequestFault = Callable[[FaultyApiServer, web.Request], Awaitable[web.StreamResponse]]


def refuse(code: int) -> RequestFault:
    """Answer in the API server's name; it hears nothing of it."""

    async def answer(_: FaultyApiServer, request: web.Request) -> web.StreamResponse:
        await request.read()
        headers = {"Retry-After": "1"} if code == 429 else {}
        return web.json_response(_status(code), status=code, headers=headers)

    return answer


def _status(code: int) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "a fault",
        "reason": _REASONS[code],
        "code": code,
    }


async def close_before(_: FaultyApiServer, request: web.Request) -> web.StreamResponse:
    """Close the connection; the API server hears nothing of the request."""
    return _abort(request)


async def lose_answer(proxy: FaultyApiServer, request: web.Request) -> web.StreamResponse:
    """Close the connection when the request has taken effect."""
    await proxy.pass_on(request)
    return _abort(request)


async def answer_late(proxy: FaultyApiServer, request: web.Request) -> web.StreamResponse:
    """Answer when the operator does not wait any more."""
    answer = await proxy.pass_on(request)
    await asyncio.sleep(proxy.late_seconds)
    return answer


async def answer_never(proxy: FaultyApiServer, request: web.Request) -> web.StreamResponse:
    """Hear the request, and nothing more, until the operator gives up."""
    del proxy
    while request.transport is not None:  # noqa: ASYNC110  (aiohttp tells in no other way)
        await asyncio.sleep(0.1)
    return web.Response()


async def trickle(proxy: FaultyApiServer, request: web.Request) -> web.StreamResponse:
    """Answer in small pieces."""
    answer = await proxy.pass_on(request)
    body = answer.body
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    await response.prepare(request)
    pieces = 5
    size = len(body) // pieces + 1
    for start in range(0, len(body), size):
        await response.write(body[start : start + size])
        await asyncio.sleep(proxy.slow_seconds / pieces)
    return response


async def cut(proxy: FaultyApiServer, request: web.Request) -> web.StreamResponse:
    """Close the connection in the middle of the answer."""
    answer = await proxy.pass_on(request)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    return _abort(request)


async def truncate(proxy: FaultyApiServer, request: web.Request) -> web.StreamResponse:
    """Leave out the second half of the answer, and say that this is all."""
    answer = await proxy.pass_on(request)
    half = answer.body[: len(answer.body) // 2]
    return web.Response(body=half, status=answer.status, headers=_headers(answer.headers))


WATCH_FAULTS: dict[str, RequestFault] = {
    **{str(code): refuse(code) for code in (401, 410, 422, 429, 500, 503, 504)},
    "closed before": close_before,
    "no answer": answer_never,
}
REQUEST_FAULTS: dict[str, RequestFault] = WATCH_FAULTS | {
    "409": refuse(409),
    "answer lost": lose_answer,
    "answer late": answer_late,
    "answer slow": trickle,
    "answer cut": cut,
    "answer truncated": truncate,
}


# --- what can happen to an event ---


class EndOfStreamError(Exception):
    """The stream ends here, in good order."""


class Stream:
    """What the operator gets to see of a watch."""

    def __init__(self, proxy: FaultyApiServer, request: web.Request, response: web.StreamResponse) -> None:
        self._proxy = proxy
        self._request = request
        self._response = response
        self._kind = request.path.rsplit("/", 1)[-1]
        self._next: list[bytes] = []
        self._later: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        for task in self._later:
            task.cancel()

    async def take(self, line: bytes) -> None:
        """Write a line, or what becomes of it."""
        await self._proxy.speaks()
        fault = self._proxy.event_fault(self._kind, json.loads(line))
        if fault is None:
            await self._write(line)
        else:
            await EVENT_FAULTS[fault](self, line)
        if fault != "swapped":
            while self._next:
                await self._write(self._next.pop(0))

    async def _write(self, line: bytes) -> None:
        await self._response.write(line)

    async def drop(self, line: bytes) -> None:
        """Lose it."""

    async def double(self, line: bytes) -> None:
        """Send it now, and again later."""
        await self._write(line)
        await self.delay(line)

    async def delay(self, line: bytes) -> None:
        """Send it later than what comes after it."""
        self._later.add(asyncio.create_task(self._write_later(line)))

    async def _write_later(self, line: bytes) -> None:
        await asyncio.sleep(self._proxy.held_seconds)
        await self._proxy.speaks()
        with contextlib.suppress(ConnectionError):
            await self._write(line)

    async def swap(self, line: bytes) -> None:
        """Send it after the next one, or at the end of its patience."""
        self._next.append(line)
        self._later.add(asyncio.create_task(self._write_swapped()))

    async def _write_swapped(self) -> None:
        await asyncio.sleep(self._proxy.held_seconds * 3)
        with contextlib.suppress(ConnectionError):
            while self._next:
                await self._write(self._next.pop(0))

    async def stall(self, line: bytes) -> None:
        """Let it wait, and all that comes after it."""
        await asyncio.sleep(self._proxy.held_seconds)
        await self._write(line)

    async def hang(self, line: bytes) -> None:
        """Send nothing any more, and do not say so."""
        del line
        await answer_never(self._proxy, self._request)

    async def cut(self, line: bytes) -> None:
        """Close the connection in the middle of the line."""
        await self._write(line[: len(line) // 2])
        _abort(self._request)

    async def expire(self, line: bytes) -> None:
        """Say that the watch's version is too old, in place of the event."""
        del line
        await self._fail(410)

    async def fail(self, line: bytes) -> None:
        """Say that something is wrong in the API server, in place of the event."""
        del line
        await self._fail(500)

    async def _fail(self, code: int) -> None:
        await self._write(json.dumps({"type": "ERROR", "object": _status(code)}).encode() + b"\n")
        raise EndOfStreamError


EVENT_FAULTS: dict[str, Callable[[Stream, bytes], Awaitable[None]]] = {
    "dropped": Stream.drop,
    "doubled": Stream.double,
    "delayed": Stream.delay,
    "swapped": Stream.swap,
    "stalled": Stream.stall,
    "hung": Stream.hang,
    "line cut": Stream.cut,
    "expired": Stream.expire,
    "failed": Stream.fail,
}


@contextlib.contextmanager
def faulty_api_server(plane: ControlPlane) -> Iterator[FaultyApiServer]:
    """Run the proxy before a control plane."""
    background = Background()
    proxy = FaultyApiServer(background, plane.url, plane.directory / "apiserver.crt")
    yield proxy
    background.close(proxy.stop())
