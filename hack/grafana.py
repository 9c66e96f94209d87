"""The dashboards of the chart, read from their files: panels, and their queries as Grafana would send them."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DASHBOARDS", "TARGETS", "Object", "Target", "own_counts", "panels", "targets"]

Object = dict[str, Any]
_FOLDER = Path(__file__).parents[1] / "charts/millstream/files/dashboards"
DASHBOARDS: dict[str, Object] = {
    path.stem: json.loads(path.read_text()) for path in sorted(_FOLDER.glob("*.json"))
}


@dataclass(frozen=True)
class Target:
    """A query of a panel."""

    dashboard: str
    panel: Object
    target: Object

    @property
    def title(self) -> str:
        """Of the panel."""
        return str(self.panel["title"])

    @property
    def expression(self) -> str:
        """With Grafana's variables."""
        return str(self.target["expr"])

    def query(self, interval: str = "5m", **variables: str) -> str:
        """Give the query as Grafana would send it; a variable that is not given is All."""
        text = re.sub(r"\$__(rate_interval|interval|range)", interval, self.expression)
        return re.sub(r"\$(\w+)", lambda found: variables.get(found[1], ".*"), text)

    def legend(self, labels: dict[str, str]) -> str:
        """Name a series as the panel's legend does."""
        return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), self.target["legendFormat"])

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.title} {self.target['refId']}"


def panels(dashboard: Object) -> list[Object]:
    """Give those of a dashboard that are no rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def targets(dashboard: Object, panel: Object) -> list[Target]:
    """Give the queries of a panel."""
    return [Target(dashboard["uid"], panel, target) for target in panel["targets"]]


def own_counts(buckets: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Give what is in each bucket of a histogram and in no smaller one, as Grafana does for the format of heatmaps."""
    ordered = sorted(buckets, key=lambda bucket: float(bucket[0]))
    below = [0.0, *(count for _, count in ordered)]
    return {bound: count - smaller for (bound, count), smaller in zip(ordered, below, strict=False)}


TARGETS = [
    target
    for dashboard in DASHBOARDS.values()
    for panel in panels(dashboard)
    for target in targets(dashboard, panel)
]
