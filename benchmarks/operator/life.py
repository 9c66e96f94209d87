"""The whole life of runs whose pods end as soon as they are said to run: what each costs, how soon it is final."""

import asyncio
import time
from collections import Counter

from benchmarks.operator import objects
from benchmarks.operator.cluster import client, cluster, say, until, watching
from benchmarks.operator.load import paced
from benchmarks.operator.pods import create_pod, end_pod, start_pod
from benchmarks.operator.processes import operator
from benchmarks.operator.table import Row, at_most, percentiles

from millstream.resources import labels
from millstream.resources.states import RunState
from millstream_operator.api import Api
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, PODS

__all__ = ["life"]

_MOST_WRITES = 6
_MOST_MS = {"p99": 300}
_BARE = "bare"


class Kubelet:
    """Starts the pods of runs, and ends each when its run is said to be Running.

    Attributes:
        ended: when it told the API server of a run's end, by run.
        final: when the run was seen to be Completed.
        free: runs whose pod is held no more.
    """

    def __init__(self, api: Api, tasks: asyncio.TaskGroup) -> None:
        self._api = api
        self._tasks = tasks
        self._pods: dict[str, objects.Object] = {}
        self.ended: dict[str, float] = {}
        self.final: dict[str, float] = {}
        self.free: set[str] = set()

    def pod_seen(self, pod: objects.Object, _: float) -> None:
        """Start a pod that is new."""
        run = pod["metadata"]["labels"][labels.RUN]
        if run not in self._pods:
            self._pods[run] = pod
            self._tasks.create_task(start_pod(self._api, pod["metadata"]["name"]))
        if labels.OUTCOME_FINALIZER not in pod["metadata"].get("finalizers", ()):
            self.free.add(run)

    def run_seen(self, run: objects.Object, now: float) -> None:
        """End the pod of a run that runs."""
        name, state = run["metadata"]["name"], run.get("status", {}).get("state")
        if state == RunState.RUNNING and name not in self.ended:
            self.ended[name] = time.perf_counter()
            self._tasks.create_task(self._end(name))
        if state == RunState.COMPLETED:
            self.final.setdefault(name, now)

    async def _end(self, run: str) -> None:
        meta = self._pods[run]["metadata"]
        await end_pod(self._api, meta["name"], meta["labels"][labels.RUN_UID])


def life(runs: int, rate: float) -> list[Row]:
    """Measure the operator's writes and CPU time for a run, and how soon a run is final."""
    say(f"{runs:,} runs from beginning to end, {rate:g} a second ...")
    with cluster(controllers=True):
        return asyncio.run(_measure(runs, rate))


async def _measure(runs: int, rate: float) -> list[Row]:
    async with client() as api, asyncio.TaskGroup() as tasks:
        kubelet = Kubelet(api, tasks)
        async with watching(FLOW_RUNS, kubelet.run_seen, whole=True):
            await _bare(api, kubelet, runs, rate)
            async with operator() as ours, watching(PODS, kubelet.pod_seen, whole=True):
                await api.create(FLOW_DEPLOYMENTS, objects.deployment())
                await paced(1, rate, lambda _: api.create(FLOW_RUNS, objects.flow_run("warm-up")))
                await until(lambda: "warm-up" in kubelet.free, "the first run's end")
                cpu, writes = ours.cpu_seconds(), await ours.calls(writes=True)
                await paced(runs, rate, lambda n: api.create(FLOW_RUNS, objects.flow_run(f"run-{n}")))
                await until(lambda: len(kubelet.free) == runs + 1, "all runs' ends")
                cpu, writes = ours.cpu_seconds() - cpu, await ours.calls(writes=True) - writes
    return [*_writes(writes, runs), _cpu(cpu, runs, rate), *_ends(kubelet, runs)]


async def _bare(api: Api, kubelet: Kubelet, runs: int, rate: float) -> None:
    """Make the two writes of a run's end by themselves: what the kubelet says, and what the operator says."""
    admission = objects.Admission()

    async def end(number: int) -> None:
        name = f"{_BARE}-{number}"
        meta = (await api.create(FLOW_RUNS, objects.flow_run(name)))["metadata"]
        job = admission.job(name, meta["uid"])
        await create_pod(api, job, labelled=False)
        patch = objects.status_patch(meta["resourceVersion"], objects.final_status(name))
        kubelet.ended[name] = time.perf_counter()
        await end_pod(api, job["metadata"]["name"], meta["uid"])
        await api.patch(FLOW_RUNS, objects.NAMESPACE, name, patch, "status")

    await paced(runs, rate, end)
    await until(lambda: len(kubelet.final) == runs, "the bare runs' ends")


def _writes(writes: Counter[str], runs: int) -> list[Row]:
    total = writes.total() / runs
    target = at_most(
        _MOST_WRITES, round(total, 1)
    )  # the revision of the deployment may come and go between runs
    return [
        Row(figure="operator writes for a successful run", unit="calls", ours=total, **target),
        *(
            Row(figure=f"  {call}", unit="calls", ours=count / runs)
            for call, count in sorted(writes.items())
            if count
        ),
    ]


def _cpu(seconds: float, runs: int, rate: float) -> Row:
    return Row(figure=f"operator CPU for a whole run, {rate:g} runs/s", unit="ms", ours=seconds * 1000 / runs)


def _ends(kubelet: Kubelet, runs: int) -> list[Row]:
    def times(name: str) -> dict[str, float]:
        names = [f"{name}-{number}" for number in range(runs)]
        return percentiles([kubelet.final[name] - kubelet.ended[name] for name in names])

    ours, bare = times("run"), times(_BARE)
    return [
        Row(
            figure=f"pod ended -> FlowRun final: {name}",
            unit="ms",
            ours=ours[name],
            baseline=bare[name],
            note="the two writes, bare",
            **at_most(_MOST_MS.get(name), ours[name]),
        )
        for name in ours
    ]
