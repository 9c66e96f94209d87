"""Figures that a flow records about itself, for Prometheus: counters and gauges that its deployment declares.

Without a deployment, on a laptop for instance, they are only checked and kept.

Usage:
    ```python
    from millstream import flow
    from millstream.metrics import counter, gauge


    @flow
    def load(rows: int = 1200) -> None:
        counter("rows_loaded").add(rows, table="orders")
        gauge("fill_ratio").set(0.7)


    load()
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream._engine.current import current
from millstream._engine.flow_runs import FlowRun
from millstream._engine.task_runs import TaskRun
from millstream._recorded_metrics import Recording
from millstream.exceptions import MetricError, MissingContextError

if TYPE_CHECKING:
    from millstream._engine.runs import Run

__all__ = ["Counter", "Gauge", "counter", "gauge", "recorded"]


class _Metric:
    """A metric, by its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def _record(self, value: float, labels: dict[str, Any]) -> None:
        run, recording = _recording(f"{type(self).__name__.lower()}({self.name!r})")
        if recording.record(type(self).__name__, self.name, value, labels):
            run.log(30, "Metrics have too many combinations of labels: further ones are only counted.")


class Counter(_Metric):
    """What a flow counts. All that its attempts count is added up, also of those that fail."""

    __slots__ = ()

    def add(self, amount: float = 1, **labels: str | int) -> None:
        """Count some more.

        Args:
            amount: 0 or more.
            labels: A value for each label that is declared.

        Raises:
            MetricError: It is not declared, or not like this.
            MissingContextError: This is not called from inside of a flow run, in its own process.
        """
        self._record(amount, labels)


class Gauge(_Metric):
    """What holds at the moment. What the run said last that finished last is shown."""

    __slots__ = ()

    def set(self, value: float, **labels: str | int) -> None:
        """Say what holds now; arguments and exceptions are those of `Counter.add`, and `value` may be any number."""
        self._record(value, labels)


def counter(name: str) -> Counter:
    """A counter, by the name that the deployment declares."""
    return Counter(_named(name))


def gauge(name: str) -> Gauge:
    """A gauge, by the name that the deployment declares."""
    return Gauge(_named(name))


def recorded() -> list[dict[str, Any]]:
    """What the flow run around has recorded so far: name, type, labels and value of each series.

    Raises:
        MissingContextError: This is not called from inside of a flow run, in its own process.
    """
    return _recording("recorded()")[1].samples()


def _named(name: str) -> str:
    if not isinstance(name, str):
        raise MetricError(f"A metric is asked for by its name, and got {name!r}.")
    return name


def _recording(what: str) -> tuple[Run, Recording]:
    run = current.get()
    flow_run = run.flow_run if isinstance(run, TaskRun) else run
    if run is None or not isinstance(flow_run, FlowRun):
        raise MissingContextError(
            f"{what} works inside of flows, in the threads that run them and their tasks."
        )
    if flow_run.elsewhere:
        raise MissingContextError(
            f"{what} works in the flow's own process, and this task was sent to another one: return the figure from "
            "the task, and record it in the flow."
        )
    counts = flow_run.counts
    if counts.recording is None:
        counts.recording = Recording()
    return run, counts.recording
