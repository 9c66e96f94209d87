"""What a flow run has recorded about itself."""

from __future__ import annotations

import re
import threading
from math import nan
from numbers import Complex, Integral, Number, Real
from typing import TYPE_CHECKING, Any

from millstream._metric_bounds import (
    LONGEST_VALUE,
    MOST_LABELS,
    MOST_METRICS,
    MOST_SERIES,
    NAME,
    RESERVED_LABELS,
)
from millstream._secrets import mask
from millstream.exceptions import MetricError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Recording"]

_LARGEST = 1e300
_INTEGERS = 2**63
"""What Kubernetes stores as whole numbers is smaller."""


class Recording:
    """The figures of one flow run, subflows' included."""

    def __init__(self, declared: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Have nothing recorded.

        Args:
            declared: Type and labels by name; None where there is no deployment, and any name will do.
        """
        self._is_declared = declared is not None
        self._known = {
            name: (each["type"], frozenset(each["labels"])) for name, each in (declared or {}).items()
        }
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._left_out: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        self._lock = threading.Lock()

    def record(self, kind: str, name: str, value: float, labels: Mapping[str, object]) -> bool:
        """Add to a `Counter`, or set a `Gauge`.

        Returns:
            Whether it is the first that there was no room for.

        Raises:
            MetricError: It cannot be recorded like this.
        """
        given = tuple(sorted((label, _label_value(name, label, value)) for label, value in labels.items()))
        figure = _figure(kind, name, value)
        with self._lock:
            self._check(kind, name, frozenset(labels))
            series = (name, given)
            if series not in self._values and len(self._values) >= MOST_SERIES:
                is_first = not self._left_out
                self._left_out.add(series)
                return is_first
            before = self._values.get(series, 0) if kind == "Counter" else 0
            total = before + figure
            self._values[series] = total if abs(total) < _INTEGERS else float(total)
            return False

    @property
    def dropped(self) -> int:
        """How many series there was no room for."""
        return len(self._left_out)

    def samples(self) -> list[dict[str, Any]]:
        """What has been recorded so far, as it travels in a completion record."""
        with self._lock:
            values = list(self._values.items())
        return [
            {"name": name, "type": self._known[name][0], "labels": dict(labels), "value": value}
            for (name, labels), value in values
        ]

    def _check(self, kind: str, name: str, labels: frozenset[str]) -> None:
        known = self._known.get(name)
        if known is None:
            self._check_new(name, labels)
            self._known[name] = known = (kind, labels)
        type_, expected = known
        if type_ != kind:
            raise MetricError(
                f"The metric {name!r} is a {type_.lower()}, and was recorded as a {kind.lower()}."
            )
        if labels != expected:
            listed = ", ".join(sorted(expected)) or "none"
            given = ", ".join(sorted(labels)) or "none"
            raise MetricError(
                f"The labels of the metric {name!r} are {listed}, and it was recorded with {given}."
            )

    def _check_new(self, name: str, labels: frozenset[str]) -> None:
        if self._is_declared:
            names = ", ".join(sorted(self._known)) or "none"
            raise MetricError(
                f"The metric {name!r} is not declared: add it to spec.metrics of the FlowDeployment, where there "
                f"are {names}."
            )
        for word in (name, *labels):
            if not re.fullmatch(NAME, word):
                raise MetricError(
                    f"{word!r} is no name of a metric or a label: give lower-case letters, digits and underscores, "
                    "at most 63, with a letter first."
                )
        if reserved := sorted(labels & RESERVED_LABELS):
            raise MetricError(
                f"A metric cannot have the label {reserved[0]!r}: Millstream and Prometheus use it."
            )
        if len(labels) > MOST_LABELS:
            raise MetricError(f"A metric can have {MOST_LABELS} labels, and {name!r} has {len(labels)}.")
        if len(self._known) >= MOST_METRICS:
            raise MetricError(f"A flow can record {MOST_METRICS} metrics, and {name!r} would be one more.")


def _label_value(name: str, label: str, value: object) -> str:
    if not isinstance(value, str | Integral):
        raise MetricError(
            f"Labels are texts or whole numbers, and {label} of {name!r} is {type(value).__name__}."
        )
    text = mask(str(value))
    if len(text) > LONGEST_VALUE:
        raise MetricError(
            f"Labels have at most {LONGEST_VALUE} characters, and {label} of {name!r} has {len(text)}."
        )
    return text


def _figure(kind: str, name: str, value: object) -> float:
    figure = _number(value)
    if not -_LARGEST < figure < _LARGEST:
        raise MetricError(f"The metric {name!r} takes finite numbers, and got {value!r}.")
    if kind == "Counter" and figure < 0:
        raise MetricError(f"The counter {name!r} only grows, and got {value!r}; a gauge can also fall.")
    return figure


def _number(value: object) -> float:
    """Take also numpy's numbers, decimals and fractions, which JSON does not know; what is no number is NaN."""
    if isinstance(value, bool):
        return nan
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) or (isinstance(value, Number) and not isinstance(value, Complex)):
        try:
            return float(value)  # type: ignore[arg-type]  # Decimal is no Real
        except (OverflowError, ValueError):
            return nan
    return nan
