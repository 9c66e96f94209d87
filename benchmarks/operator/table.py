"""The one table: each of our figures beside its baseline and what is to be reached."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypedDict

__all__ = ["Row", "at_most", "percentiles", "show"]

_COLUMNS = "{:<48}{:<7}{:>10}{:>10}  {:<25}{}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure.

    Attributes:
        ours: what was measured of the operator.
        baseline: what was measured beside it, None where nothing is to be compared with.
        target: what is to be reached, "" where nothing is.
        reached: whether it was.
        note: what the baseline is, or how it was measured.
    """

    figure: str
    unit: str
    ours: float
    baseline: float | None = None
    target: str = ""
    reached: bool = True
    note: str = ""


class Target(TypedDict, total=False):
    """The two fields of a row that tell of its target."""

    target: str
    reached: bool


def at_most(limit: float | None, ours: float) -> Target:
    """Say what a figure may be at the most, if anything, and whether it is."""
    return {} if limit is None else {"target": f"<= {limit:g}", "reached": ours <= limit}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Give the median, the 99th percentile and the longest, in milliseconds."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"p50": statistics.median(ordered) * 1000, "p99": p99 * 1000, "max": ordered[-1] * 1000}


def show(rows: Sequence[Row], form: str) -> None:
    if form == "json":
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    print(_COLUMNS.format("figure", "unit", "ours", "baseline", "target", "baseline is").rstrip())
    for row in rows:
        print(_line(row))


def _line(row: Row) -> str:
    target = f"{row.target}: {'reached' if row.reached else 'MISSED'}" if row.target else ""
    baseline = "" if row.baseline is None else _number(row.baseline)
    return _COLUMNS.format(row.figure, row.unit, _number(row.ours), baseline, target, row.note).rstrip()


def _number(value: float) -> str:
    return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"  # noqa: PLR2004  (three digits are enough)
