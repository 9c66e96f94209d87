"""How soon a FlowRun has its Job, on a real API server without nodes; beside it, what two bare writes take.

    python benchmarks/operator_start.py [--runs 200] [--rate 20]

Needs `make cluster-tools`. The API server, the operator and this program share the machine.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from millstream_operator.api import Api
from millstream_operator.credentials import Credentials
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, JOBS, Kind
from millstream_operator.metrics import Metrics

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "hack/cluster"))

from control_plane import program, running  # noqa: E402  (found by the line above)

WARM_UP = 10


def resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "millstream.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def job(name: str) -> dict[str, Any]:
    container = {"name": "flow", "image": "none:1"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template}}


async def job_times(credentials: Credentials, seen: dict[str, float], ready: asyncio.Event) -> None:
    """Note when each Job appears."""
    async with (
        credentials.session(limited=False) as session,
        session.get(JOBS.path(), params={"watch": "1"}) as response,
    ):
        ready.set()
        async for line in response.content:
            o = json.loads(line)["object"]
            seen.setdefault(o["metadata"]["name"], time.perf_counter())


async def create(api: Api, kind: Kind, name: str, body: dict[str, Any], times: dict[str, float]) -> None:
    times[name] = time.perf_counter()
    await api.create(kind, body)


async def paced(count: int, rate: float, make: Any) -> None:
    """Start `count` writes, `rate` a second."""
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            tasks.create_task(make(number))


async def measure(count: int, rate: float) -> tuple[list[float], list[float]]:
    credentials = Credentials.load()
    seen: dict[str, float] = {}
    ready = asyncio.Event()
    async with Api(credentials.session(), Metrics()) as api:
        watching = asyncio.create_task(job_times(credentials, seen, ready))
        await ready.wait()
        await api.create(
            FLOW_DEPLOYMENTS,
            resource("FlowDeployment", "bench", {"entrypoint": "flow.py:main", "image": "none:1"}),
        )
        made: dict[str, float] = {}
        ref = {"deploymentRef": {"name": "bench"}}

        async def bare(number: int) -> None:
            # What the operator cannot do without: the intent in one object, then the Job.
            name = f"bare-{number}"
            made[name] = time.perf_counter()
            await api.create(FLOW_RUNS, resource("FlowRun", f"idle-{number}", _not_due(ref)))
            await api.create(JOBS, job(name))

        async def run(number: int) -> None:
            name = f"run-{number}"
            await create(api, FLOW_RUNS, name, resource("FlowRun", name, ref), made)

        await paced(WARM_UP, rate, lambda n: run(-n - 1))
        await until(lambda: sum(name.startswith("run--") for name in seen) == WARM_UP)
        await paced(count, rate, bare)
        await paced(count, rate, run)
        await until(lambda: len(seen) == 2 * count + WARM_UP)
        watching.cancel()
    return (
        [seen[f"run-{n}-1"] - made[f"run-{n}"] for n in range(count)],
        [seen[f"bare-{n}"] - made[f"bare-{n}"] for n in range(count)],
    )


def _not_due(spec: dict[str, Any]) -> dict[str, Any]:
    return spec | {"scheduledTime": "2999-01-01T00:00:00Z"}


async def until(done: Any) -> None:
    deadline = time.monotonic() + 60
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("the Jobs did not come")
        await asyncio.sleep(0.02)


def row(name: str, seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{name:<46} {statistics.median(ordered) * 1000:8.1f} {p99 * 1000:8.1f} {ordered[-1] * 1000:8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20)
    options = parser.parse_args()
    with running() as plane:
        os.environ["KUBECONFIG"] = str(plane.kubeconfig)
        subprocess.run([program("kubectl"), "apply", "-f", ROOT / "crds"], check=True, capture_output=True)
        command = [sys.executable, "-m", "millstream_operator", "--port=0", "--log-level=WARNING"]
        with subprocess.Popen(command) as operator:
            try:
                ours, bare = asyncio.run(measure(options.runs, options.rate))
            finally:
                operator.terminate()
    print(f"{options.runs} runs at {options.rate:g} a second, milliseconds      p50      p99      max")
    print(row("FlowRun sent -> its Job seen", ours))
    print(row("baseline: a FlowRun and a Job, bare writes", bare))


if __name__ == "__main__":
    main()
