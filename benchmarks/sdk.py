"""What the SDK costs, beside what plain Python costs on the same machine in the same minute.

    python benchmarks/sdk.py

Times are CPU times of the process, the best of several rounds: a busy machine makes them a little worse and never better.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

ROUNDS = 7
MANY = 100_000

# name, unit, what it is compared with, the most it may be over that
FIGURES = {
    "import": ("ms", "bare interpreter", 40),
    "import memory": ("MB", "bare interpreter", 12),
    "no-op task, sync": ("µs", "function call", 10),
    "no-op task, async": ("µs", "awaited function call", 10),
    "no-op task, as a method": ("µs", "method call", 10),
    "no-op task outside of flows": ("µs", "function call", 10),
    "empty flow, sync": ("µs", "function call", 100),
    "empty flow, async": ("µs", "awaited function call", 100),
    "empty flow with two hints": ("µs", "function call", 100),
    "subflow, sync": ("µs", "function call", 100),
    "subflow, async": ("µs", "awaited function call", 100),
    f"memory for {MANY:,} tasks in one flow": ("MB", f"{MANY:,} function calls", 64),
}


def per_call(repeat: Callable[[int], object], number: int) -> float:
    """Microseconds of CPU time for each of `number` calls."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        repeat(number)
        best = min(best, time.process_time() - start)
    return best / number * 1e6


def repeated(fn: Callable[[], object]) -> Callable[[int], None]:
    """Calls of a function in a loop."""

    def repeat(number: int) -> None:
        for _ in range(number):
            fn()

    return repeat


def repeated_async(
    fn: Callable[[], Coroutine[Any, Any, object]],
) -> Callable[[int], Coroutine[Any, Any, None]]:
    """Awaited calls of a function in a loop."""

    async def repeat(number: int) -> None:
        for _ in range(number):
            await fn()

    return repeat


def in_process() -> dict[str, tuple[float, float]]:
    """All figures that one process can measure: ours and the baseline's."""
    from millstream import flow, task  # noqa: PLC0415 - the process that measures imports does without

    def noop() -> None:
        pass

    async def noop_async() -> None:
        pass

    def hinted(x: int = 1, y: str = "a") -> None:
        del x, y

    class Plain:
        def noop(self) -> None:
            pass

        noop_task = task(noop)

    def run_async(fn: Callable[[], Coroutine[Any, Any, object]], *, in_flow: bool) -> Callable[[int], object]:
        repeat = repeated_async(fn)
        if in_flow:
            repeat = flow(repeat)
        return lambda number: asyncio.run(repeat(number))

    plain = Plain()

    def call_method() -> None:
        plain.noop()

    def call_task_method() -> None:
        plain.noop_task()

    base = per_call(repeated(noop), MANY)
    base_async = per_call(run_async(noop_async, in_flow=False), MANY)
    few = MANY // 20
    return {
        "no-op task, sync": (per_call(flow(repeated(task(noop))), MANY), base),
        "no-op task, async": (per_call(run_async(task(noop_async), in_flow=True), MANY), base_async),
        "no-op task, as a method": (
            per_call(flow(repeated(call_task_method)), MANY),
            per_call(repeated(call_method), MANY),
        ),
        "no-op task outside of flows": (per_call(repeated(task(noop)), MANY), base),
        "empty flow, sync": (per_call(repeated(flow(noop)), few), base),
        "empty flow, async": (per_call(run_async(flow(noop_async), in_flow=False), few), base_async),
        "empty flow with two hints": (per_call(repeated(flow(hinted)), few), base),
        "subflow, sync": (per_call(flow(repeated(flow(noop))), few), base),
        "subflow, async": (per_call(run_async(flow(noop_async), in_flow=True), few), base_async),
    }


MEMORY_OURS = f"""
from millstream import flow, task
@task
def noop(n): return n
@flow
def many(): return [noop(n) for n in range({MANY})]
result = many()
"""
MEMORY_BASELINE = f"""
import millstream
def noop(n): return n
def many(): return [noop(n) for n in range({MANY})]
result = many()
"""


def process(code: str) -> tuple[float, float]:
    """Milliseconds of CPU time, and megabytes at the most, of an interpreter that runs some code.

    The peak is the kernel's for the program alone (Linux): `ru_maxrss` of a child begins with its parent's.
    """
    code = f"{code}\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    best_time = best_memory = float("inf")
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", code]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best_time, best_memory = min(best_time, cpu * 1e3), min(best_memory, int(output) / 1024)
    return best_time, best_memory


def measured() -> dict[str, tuple[float, float]]:
    """All figures: ours and the baseline's."""
    ours, bare = process("import millstream"), process("pass")
    child = [sys.executable, __file__, "--in-process"]
    # The console's lines go to /dev/null: they are made and written as in any run.
    output = subprocess.run(child, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return {
        "import": (ours[0], bare[0]),
        "import memory": (ours[1], bare[1]),
        f"memory for {MANY:,} tasks in one flow": (process(MEMORY_OURS)[1], process(MEMORY_BASELINE)[1]),
        **json.loads(output),
    }


def main() -> int:
    figures = measured()
    print(f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs\n")
    print(f"{'figure':<40}{'ours':>10}{'baseline':>10}{'over it':>10}{'to reach':>10}   baseline is")
    missed = 0
    for name, (unit, baseline_is, most) in FIGURES.items():
        ours, baseline = figures[name]
        over = ours - baseline
        missed += over > most
        mark = "" if over <= most else "  MISSED"
        print(f"{name:<40}{ours:>10.2f}{baseline:>10.2f}{over:>10.2f}{most:>8} {unit}   {baseline_is}{mark}")
    return int(missed > 0)


if __name__ == "__main__":
    if "--in-process" in sys.argv:
        json.dump(in_process(), sys.stdout)
    else:
        sys.exit(main())
