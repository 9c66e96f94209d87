"""What the runner in the pod costs, over the bare interpreter, and what its relay of the output costs.

    python benchmarks/runner.py [repetitions]

Every figure stands beside its baseline, both measured in this run, in turns. CPU is that of all processes together,
user and system. The overhead of pydantic, which validates parameters by their type hints, is stated apart: it is what
a flow with annotated parameters takes more than one without. All modules have their bytecode, as those of an image
have that is built with it (pip's default; for uv, UV_COMPILE_BYTECODE=1), and no other PYTHON* variable is set.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from millstream.resources.run_document import RunDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TARGET_SECONDS = 0.150
MEGABYTES = 100
FLOWS = f"""
import os
from millstream import flow

@flow
def nothing(): pass

@flow
def typed(day: int, names: list[str] = []): pass

@flow
def talk():
    block = b"x" * 99 + b"\\n"
    for _ in range({MEGABYTES} * 10):
        os.write(1, block * 1000)

@flow
def lines():
    line = "x" * 99
    for _ in range({MEGABYTES} * 1000):
        print(line)
"""


class Cost(NamedTuple):
    """Of one process and its descendants, in seconds."""

    wall: float
    cpu: float


def measure(command: Sequence[str], directory: Path, *, piped: bool = False) -> Cost:
    start = time.perf_counter()
    output = subprocess.PIPE if piped else subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=directory, env=environment(directory), stdout=output, stderr=subprocess.DEVNULL
    )
    if process.stdout:
        with process.stdout as stream:
            while os.read(stream.fileno(), 1 << 20):
                pass
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def environment(directory: Path) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return others | {"PYTHONPYCACHEPREFIX": str(directory / "bytecode")}


def runner(directory: Path, flow: str, *, log_tail: bool = True, **parameters: object) -> list[str]:
    document = RunDocument(
        run="benchmark",
        namespace="default",
        uid="0b5e2f6c-7d1a-4c58-9a53-0d3a1c6f2b90",
        attempt=1,
        entrypoint=f"flows.py:{flow}",
        parameters=parameters,
        log_tail=log_tail,
    )
    path = directory / f"{flow}-{log_tail}.json"
    path.write_text(document.to_json())
    return [sys.executable, "-m", "millstream.runner", str(path), str(directory / "termination-log")]


def in_turns(measurements: dict[str, Callable[[], Cost]], repetitions: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in measurements}
    for turn in range(repetitions + 1):
        for name, one in measurements.items():
            cost = one()
            if turn:  # the first one finds cold caches
                costs[name].append(cost)
    return costs


def line(name: str, costs: list[Cost], baseline: list[Cost] | None = None) -> str:
    cells = []
    for kind in ("wall", "cpu"):
        for pick in (min, statistics.median):
            value = pick([getattr(cost, kind) for cost in costs])
            over = value - pick([getattr(cost, kind) for cost in baseline]) if baseline else None
            cells.append(f"{value * 1000:7.1f}" + (f" {over * 1000:+7.1f}" if over is not None else " " * 8))
    return f"{name:34}" + "  ".join(cells)


def overhead(directory: Path, repetitions: int) -> bool:
    bare, plain, typed = "python -c pass", "runner, empty flow", "runner, flow with type hints"
    costs = in_turns(
        {
            bare: partial(measure, [sys.executable, "-c", "pass"], directory),
            plain: partial(measure, runner(directory, "nothing"), directory),
            typed: partial(measure, runner(directory, "typed", day=1), directory),
        },
        repetitions,
    )
    print(f"{'ms, over the baseline':34}{'wall min':15}  {'wall median':15}  {'cpu min':15}  cpu median")
    print(line(bare, costs[bare]))
    print(line(plain, costs[plain], costs[bare]))
    print(line("  of this by pydantic (type hints)", costs[typed], costs[plain]))
    over = statistics.median(cost.wall for cost in costs[plain]) - statistics.median(
        cost.wall for cost in costs[bare]
    )
    verdict = "reached" if over <= TARGET_SECONDS else "MISSED"
    print(
        f"target: at most {TARGET_SECONDS * 1000:.0f} ms of wall time at the median: {verdict} with {over * 1000:.0f} ms"
    )
    return over <= TARGET_SECONDS


def output(directory: Path, repetitions: int) -> None:
    print(f"\n{MEGABYTES} MB of output into a pipe, ms, over no relay")
    for flow in ("talk", "lines"):
        direct, relayed = f"{flow}, logTail: false", f"{flow}, relayed with a tail"
        costs = in_turns(
            {
                direct: partial(measure, runner(directory, flow, log_tail=False), directory, piped=True),
                relayed: partial(measure, runner(directory, flow), directory, piped=True),
            },
            repetitions,
        )
        print(line(direct, costs[direct]))
        print(line(relayed, costs[relayed], costs[direct]))


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    quota = f"{len(os.sched_getaffinity(0))} CPUs, Python {sys.version.split()[0]}, {repetitions} repetitions"
    print(f"runner overhead: {quota}")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "flows.py").write_text(FLOWS)
        reached = overhead(directory, repetitions)
        output(directory, max(3, repetitions // 5))
    sys.exit(not reached)


if __name__ == "__main__":
    main()
