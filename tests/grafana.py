"""The dashboards of the chart, as tests read them: panels, their queries, and what a query asks for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser

FOLDER = Path(__file__).parents[1] / "charts/millstream/files/dashboards"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
Object = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A query of a panel."""

    dashboard: str
    panel: Object
    target: Object

    @property
    def title(self) -> str:
        return self.panel["title"]

    @property
    def expression(self) -> str:
        return self.target["expr"]

    def query(self, interval: str = "5m", **variables: str) -> str:
        """Give the query as Grafana would send it."""
        text = re.sub(r"\$__(rate_interval|range)", interval, self.expression)
        return re.sub(r"\$(\w+)", lambda found: variables.get(found[1], ".*"), text)

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.title} {self.target['refId']}"


def panels(dashboard: Object) -> list[Object]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


TARGETS = [
    Target(uid, panel, target)
    for uid, dashboard in DASHBOARDS.items()
    for panel in panels(dashboard)
    for target in panel["targets"]
]


def selectors(expression: str) -> Iterator[promql_parser.VectorSelector]:
    """Go through what a query selects; a ValueError if it is no PromQL."""
    yield from _selectors(promql_parser.parse(expression))


def _selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    parts = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "param")]
    for part in (*parts, *(getattr(node, "args", None) or ())):
        if part is not None and not isinstance(part, str):
            yield from _selectors(part)


def asked(expression: str) -> set[str]:
    """Name the metrics that a query asks for, histograms without their endings."""
    return {re.sub(r"_(bucket|count|sum)$", "", selector.name) for selector in selectors(expression)}
