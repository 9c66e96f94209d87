"""Where settings stand: the environment, a profile, and the project's own file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from millstream.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROJECT_TABLE = "[tool.millstream]"


class Source:
    """Settings from one place, by the variables' names.

    Attributes:
        place: What to call the place in messages.
        values: What stands there.
    """

    __slots__ = ("place", "values")

    def __init__(self, place: str, values: Mapping[str, Any]) -> None:
        self.place = place
        self.values = values


# The environment as it is when it is asked.
ENVIRONMENT = Source("the environment", os.environ)


def profile_source(home: Path, chosen: str | None) -> Source | None:
    """The profile that is chosen, or else the active one, of the file of profiles.

    Raises:
        SettingsError: There is no such profile, or the file is none of profiles.
    """
    path = home / "profiles.toml"
    if not path.is_file():
        if chosen is None:
            return None
        raise SettingsError(f"MILLSTREAM_PROFILE chooses {chosen!r}, and there is no file {path}.")
    content = _toml(path)
    profiles = content.pop("profiles", {})
    name = content.pop("active", None) if chosen is None else chosen
    content.pop("active", None)
    if content or not isinstance(profiles, dict):
        raise SettingsError(
            f'{path} takes `active = "name"` and tables `[profiles.name]`, and has other things.'
        )
    if name is None:
        return None
    if not isinstance(profiles.get(name), dict):
        raise SettingsError(
            f"{path} has no profile {name!r}; it has {', '.join(map(repr, profiles)) or 'none'}."
        )
    return Source(f"profile {name!r} of {path}", profiles[name])


def project_source() -> Source | None:
    """The settings in the nearest `pyproject.toml` from the working directory up.

    Raises:
        SettingsError: The file cannot be read.
    """
    from pathlib import Path  # noqa: PLC0415 - slow to import

    try:
        here = Path.cwd()
    except FileNotFoundError:  # somebody deleted it
        return None
    path = next(
        (p for p in (folder / "pyproject.toml" for folder in (here, *here.parents)) if p.is_file()), None
    )
    # Most projects have no such table, and need no parser then.
    if path is None or _PROJECT_TABLE[:-1] not in path.read_text(encoding="utf-8", errors="replace"):
        return None
    table = _toml(path).get("tool", {}).get("millstream", {})
    return Source(f"{_PROJECT_TABLE} of {path}", table)


def _toml(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - slow to import

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
