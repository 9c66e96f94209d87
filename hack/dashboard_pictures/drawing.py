"""What is in a dashboard's panels: numbers, tables, lines, bars upon each other, and the buckets of a histogram."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import matplotlib as mpl
from grafana import DASHBOARDS, Object, own_counts, targets
from matplotlib.ticker import FuncFormatter, MaxNLocator
from prometheus_server import Prometheus

from dashboard_pictures.charts import Line, chart
from dashboard_pictures.figures import UNITS, shown
from dashboard_pictures.sheet import MUTED, STYLE, Sheet
from dashboard_pictures.span import Span

__all__ = ["draw", "draw_all"]

_COLOURS = {"green": "#1a7f37", "red": "#cf222e", "blue": "#0969da"}
"""Grafana's names of colours."""
_NOT_SHOWN = {"__name__", "job", "instance"}
_TABLE_LINE, _TABLE_TOP = 11.0, 28.0


Variables = Mapping[str, str]


def draw_all(
    prometheus: Prometheus, folder: Path, span: Span, chosen: Mapping[str, Variables] = MappingProxyType({})
) -> list[Path]:
    """Draw each dashboard into a folder, and give the files.

    Args:
        prometheus: is asked.
        folder: is made if it is not there.
        span: that is shown.
        chosen: values of variables by the dashboard's uid.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [folder / f"{uid}.svg" for uid in DASHBOARDS]
    for path in drawn:
        path.write_text(draw(DASHBOARDS[path.stem], prometheus, span, chosen.get(path.stem)))
    return drawn


def draw(dashboard: Object, prometheus: Prometheus, span: Span, variables: Variables | None = None) -> str:
    """Draw a dashboard, as SVG; variables that are not given are All."""
    chosen = variables or {}
    notes = (
        f"Drawn by Millstream from answers to this dashboard's queries, not by Grafana; {span.words}.",
        f"The answers are those of {span.source}.",
    )
    with mpl.rc_context({**STYLE, "svg.hashsalt": dashboard["uid"]}):
        sheet = Sheet(dashboard, ", ".join(f"{name}: {value}" for name, value in chosen.items()), notes)
        for panel in dashboard["panels"]:
            if panel["type"] == "row":
                sheet.heading(panel)
            else:
                sheet.card(panel)
                _SHAPES[panel["type"]](_Shown(sheet, panel, prometheus, span, chosen))
        return sheet.svg()


@dataclass(frozen=True)
class _Shown:
    """A panel, with all that is needed to draw it."""

    sheet: Sheet
    panel: Object
    prometheus: Prometheus
    span: Span
    chosen: Variables

    @property
    def unit(self) -> str:
        return str(self.panel["fieldConfig"]["defaults"]["unit"])

    @property
    def empty(self) -> str:
        return str(self.panel["fieldConfig"]["defaults"].get("noValue", "No data"))

    def shown(self, value: float) -> str:
        """Write a figure, or what the panel has in place of it."""
        for mapping in self.panel["fieldConfig"]["defaults"].get("mappings", ()):
            if math.isinf(value) and "Infinity" in mapping["options"]:
                return str(mapping["options"]["Infinity"]["text"])
        return shown(value, self.unit)

    def instant(self) -> list[tuple[str, dict[str, str], float]]:
        """Give each series' legend, labels and value at the end."""
        return [
            (target.legend(labels), labels, points[-1][1])
            for target in targets({"uid": ""}, self.panel)
            for labels, points in self.prometheus.instant(
                target.query(self.span.window, **self.chosen), self.span.end
            )
        ]

    def lines(self) -> list[Line]:
        """Give each series' legend and values, the bounds of histograms in their order."""
        interval, span = f"{self.span.step}s", self.span
        return [
            (target.legend(labels), points)
            for target in targets({"uid": ""}, self.panel)
            for labels, points in sorted(
                self.prometheus.lines(target.query(interval, **self.chosen), span.start, span.end, span.step),
                key=lambda series: [_in_order(text) for _, text in sorted(series[0].items())],
            )
        ]


