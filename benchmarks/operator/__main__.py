"""What the operator costs and how fast it is, beside the same calls of the API server with nothing around them.

    python -m benchmarks.operator [--only burst] [--runs 100] [-o json]

Needs `make cluster-tools`. Each measurement has a new etcd and kube-apiserver, without nodes; they, the operator
and this program share the machine.
"""

import argparse
from collections.abc import Callable

from benchmarks.operator import admission, life, memory, schedules
from benchmarks.operator.table import Row, show

_START_RATE = 20
_LIFE_RATE = 5
"""Beside the operator, a run's Job and pod take the API server and the Job controller some 60 ms of CPU."""
_LONG_BURST = 2000
"""A burst of so many is long enough to be measured once."""


def measurements(rounds: int) -> dict[str, tuple[tuple[int, ...], Callable[[int], list[Row]]]]:
    """Give, by name, with how many runs each measurement is made, and how."""
    return {
        "start": ((200,), lambda runs: admission.start(runs, _START_RATE)),
        "burst": ((1000, 5000), lambda runs: admission.burst(runs, rounds if runs < _LONG_BURST else 1)),
        "life": ((100,), lambda runs: life.life(runs, _LIFE_RATE)),
        "memory": ((10_000,), memory.memory),
        "schedules": ((1000,), schedules.schedules),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--only", choices=measurements(1), action="append", help="may be given more than once"
    )
    parser.add_argument("--runs", type=int, help="as many in every measurement, to see quickly that it works")
    parser.add_argument("--rounds", type=int, default=3, help="of a burst, in turns with its baseline")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    options = parser.parse_args()
    rows: list[Row] = []
    for name, (sizes, measure) in measurements(options.rounds).items():
        if not options.only or name in options.only:
            for runs in (options.runs,) if options.runs else sizes:
                rows += measure(runs)
    show(rows, options.output)


if __name__ == "__main__":
    main()
