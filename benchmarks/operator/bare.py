"""What our figures stand beside: the same calls of the API server, with nothing around them.

python -m benchmarks.operator.bare write    admit the runs that standard input names
python -m benchmarks.operator.bare list     list all that the operator lists, and hold it in memory
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.operator.cluster import client
from benchmarks.operator.objects import NAMESPACE, Admission, status_patch

from millstream_operator.api import Api
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, PODS, REVISIONS
from millstream_operator.settings import Settings

__all__: list[str] = []


async def write() -> None:
    """Make the operator's writes, as many at a time as it makes."""
    admission = Admission()
    runs: asyncio.Queue[list[str]] = asyncio.Queue()

    async def work(api: Api) -> None:
        while True:
            name, uid, version = await runs.get()
            patch = status_patch(version, admission.status(name))
            await api.patch(FLOW_RUNS, NAMESPACE, name, patch, "status")
            await api.create(JOBS, admission.job(name, uid))

    async with client() as api, asyncio.TaskGroup() as tasks:
        for _ in range(Settings().workers):
            tasks.create_task(work(api))
        async for line in await _standard_input():
            runs.put_nowait(json.loads(line))


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def read() -> dict[str, float]:
    """List everything, page by page."""
    begin = time.perf_counter()
    held: list[Any] = []
    async with client() as api:
        for kind in (FLOW_DEPLOYMENTS, REVISIONS, PODS, JOBS, FLOW_RUNS):
            held += (await api.collect(kind))[0]
    return {"seconds": time.perf_counter() - begin, "megabytes": _megabytes()}


def _megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    if sys.argv[1] == "write":
        asyncio.run(write())
    else:
        print(json.dumps(asyncio.run(read())))
