"""Ten thousand runs of the past: what they take of the operator's memory, and of the time that it takes to start."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.operator import objects
from benchmarks.operator.cluster import client, cluster, say, until, watching
from benchmarks.operator.load import at_full_speed
from benchmarks.operator.pods import create_pod, end_pod
from benchmarks.operator.processes import operator, run_bare
from benchmarks.operator.table import Row, at_most

from millstream_operator.api import Api
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS

__all__ = ["memory"]

_MOST_MEGABYTES = 200
_MOST_SECONDS = 10


@dataclass
class Start:
    """A start of the operator.

    Attributes:
        ready: seconds until /readyz said so.
        decided: seconds until a run that was waiting had its Job.
        idle: seconds until nothing waited to be decided.
        resident: megabytes then.
        peak: megabytes at the most.
    """

    ready: float
    decided: float
    idle: float
    resident: float
    peak: float


def memory(runs: int) -> list[Row]:
    """Measure the operator with no runs, with finished ones, and with their Jobs and pods as well."""
    with cluster():
        return asyncio.run(_measure(runs))


async def _measure(runs: int) -> list[Row]:
    async with client() as api:
        await api.create(FLOW_DEPLOYMENTS, objects.deployment())
        rows = await _start(api, "no FlowRuns", targets=False)
        history = _History(api)
        await _fill(runs, "finished FlowRuns", history.add_run)
        rows += await _start(api, f"{runs:,} finished FlowRuns")
        await _fill(runs, "Jobs and pods of theirs", history.add_job_and_pod)
        rows += await _start(api, "  and their Jobs and pods", targets=False)
    return rows


async def _fill(runs: int, what: str, add: Callable[[int], Awaitable[None]]) -> None:
    say(f"{runs:,} {what} ...")
    await at_full_speed(runs, add)


class _History:
    """Runs of the past, with what they leave behind."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._admission = objects.Admission()
        self._uids: dict[int, str] = {}

    async def add_run(self, number: int) -> None:
        """Make a run that has completed."""
        name = f"past-{number}"
        meta = (await self._api.create(FLOW_RUNS, objects.flow_run(name)))["metadata"]
        patch = objects.status_patch(meta["resourceVersion"], objects.final_status(name))
        await self._api.patch(FLOW_RUNS, objects.NAMESPACE, name, patch, "status")
        self._uids[number] = meta["uid"]

    async def add_job_and_pod(self, number: int) -> None:
        """Make its Job, and the pod that has succeeded."""
        uid = self._uids[number]
        job = await self._api.create(JOBS, self._admission.job(f"past-{number}", uid))
        await create_pod(self._api, job, labelled=True)
        await end_pod(self._api, job["metadata"]["name"], uid)


async def _start(api: Api, title: str, *, targets: bool = True) -> list[Row]:
    say(f"a start with {title.strip()} ...")
    bare = await run_bare("list")
    ours = await _time_start(api, f"waiting-{time.monotonic_ns()}")
    seconds = at_most(_MOST_SECONDS if targets else None, ours.idle)
    megabytes = at_most(_MOST_MEGABYTES if targets else None, ours.resident)
    bare_list = {"baseline": bare["seconds"], "note": "LIST of the same, json.loads"}
    bare_memory = {"baseline": bare["megabytes"], "note": "the same, held as dicts"}
    return [
        Row(figure=f"{title}: start -> /readyz", unit="s", ours=ours.ready, **bare_list),
        Row(figure="  start -> Job of a run that waited", unit="s", ours=ours.decided, **bare_list),
        Row(figure="  start -> nothing left to decide", unit="s", ours=ours.idle, **bare_list, **seconds),
        Row(figure="  memory", unit="MB", ours=ours.resident, **bare_memory, **megabytes),
        Row(figure="  memory at the most", unit="MB", ours=ours.peak, **bare_memory),
    ]


async def _time_start(api: Api, waiting: str) -> Start:
    seen: dict[str, float] = {}

    def note(job: objects.Object, now: float) -> None:
        seen.setdefault(job["metadata"]["name"], now)

    await api.create(FLOW_RUNS, objects.flow_run(waiting))
    async with watching(JOBS, note), operator() as ours:
        ready = await ours.ready()
        await until(lambda: f"{waiting}-1" in seen, "the Job of the run that waited")
        idle = await ours.idle()
        decided = seen[f"{waiting}-1"] - ours.started
        return Start(ready, decided, idle, ours.megabytes(), ours.megabytes("VmHWM"))
