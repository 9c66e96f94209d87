"""Many schedules that are due in the same second: how soon each has its run, beside a loop that only creates runs."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from benchmarks.operator import objects
from benchmarks.operator.cluster import client, cluster, say, until, watching
from benchmarks.operator.load import at_full_speed
from benchmarks.operator.processes import operator
from benchmarks.operator.table import Row

from millstream_operator.api import Api
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS

__all__ = ["schedules"]

_MOST_TIMES = 1.5
_SET_UP_SECONDS = 10.0
_SECONDS_FOR_EACH = 0.05
_NEVER = "2999-01-01T00:00:00Z"


def schedules(count: int) -> list[Row]:
    """Measure from the second in which all are due to the last of their runs."""
    with cluster():
        return asyncio.run(_measure(count))


async def _measure(count: int) -> list[Row]:
    due: dict[str, float] = {}

    def note(run: objects.Object, now: float) -> None:
        if run["metadata"]["name"].startswith("scheduled-"):  # the others are the bare loop's
            due.setdefault(run["metadata"]["name"], now)

    async with client() as api, operator() as ours, watching(FLOW_RUNS, note):
        await ours.ready()
        tick = datetime.now(UTC).replace(microsecond=0) + timedelta(
            seconds=round(_SET_UP_SECONDS + count * _SECONDS_FOR_EACH)
        )
        say(f"{count:,} deployments whose schedules are due at {tick:%H:%M:%S} ...")
        await at_full_speed(count, lambda number: _deploy(api, number, tick))
        await ours.idle()
        bare = await _bare(api, count)
        left = (tick - datetime.now(UTC)).total_seconds()
        if left < 1:
            raise TimeoutError(f"setting up took {-left:.0f} s too long; try with fewer --runs")
        begin = time.perf_counter() + left
        await until(lambda: len(due) >= count, "a run of each schedule")
        took = max(due.values()) - begin
        await ours.idle()
    return [
        Row(
            figure=f"{count:,} schedules due at once: tick -> last FlowRun",
            unit="s",
            ours=took,
            baseline=bare,
            target=f"<= {_MOST_TIMES:g} x, is {took / bare:.2f} x",
            reached=took <= _MOST_TIMES * bare,
            note="a bare loop that creates as many",
        ),
        Row(figure="  runs beyond one for each tick", unit="runs", ours=len(due) - count),
    ]


async def _deploy(api: Api, number: int, tick: datetime) -> None:
    o = objects.deployment()
    o["metadata"] = o["metadata"] | {"name": f"scheduled-{number}"}
    yearly = {"name": "yearly", "interval": 366 * 86_400, "anchor": tick.isoformat()}
    o["spec"] = o["spec"] | {"schedules": [yearly]}
    await api.create(FLOW_DEPLOYMENTS, o)


async def _bare(api: Api, count: int) -> float:
    """Time as many creations of runs for which nothing is to be done."""
    begin = time.perf_counter()

    async def create(number: int) -> None:
        run = objects.flow_run(f"bare-{number}")
        await api.create(FLOW_RUNS, run | {"spec": run["spec"] | {"scheduledTime": _NEVER}})

    await at_full_speed(count, create)
    return time.perf_counter() - begin
