"""Changes of the file of profiles, which keep its comments."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import tomlkit
from tomlkit.exceptions import TOMLKitError

from millstream.exceptions import SettingsError
from millstream.filesystems import LocalFileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tomlkit.items import Table

    from millstream.settings import Setting

FILE = "profiles.toml"
_FIRST = "default"


class Profiles(NamedTuple):
    """The content of the file.

    Attributes:
        path: Where it is.
        content: All of it.
    """

    path: Path
    content: tomlkit.TOMLDocument

    @property
    def active(self) -> str | None:
        """The profile that is used unless another one is chosen."""
        name = self.content.get("active")
        return None if name is None else str(name)

    @property
    def tables(self) -> Any:
        """The profiles by name."""
        return self.content.get("profiles", {})

    def chosen(self, name: str | None) -> Table:
        """The profile of that name, or else the active one, or else a first one that is active from now on.

        Raises:
            SettingsError: There is no profile of that name.
        """
        name = name or self.active
        if name is None:
            name = _FIRST
            if name not in self.tables:
                self.create(name)
            self.use(name)
        if name not in self.tables:
            there = ", ".join(map(repr, self.tables)) or "none"
            raise SettingsError(
                f"{self.path} has no profile {name!r}; it has {there}. `millstream config profile create` makes one."
            )
        table: Table = self.tables[name]
        return table

    def create(self, name: str) -> None:
        """Add a profile.

        Raises:
            SettingsError: There is one of that name.
        """
        if name in self.tables:
            raise SettingsError(f"{self.path} has a profile {name!r} already.")
        if "profiles" not in self.content:
            self.content["profiles"] = tomlkit.table(is_super_table=True)
        self.tables[name] = tomlkit.table()

    def use(self, name: str) -> None:
        """Make a profile the active one."""
        if "active" in self.content:
            self.content["active"] = name
        else:  # before all tables, as TOML wants it
            rest = tomlkit.dumps(self.content)
            self.content.clear()
            self.content.update(tomlkit.parse(f"active = {tomlkit.string(name).as_string()}\n\n{rest}"))


@contextmanager
def changing(home: Path) -> Iterator[Profiles]:
    """Read the file below `MILLSTREAM_HOME`, and write it at once when the block has ended without an exception.

    Raises:
        SettingsError: The file cannot be read or written.
    """
    path = (home / FILE).resolve()  # it may be a link into what somebody keeps in git
    store = LocalFileSystem(path.parent)
    try:
        with store.acquire(FILE):
            profiles = read(home)
            yield profiles
            store.write(path.name, tomlkit.dumps(profiles.content).encode())
    except OSError as error:
        raise SettingsError(f"{path} cannot be changed: {error.strerror}.") from error


def read(home: Path) -> Profiles:
    """What the file below `MILLSTREAM_HOME` has; nothing if there is none.

    Raises:
        SettingsError: The file cannot be read.
    """
    path = home / FILE
    try:
        content = tomlkit.parse(path.read_bytes())
    except FileNotFoundError:
        content = tomlkit.document()
    except (OSError, ValueError, TOMLKitError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if not isinstance(content.get("profiles", {}), dict):
        raise SettingsError(
            f'{path} takes `active = "name"` and tables `[profiles.name]`, and has other things.'
        )
    return Profiles(path, content)


def as_toml(setting: Setting[Any], text: str) -> Any:
    """The value that a text stands for, as TOML's own kind where the setting takes that, as `2` or `true`.

    Raises:
        SettingsError: The setting cannot have it.
    """
    setting.read(text, "given here")
    try:
        value = tomlkit.value(text)
        setting.kind.read(value.unwrap())
    except (TOMLKitError, ValueError, TypeError, LookupError):
        return text
    return value
