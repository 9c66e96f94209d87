"""The paper: a dashboard's grid, with a card for each panel."""

import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

from grafana import Object
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

__all__ = ["INK", "MUTED", "STYLE", "Sheet"]

INK, MUTED = "#1f2328", "#59636e"
_FAINT, _PAPER, _CARD = (
    "#d1d9e0",
    "#f6f8fa",
    "#ffffff",
)  # its own ground: it is read on light and on dark pages
STYLE = {
    "svg.fonttype": "none",  # text stays text, in the reader's own font
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 7.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": _FAINT,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}
_DIGITS = re.compile(r"(\.\d\d)\d+")
_POINTS_OF_AN_INCH = 72
_COLUMNS, _COLUMN, _ROW, _GAP = 24, 37.5, 21.0, 3.0
_HEAD, _FOOT, _FOOTNOTE = 40.0, 16.0, 10.0


class Sheet:
    """The picture of a dashboard; places are in points from a panel's upper left corner."""

    def __init__(self, dashboard: Object, chosen: str, footnotes: Sequence[str]) -> None:
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
        self._width = _COLUMNS * _COLUMN
        self._height = _HEAD + rows * _ROW + _FOOT + _FOOTNOTE * len(footnotes)
        inches = (self._width / _POINTS_OF_AN_INCH, self._height / _POINTS_OF_AN_INCH)
        self._figure = Figure(figsize=inches, facecolor=_PAPER)
        self._title, self._footnotes = dashboard["title"], footnotes
        self._text(8, 18, dashboard["title"], weight="bold", size=13)
        self._text(self._width - 8, 18, chosen, color=MUTED, size=8.5, ha="right")
        self._text(8, 32, dashboard["description"], color=MUTED, size=8.5)
        for number, note in enumerate(footnotes):
            below = _FOOTNOTE * (len(footnotes) - number - 1)
            self._text(8, self._height - 9 - below, note, color=MUTED, size=7)

    def size(self, panel: Object) -> tuple[float, float]:
        """Give a panel's width and height."""
        return panel["gridPos"]["w"] * _COLUMN - 2 * _GAP, panel["gridPos"]["h"] * _ROW - 2 * _GAP

    def write(self, panel: Object, x: float, y: float, text: str, **style: Any) -> None:
        """Write into a panel."""
        left, top = self._corner(panel)
        self._text(left + x, top + y, text, **style)

    def heading(self, row: Object) -> None:
        """Write the title of a row."""
        self.write(row, 3, 0.65 * _ROW, row["title"], weight="bold", size=10)

    def card(self, panel: Object) -> None:
        """Draw a panel's edge, and its title."""
        (left, top), (width, height) = self._corner(panel), self.size(panel)
        x, y, across, up = self._fractions(left, top, width, height)
        edge = Rectangle((x, y), across, up, facecolor=_CARD, edgecolor=_FAINT, linewidth=0.7, zorder=-1)
        edge.set_gid(f"panel-{panel['id']}")
        self._figure.add_artist(edge)
        self.write(panel, 7, 13, panel["title"], weight="bold", size=8.5)

    def axes(self, panel: Object, left: float, top: float, right: float, bottom: float) -> Axes:
        """Give a panel's axes, inside of margins."""
        (x, y), (width, height) = self._corner(panel), self.size(panel)
        place = self._fractions(x + left, y + top, width - left - right, height - top - bottom)
        axes = self._figure.add_axes(place, facecolor="none")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=2, width=0.6, labelsize=7)
        axes.grid(axis="y", color=_FAINT, linewidth=0.4)
        axes.set_axisbelow(True)
        return axes

    def svg(self) -> str:
        """Give what was drawn."""
        written = StringIO()
        about = {
            "Title": self._title,
            "Description": " ".join(self._footnotes),
            "Date": None,
            "Creator": None,
        }
        self._figure.savefig(written, format="svg", metadata=about)
        small = re.sub(r' d="[^"]*"', lambda path: _DIGITS.sub(r"\1", path[0]), written.getvalue())
        return "".join(f"{line.rstrip()}\n" for line in small.splitlines())

    def _corner(self, panel: Object) -> tuple[float, float]:
        place = panel["gridPos"]
        return place["x"] * _COLUMN + _GAP, _HEAD + place["y"] * _ROW + _GAP

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:
        self._figure.text(x / self._width, 1 - y / self._height, text, **style)

    def _fractions(
        self, left: float, top: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        bottom = self._height - top - height
        return left / self._width, bottom / self._height, width / self._width, height / self._height
