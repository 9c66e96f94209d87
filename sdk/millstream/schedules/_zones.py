"""Time zones by their IANA names."""

from functools import cache
from zoneinfo import ZoneInfo

from millstream.schedules._schedule import InvalidScheduleError

__all__ = ["load_zone"]

_MAX_CHARACTERS = 64


def load_zone(name: object) -> ZoneInfo:
    """Give the zone of that name.

    Raises:
        InvalidScheduleError: there is none; the message names some that are similar.
    """
    if not isinstance(name, str):
        raise InvalidScheduleError(f"timezone must be an IANA name such as Europe/Berlin, not {name!r}")
    # The list, not the file system: only there do "localtime" or "right/UTC" exist, on some machines.
    if name not in _names():
        raise InvalidScheduleError(f"there is no timezone {name[:_MAX_CHARACTERS]!r}{_advice(name)}")
    return ZoneInfo(name)


@cache
def _names() -> dict[str, str]:
    """All names, each with its form for comparisons."""
    from importlib.resources import files  # noqa: PLC0415 - slow to import

    names = (files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return {name: name.casefold() for name in names}


def _advice(name: str) -> str:
    similar = _similar(name[:_MAX_CHARACTERS].replace(" ", "_").casefold())
    if not similar:
        return ": give an IANA name such as Europe/Berlin, or UTC"
    return f": did you mean {' or '.join(similar)}?"


def _similar(wanted: str) -> list[str]:
    by_folded = {folded: name for name, folded in _names().items()}
    exact = [name for folded, name in by_folded.items() if wanted in {folded, folded.rpartition("/")[2]}]
    if exact:
        return exact[:3]
    from difflib import get_close_matches  # noqa: PLC0415 - only for typing errors

    return [by_folded[folded] for folded in get_close_matches(wanted, by_folded, cutoff=0.75)]
