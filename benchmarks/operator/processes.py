"""The operator, and a bare program that makes the same writes: each a process of its own, seen from outside."""

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from benchmarks.operator.cluster import ROOT, free_port
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["BareWriter", "Operator", "Program", "bare_writer", "operator", "run_bare"]

_TICKS = os.sysconf("SC_CLK_TCK")
_READS = {"get", "list"}


class Program:
    """A process, seen from outside."""

    def __init__(self, process: Process) -> None:
        self.started = time.perf_counter()
        self._process = process
        self._proc = Path("/proc") / str(process.pid)

    def cpu_seconds(self) -> float:
        """Give the CPU time that it has taken so far."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def megabytes(self, what: str = "VmRSS") -> float:
        """Give the memory that it has now, or with VmHWM has had at the most."""
        status = (self._proc / "status").read_text()
        return int(status.split(f"{what}:")[1].split()[0]) / 1024

    async def calls(self, *, writes: bool) -> Counter[str]:
        """Count its successful calls of the API server so far, writes or else reads; none if it does not tell."""
        del writes
        return Counter()

    def created(self, run: dict[str, Any]) -> None:
        """Take note that a run has been created."""


class Operator(Program):
    """The operator."""

    def __init__(self, process: Process, url: str, session: aiohttp.ClientSession) -> None:
        super().__init__(process)
        self._url = url
        self._session = session

    async def ready(self) -> float:
        """Wait until it is ready, and give the seconds since its start."""
        while not await self._is_ready():  # noqa: ASYNC110  (it is another process)
            await asyncio.sleep(0.01)
        return time.perf_counter() - self.started

    async def _is_ready(self) -> bool:
        with suppress(aiohttp.ClientError):
            async with self._session.get(self._url + "/readyz") as answer:
                return answer.ok
        return False

    async def samples(self, metric: str) -> list[tuple[dict[str, str], float]]:
        """Give the samples of one of its metrics."""
        async with self._session.get(self._url + "/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
            return [(s.labels, s.value) for f in families for s in f.samples if s.name == metric]

    async def calls(self, *, writes: bool) -> Counter[str]:
        """Count them by verb and resource."""
        calls: Counter[str] = Counter()
        for labels, count in await self.samples("millstream_operator_api_requests_total"):
            if labels["code"].startswith("2") and (labels["verb"] not in _READS) == writes:
                calls[f"{labels['verb']} {labels['resource']}"] += int(count)
        return calls

    async def idle(self) -> float:
        """Wait until nothing waits to be decided, and give the seconds since its start."""
        await self.ready()
        while await self._waiting():  # noqa: ASYNC110  (it is another process)
            await asyncio.sleep(0.05)
        return time.perf_counter() - self.started

    async def _waiting(self) -> bool:
        return any(length for _, length in await self.samples("millstream_operator_queue_length"))


class BareWriter(Program):
    """The bare program, which is told of each run."""

    def created(self, run: dict[str, Any]) -> None:
        """Have the writes made that admit a run."""
        assert self._process.stdin
        meta = run["metadata"]
        line = json.dumps([meta["name"], meta["uid"], meta["resourceVersion"]])
        self._process.stdin.write(line.encode() + b"\n")


@asynccontextmanager
async def operator() -> AsyncIterator[Operator]:
    """Run the operator."""
    port = free_port()
    command = ["millstream_operator", f"--port={port}", "--log-level=WARNING", "--scrape-seconds=0"]
    async with aiohttp.ClientSession() as session, _running(command) as process:
        yield Operator(process, f"http://127.0.0.1:{port}", session)


@asynccontextmanager
async def bare_writer() -> AsyncIterator[BareWriter]:
    """Run a program that makes the operator's writes for each run that it is told of."""
    async with _running(["benchmarks.operator.bare", "write"]) as process:
        yield BareWriter(process)


async def run_bare(*arguments: str) -> Any:
    """Run the bare program to its end, and give what it says."""
    command = [sys.executable, "-m", "benchmarks.operator.bare", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=ROOT)
    output, _ = await process.communicate()
    return json.loads(output)


@asynccontextmanager
async def _running(module: list[str]) -> AsyncIterator[Process]:
    command = [sys.executable, "-m", *module]
    # Its log is for stderr: the table alone is on stdout.
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=sys.stderr, cwd=ROOT)
    try:
        async with asyncio.TaskGroup() as tasks:
            alive = tasks.create_task(_fail_when_ended(process))
            yield process
            alive.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _fail_when_ended(process: Process) -> None:
    raise ChildProcessError(f"it ended by itself: exit code {await process.wait()}")
