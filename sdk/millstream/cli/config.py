"""`millstream config`: settings, and the profiles that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from millstream.cli._completions import one_of
from millstream.cli._groups import Group
from millstream.cli._output import Column, View, output_option, show
from millstream.cli._texts import Text
from millstream.exceptions import SettingsError
from millstream.settings import declared, declared_for_files, get_current_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millstream.settings import Setting


class _Row(NamedTuple):
    name: str
    value: str
    place: str
    meaning: str


_VIEW = View[_Row](
    columns=(
        Column("setting", lambda row: row.name),
        Column("value", lambda row: row.value, is_prose=True),
        Column("from", lambda row: row.place, is_prose=True),
        Column("meaning", lambda row: row.meaning, is_wide=True),
    ),
    name=lambda row: row.name,
    document=lambda row: {"name": row.name, "value": row.value, "from": row.place},
)
_PROFILES = View[tuple[str, bool]](
    columns=(Column("profile", lambda row: row[0]), Column("active", lambda row: "*" if row[1] else "")),
    name=lambda row: row[0],
    document=lambda row: {"name": row[0], "active": row[1]},
)


def _settings() -> list[str]:
    return [name for name, setting in declared().items() if setting.in_files]


def _profiles() -> Iterable[str]:
    from millstream.cli._profiles import read  # noqa: PLC0415 - tomlkit is slow to import

    names: Iterable[str] = read(get_current_settings().home).tables
    return names


_profile_option = click.option(
    "--profile",
    metavar="NAME",
    shell_complete=one_of(_profiles),
    help="The profile to change; the active one unless given.",
)


@click.group("config", cls=Group)
def command() -> None:
    """See and change settings.

    They stand in the environment, in a profile of profiles.toml in MILLSTREAM_HOME, and in pyproject.toml: docs/settings.md.
    """


@command.command("view")
@click.option("--show-defaults", is_flag=True, help="Show settings that are set nowhere, too.")
@output_option
def view(*, show_defaults: bool, output: str | None) -> None:
    """Show settings, their values, and where they come from.

    \b
    Examples:
      millstream config view
      millstream config view --show-defaults -o wide
    """
    rows = [row for setting in declared().values() if (row := _row(setting, show_defaults)) is not None]
    show(rows, _VIEW, output, nothing="All settings have their defaults; --show-defaults shows them.")


@command.command("set")
@click.argument(
    "assignments", metavar="NAME=VALUE...", nargs=-1, required=True, shell_complete=one_of(_settings)
)
@_profile_option
def set_(assignments: tuple[str, ...], profile: str | None) -> None:
    """Write settings into a profile.

    \b
    Examples:
      millstream config set MILLSTREAM_LOGGING_LEVEL=DEBUG
      millstream config set MILLSTREAM_TASKS_DEFAULT_RETRIES=2 --profile load-test
    """
    from millstream.cli._profiles import as_toml, changing  # noqa: PLC0415 - tomlkit is slow to import

    values = {}
    for assignment in assignments:
        name, found, text = assignment.partition("=")
        if not found:
            raise click.UsageError(f"{assignment!r} is no NAME=VALUE.")
        values[name] = as_toml(declared_for_files(name, "the command"), text)
    settings = get_current_settings()
    with changing(settings.home) as profiles:
        profiles.chosen(profile or settings.profile).update(values)


@command.command("unset")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=one_of(_settings))
@_profile_option
def unset(names: tuple[str, ...], profile: str | None) -> None:
    """Remove settings from a profile.

    \b
    Example:
      millstream config unset MILLSTREAM_LOGGING_LEVEL
    """
    from millstream.cli._profiles import changing  # noqa: PLC0415 - tomlkit is slow to import

    settings = get_current_settings()
    with changing(settings.home) as profiles:
        table = profiles.chosen(profile or settings.profile)
        missing = [name for name in names if name not in table]
        if missing:
            raise SettingsError(f"The profile has no {', '.join(missing)}.")
        for name in names:
            del table[name]


@command.group("profile")
def profile_group() -> None:
    """List, choose and make profiles."""


@profile_group.command("ls")
@output_option
def list_profiles(output: str | None) -> None:
    """List the profiles.

    \b
    Example:
      millstream config profile ls
    """
    from millstream.cli._profiles import read  # noqa: PLC0415 - tomlkit is slow to import

    settings = get_current_settings()
    profiles = read(settings.home)
    active = settings.profile or profiles.active
    show(
        [(name, name == active) for name in profiles.tables],
        _PROFILES,
        output,
        nothing="There are no profiles.",
    )


@profile_group.command("use")
@click.argument("name", shell_complete=one_of(_profiles))
def use_profile(name: str) -> None:
    """Make a profile the active one.

    \b
    Example:
      millstream config profile use load-test
    """
    from millstream.cli._profiles import changing  # noqa: PLC0415 - tomlkit is slow to import

    with changing(get_current_settings().home) as profiles:
        profiles.chosen(name)
        profiles.use(name)


@profile_group.command("create")
@click.argument("name", type=Text())
def create_profile(name: str) -> None:
    """Add an empty profile.

    \b
    Example:
      millstream config profile create load-test
    """
    from millstream.cli._profiles import changing  # noqa: PLC0415 - tomlkit is slow to import

    with changing(get_current_settings().home) as profiles:
        profiles.create(name)


def _row(setting: Setting[Any], show_defaults: bool) -> _Row | None:  # noqa: FBT001 - an option of the command
    found = get_current_settings().found(setting)
    if found is None:
        return _Row(setting.name, setting.default, "its default", setting.text) if show_defaults else None
    value, place = found
    setting.read(value, place)
    return _Row(setting.name, without_password(_text(value)), place, setting.text)


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        import json  # noqa: PLC0415 - few settings have tables

        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def without_password(text: str) -> str:
    """A value that may be a URL, of which then only the parts that are no secrets are shown."""
    scheme, is_url, rest = text.partition("://")
    if not is_url:
        return text
    address, _, path = rest.partition("?")[0].partition("/")
    return f"{scheme}://{address.rpartition('@')[2]}{f'/{path}' if path else ''}"
