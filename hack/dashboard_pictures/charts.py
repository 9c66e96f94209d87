"""Lines over time, and bars upon each other."""

import math
from collections.abc import Sequence

from grafana import Object
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from dashboard_pictures.figures import shown
from dashboard_pictures.sheet import MUTED, Sheet
from dashboard_pictures.span import Span, dates

__all__ = ["Line", "chart"]

Line = tuple[str, list[tuple[float, float]]]
"""A legend, and pairs of a time and a value."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 24.0, 24.0
_LEGEND_LINE, _LETTER, _MARK = 11.0, 4.0, 24.0
_MOST_ROWS = 5
_DATE = 55.0
_MINUTES_ARE_TOO_COARSE = 300
_TICKS = 4
_STEPS = {
    "s": (15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400, 604_800),
    "bytes": tuple(1024 * 2**power for power in range(12)),
}
"""Between the ticks of units that do not go by tens."""
_COLOURS = (
    "#0969da", "#bf8700", "#8250df", "#1b7c83", "#bc4c00", "#57606a", "#bf3989", "#4d7e00", "#953800", "#218bff",
    "#d4a72c", "#a475f9", "#3192aa",
)  # fmt: skip
_COLOURS_OF = {
    "Completed": "#1a7f37",
    "Fired": "#1a7f37",
    "Failed": "#cf222e",
    "Missed": "#cf222e",
    "Crashed": "#82071e",
    "TimedOut": "#bc4c00",
    "Running": "#0969da",
    "Queued": "#8250df",
    "Pending": "#bf8700",
    "AwaitingRetry": "#bf3989",
    "Cancelled": "#8c959f",
}


def chart(sheet: Sheet, panel: Object, lines: Sequence[Line], span: Span, empty: str) -> None:
    """Draw a panel's lines, with their axes and their legend."""
    width, height = sheet.size(panel)
    across = _legend_columns(lines, width)
    rows = min(math.ceil(len(lines) / across), _MOST_ROWS)
    legend = rows * _LEGEND_LINE
    axes = sheet.axes(panel, _LEFT, _TOP, _RIGHT, _BOTTOM + legend)
    if lines:
        _PLOTS[panel["fieldConfig"]["defaults"]["custom"].get("drawStyle", "line")](axes, panel, lines, span)
        place = (-(_LEFT - 7) / (width - _LEFT - _RIGHT), -15 / (height - _TOP - _BOTTOM - legend))
        named = axes.get_legend_handles_labels()[0]
        if len(named) > rows * across:
            sheet.write(panel, 7, height - 4, f"and {len(named) - rows * across} more", color=MUTED, size=7)
        axes.legend(
            handles=named[: rows * across], loc="upper left", bbox_to_anchor=place, ncols=across, frameon=False, borderaxespad=0, borderpad=0,
            handlelength=1, handletextpad=0.4, columnspacing=1, labelspacing=0.25,
        )  # fmt: skip
    else:
        axes.text(0.5, 0.5, empty, ha="center", transform=axes.transAxes, color=MUTED)
        axes.set_ylim(0, 1)
    _scale(axes, span, str(panel["fieldConfig"]["defaults"]["unit"]), width)


def _legend_columns(lines: Sequence[Line], width: float) -> int:
    longest = max((len(name) for name, _ in lines), default=1) * _LETTER + _MARK
    return max(1, min(len(lines), int((width - 14) / longest)))


def _scale(axes: Axes, span: Span, unit: str, width: float) -> None:
    axes.set_xlim(*dates([span.start, span.end]))
    highest = max(axes.get_ylim()[1], 0)
    flat = not axes.dataLim.height
    axes.set_ylim(0, max(1, axes.dataLim.y1 * 1.1) if flat else highest)
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=2, maxticks=max(3, int(width / _DATE))))
    coarse = span.end - span.start > _MINUTES_ARE_TOO_COARSE
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M" if coarse else "%H:%M:%S"))
    axes.yaxis.set_major_locator(_ticks(axes.get_ylim()[1], unit))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))


def _ticks(highest: float, unit: str) -> MaxNLocator | MultipleLocator:
    steps = _STEPS.get(unit, ())
    fitting = [step for step in steps if step * _TICKS >= highest]
    if not fitting or fitting[0] == steps[0]:
        return MaxNLocator(_TICKS, steps=[1, 2, 5, 10])
    return MultipleLocator(fitting[0])


def _plot_lines(axes: Axes, panel: Object, lines: Sequence[Line], span: Span) -> None:
    for number, (name, points) in enumerate(lines):
        values = span.on_grid(points, math.nan)
        axes.plot(
            dates(span.grid), values, color=_colour(name, number), label=name or "value", linewidth=1.1, marker="o",
            markersize=2, markevery=_alone(values), gid=_identity(panel, number),
        )  # fmt: skip


def _alone(values: Sequence[float]) -> list[int]:
    """Find the points without neighbours, which a line does not show."""
    around = [math.nan, *values, math.nan]
    return [
        i for i, value in enumerate(values)
        if not math.isnan(value) and math.isnan(around[i]) and math.isnan(around[i + 2])
    ]  # fmt: skip


def _plot_bars(axes: Axes, panel: Object, lines: Sequence[Line], span: Span) -> None:
    below = [0.0] * len(span.grid)
    for number, (name, points) in enumerate(lines):
        above = [low + value for low, value in zip(below, span.on_grid(points, 0.0), strict=True)]
        axes.fill_between(
            dates(span.grid), below, above, color=_colour(name, number), label=name or "value", linewidth=0,
            step="pre",  # a point tells of the interval that it ends
            gid=_identity(panel, number),
        )  # fmt: skip
        below = above


def _identity(panel: Object, number: int) -> str:
    return f"panel-{panel['id']}-line-{number}"


def _colour(name: str, number: int) -> str:
    return _COLOURS_OF.get(name, _COLOURS[number % len(_COLOURS)])


_PLOTS = {"line": _plot_lines, "bars": _plot_bars}
