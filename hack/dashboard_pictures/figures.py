"""Figures with their units, as the pictures of the dashboards and the demo show them."""

import math

__all__ = ["UNITS", "shown"]

UNITS = {
    "short": "number",
    "s": "time",
    "bytes": "bytes",
    "percentunit": "ratio",
    "ops": "per second",
    "reqps": "requests per second",
}
"""What Grafana's names of units mean."""

_TIMES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_KIBIBYTE = 1024


def shown(value: float, unit: str) -> str:
    """Write a figure with a unit of Grafana's."""
    if math.isnan(value):
        return "no value"
    return {"s": _time, "bytes": _bytes, "percentunit": lambda ratio: f"{_digits(100 * ratio)} %"}.get(
        unit, _digits
    )(value)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"  # noqa: PLR2004 - three digits are enough


def _time(seconds: float) -> str:
    size = abs(seconds)
    for length, name in _TIMES:
        if size >= length:
            return f"{_digits(seconds / length)} {name}"
    return f"{_digits(1000 * seconds)} ms" if seconds else "0 s"


def _bytes(count: float) -> str:
    return f"{_digits(count)} B" if abs(count) < _KIBIBYTE else f"{_digits(count / _KIBIBYTE)} KiB"