def _in_order(label: str) -> tuple[float, str]:
    try:
        return float(label), ""
    except ValueError:
        return 0.0, label


def _number(panel: _Shown) -> None:
    middle = panel.sheet.size(panel.panel)[0] / 2
    found = [(legend, value) for legend, _, value in panel.instant() if not math.isnan(value)]
    if not found:
        panel.sheet.write(panel.panel, middle, 46, panel.empty, ha="center", size=11, color=MUTED)
    else:
        (legend, value), *others = found
        colour = _colour(panel.panel, value)
        panel.sheet.write(
            panel.panel, middle, 48, shown(value, panel.unit), ha="center", size=21, color=colour
        )
        names = [legend, *(f"{name} {shown(other, panel.unit)}" for name, other in others)]
        panel.sheet.write(panel.panel, 7, 71, ", ".join(names), color=MUTED, size=7)
    panel.sheet.write(panel.panel, 2 * middle - 7, 71, UNITS[panel.unit], color=MUTED, size=7, ha="right")


def _colour(panel: Object, value: float) -> str:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    *_, reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return _COLOURS[reached]


def _table(panel: _Shown) -> None:
    sheet, (width, height) = panel.sheet, panel.sheet.size(panel.panel)
    sheet.write(panel.panel, width - 7, 13, UNITS[panel.unit], color=MUTED, size=7, ha="right")
    found = panel.instant()
    if not found:
        sheet.write(panel.panel, width / 2, height / 2, panel.empty, ha="center", color=MUTED)
        return
    names = sorted({name for _, labels, _ in found for name in labels} - _NOT_SHOWN, key=_namespace_first)
    room = int((height - _TABLE_TOP - 6) / _TABLE_LINE) - (1 if len(found) > 1 else 0)
    columns = [(name, [labels.get(name, "") for _, labels, _ in found]) for name in names]
    for number, (name, cells) in enumerate(columns):
        _column(panel, 7 + number * (width - 14) / (len(names) + 1), "left", [name, *cells[:room]])
    _column(panel, width - 7, "right", ["value", *(panel.shown(value) for _, _, value in found[:room])])
    if len(found) > room:
        sheet.write(panel.panel, 7, height - 6, f"and {len(found) - room} more", color=MUTED)


def _column(panel: _Shown, x: float, side: str, cells: list[str]) -> None:
    for number, cell in enumerate(cells):
        colour = {} if number else {"color": MUTED}
        panel.sheet.write(panel.panel, x, _TABLE_TOP + number * _TABLE_LINE, cell, ha=side, **colour)


def _namespace_first(name: str) -> tuple[bool, bool, str]:
    return name != "namespace", name != "deployment", name


def _lines(panel: _Shown) -> None:
    width = panel.sheet.size(panel.panel)[0]
    panel.sheet.write(panel.panel, width - 7, 13, UNITS[panel.unit], color=MUTED, size=7, ha="right")
    chart(panel.sheet, panel.panel, panel.lines(), panel.span, panel.empty)


def _buckets(panel: _Shown) -> None:
    sheet, (width, height) = panel.sheet, panel.sheet.size(panel.panel)
    sheet.write(panel.panel, width - 7, 13, UNITS[panel.unit], color=MUTED, size=7, ha="right")
    counts = own_counts((legend, value) for legend, _, value in panel.instant())
    if not any(counts.values()):
        sheet.write(panel.panel, width / 2, height / 2, panel.empty, ha="center", color=MUTED)
        return
    axes = sheet.axes(panel.panel, 46, 24, 14, 24)
    colours = [_colour(panel.panel, value) for value in counts.values()]
    axes.barh(list(counts), list(counts.values()), color=colours, height=0.7)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=6)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, panel.unit)))


_SHAPES: dict[str, Callable[[_Shown], None]] = {
    "stat": _number,
    "table": _table,
    "timeseries": _lines,
    "bargauge": _buckets,
}
