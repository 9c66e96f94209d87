"""Times as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from millstream import _surroundings

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d+[smhdw])+")


class Moment(click.ParamType[datetime]):
    """A time, or how long ago: `2026-01-31`, `2026-01-31T08:00Z`, `90m`, `1d12h`.

    Args:
        keeps_zoneless: Whether a time without a zone stays one, for the command to say by which clock it is.
        is_ahead: Whether a span is one from now on.
    """

    name = "time"

    def __init__(self, *, keeps_zoneless: bool = False, is_ahead: bool = False) -> None:
        self._keeps_zoneless = keeps_zoneless
        self._is_ahead = is_ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time; without a zone it is a local one, unless it stays without."""
        if isinstance(value, datetime):
            return value
        if _SPAN.fullmatch(value):
            spans = {_UNITS[part[-1]]: 0 for part in re.findall(r"\d+[smhdw]", value)}
            for part in re.findall(r"\d+[smhdw]", value):
                spans[_UNITS[part[-1]]] += int(part[:-1])
            try:
                return _now() + timedelta(**spans) * (1 if self._is_ahead else -1)
            except OverflowError:
                self.fail(f"{value!r} is too {'far ahead' if self._is_ahead else 'long ago'}.", param, ctx)
        try:
            moment = datetime.fromisoformat(value)
            return moment if self._keeps_zoneless else moment.astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: write 30m, 12h, 1d, 2w, or 2026-01-31T08:00.", param, ctx)


class Span(click.ParamType[int]):
    """A duration in seconds: `90`, `90s`, `15m`, `1d12h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds, which are more than none."""
        text = str(value)
        if text.isdecimal():
            seconds = int(text)
        elif _SPAN.fullmatch(text):
            parts = re.findall(r"\d+[smhdw]", text)
            seconds = sum(int(part[:-1]) * _SECONDS[part[-1]] for part in parts)
        else:
            seconds = 0
        if not seconds:
            self.fail(f"{value!r} is no duration: write 90s, 15m, 2h, 1d12h.", param, ctx)
        return seconds


def ago(moment: datetime | None) -> str:
    """How long ago something was."""
    return "" if moment is None else duration((_now() - moment).total_seconds())


def local(moment: datetime | None) -> str:
    """A time by the clock of this machine."""
    return "" if moment is None else moment.astimezone().isoformat(" ", "seconds")


def duration(seconds: float) -> str:
    """A duration in its one or two largest units, as `8s`, `5m3s`, `3h20m`, `2d`."""
    if seconds < 10:  # noqa: PLR2004 - below that, tenths tell something
        return f"{max(seconds, 0):.1f}s".replace(".0s", "s")
    whole = int(seconds)
    for size, unit, smaller_size, smaller in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size}{unit}" + (f"{rest}{smaller}" if rest else "")
    return f"{whole}s"


def _now() -> datetime:
    return datetime.fromtimestamp(_surroundings.current.time(), UTC)
