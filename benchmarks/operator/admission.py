"""From a FlowRun's creation to its Job: at a steady rate, and many at once."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from benchmarks.operator import objects
from benchmarks.operator.cluster import client, cluster, say, until, watching
from benchmarks.operator.load import at_full_speed, paced
from benchmarks.operator.processes import bare_writer, operator
from benchmarks.operator.table import Row, at_most, percentiles

from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS

__all__ = ["burst", "start"]

_WARM_UP = 10
_ENOUGH = 0.8
_MOST_MS = {"p50": 30, "p99": 250}
_SAME_WRITES = "the same writes, bare"
_WRITERS = {"the operator": operator, "bare writes": bare_writer}


@dataclass
class Sample:
    """What one writer did.

    Attributes:
        latencies: seconds from a run's creation to its Job.
        rate: runs a second, from the first one's creation to the last one's Job.
        cpu_ms: CPU time of the writer for a run.
        reads: the operator's reads, for all runs together.
    """

    latencies: list[float]
    rate: float
    cpu_ms: float
    reads: Counter[str]


def start(runs: int, rate: float) -> list[Row]:
    """Measure how soon a run has its Job."""
    ours, bare = (percentiles(_sample(writer, runs, rate).latencies) for writer in _WRITERS)
    return [
        Row(
            figure=f"FlowRun created -> its Job, {rate:g} runs/s: {name}",
            unit="ms",
            ours=ours[name],
            baseline=bare[name],
            note=_SAME_WRITES,
            **at_most(_MOST_MS.get(name), ours[name]),
        )
        for name in ours
    ]


def burst(runs: int, rounds: int) -> list[Row]:
    """Measure how fast many runs at once get their Jobs, in turns with the bare writer."""
    pairs = [[_sample(writer, runs) for writer in _WRITERS] for _ in range(rounds)]
    # The pair in the middle, not the middle of each: a pair shares its minute on a machine that others use.
    ours, bare = sorted(pairs, key=lambda pair: pair[0].rate / pair[1].rate)[(rounds - 1) // 2]
    title, ratio = f"burst of {runs:,} FlowRuns -> Jobs", ours.rate / bare.rate
    return [
        Row(
            figure=title,
            unit="runs/s",
            ours=ours.rate,
            baseline=bare.rate,
            target=f">= {_ENOUGH:.0%}, is {ratio:.0%}",
            reached=ratio >= _ENOUGH,
            note=_SAME_WRITES,
        ),
        Row(
            figure="  CPU of its process for a run",
            unit="ms",
            ours=ours.cpu_ms,
            baseline=bare.cpu_ms,
            note=_SAME_WRITES,
        ),
        Row(figure="  reads", unit="calls", ours=ours.reads.total(), note=", ".join(sorted(ours.reads))),
    ]


def _sample(writer: str, runs: int, rate: float | None = None) -> Sample:
    say(f"{runs:,} runs {f'at {rate:g} a second' if rate else 'at once'}, {writer} ...")
    with cluster():
        sample = asyncio.run(_measure(writer, runs, rate))
    say(f"  {sample.rate:.0f} runs/s, {sample.cpu_ms:.1f} ms of CPU for a run")
    return sample


async def _measure(writer: str, runs: int, rate: float | None) -> Sample:
    made: dict[str, float] = {}
    seen: dict[str, float] = {}

    def note(job: objects.Object, now: float) -> None:
        seen.setdefault(job["metadata"]["name"], now)

    async with client() as api, _WRITERS[writer]() as by, watching(JOBS, note):

        async def create(name: str) -> None:
            made[name] = time.perf_counter()
            by.created(await api.create(FLOW_RUNS, objects.flow_run(name)))

        await api.create(FLOW_DEPLOYMENTS, objects.deployment())
        await at_full_speed(_WARM_UP, lambda number: create(f"warm-up-{number}"))
        await until(lambda: len(seen) == _WARM_UP, "the first Jobs")
        cpu, reads = by.cpu_seconds(), await by.calls(writes=False)
        if rate:
            await paced(runs, rate, lambda number: create(f"run-{number}"))
        else:
            await at_full_speed(runs, lambda number: create(f"run-{number}"))
        await until(lambda: len(seen) == runs + _WARM_UP, "all Jobs", 240 + runs / 5)
        cpu, reads = by.cpu_seconds() - cpu, await by.calls(writes=False) - reads
    names = [f"run-{number}" for number in range(runs)]
    took = max(seen[f"{name}-1"] for name in names) - min(made[name] for name in names)
    return Sample([seen[f"{name}-1"] - made[name] for name in names], runs / took, cpu * 1000 / runs, reads)
