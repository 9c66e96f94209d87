"""What the SDK costs, beside plain Python and beside Prefect, on the same machine in the same minutes.

    python -m benchmarks.sdk [--without-prefect]

Times are the best of several rounds: a busy machine makes them a little worse and never better.
"""

import argparse
import os
import sys

from benchmarks.sdk import processes

MANY = {"millstream": 20_000, "bare": 20_000, "prefect": 200}
MEMORY_TASKS = 100_000
# name, and the most that ours may be: microseconds over the bare figure, or times the bare figure
LIMITS = {
    "task, sync": ("over", 10),
    "task, async": ("over", 10),
    "submit + result": ("times", 2),
    "map + result": ("times", 2),
    "empty flow": ("over", 100),
    "subflow, sync": ("over", 100),
    "subflow, async": ("over", 100),
}
MEMORY = f"""
from millstream import flow, task
@task
def noop(n): return n
@flow
def many(): return [noop(n) for n in range({MEMORY_TASKS})]
result = many()
"""
MAPPED_MEMORY = (
    MEMORY.replace("[noop(n) for n in range", "noop.map(range")
    .replace("})]", "})")
    .replace(f"({MEMORY_TASKS})]", f"({MEMORY_TASKS})).result()")
)
BARE_MEMORY = f"""
from millstream import flow, task
result = [n for n in range({MEMORY_TASKS})]
"""


def row(
    name: str, unit: str, ours: float, bare: float, prefect: float | None, limit: tuple[str, float]
) -> bool:
    kind, most = limit
    allowed = bare + most if kind == "over" else bare * most
    told = f"+ {most:g}" if kind == "over" else f"{most:g} x"
    other = f"{prefect:>12,.1f}" if prefect is not None else f"{'-':>12}"
    mark = "reached" if ours <= allowed else "MISSED"
    print(f"{name:<38}{unit:<5}{ours:>10,.2f}{bare:>10,.2f}{other}   bare {told:<6} {mark}", flush=True)
    return ours <= allowed


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--without-prefect", action="store_true", help="do not install and measure Prefect")
    options = parser.parse_args()
    python, other = sys.executable, None if options.without_prefect else processes.prefect()
    print(f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs\n")
    print(f"{'figure':<38}{'unit':<5}{'ours':>10}{'bare':>10}{'Prefect':>12}   to reach")
    good = []
    ours, bare = (
        processes.cost(python, "from millstream import flow, task", 9),
        processes.cost(python, "pass", 9),
    )
    theirs = processes.cost(other, "import prefect; prefect.flow, prefect.task", 2) if other else (None, None)
    good.append(row("import, CPU", "ms", ours[0], bare[0], theirs[0], ("over", 40)))
    good.append(row("import, memory", "MB", ours[1], bare[1], theirs[1], ("over", 12)))
    with processes.home() as home:
        figures = {name: processes.figures(python, name, MANY[name], home) for name in ("millstream", "bare")}
        prefect = processes.figures(other, "prefect", MANY["prefect"], home) if other else {}
    for name, limit in LIMITS.items():
        good.append(
            row(name, "µs", figures["millstream"][name], figures["bare"][name], prefect.get(name), limit)
        )
    least = processes.cost(python, BARE_MEMORY, 2)[1]
    for name, code in (("sequential", MEMORY), ("mapped", MAPPED_MEMORY)):
        most = processes.cost(python, code, 2)[1]
        good.append(row(f"{MEMORY_TASKS:,} tasks {name}, memory", "MB", most, least, None, ("over", 64)))
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
