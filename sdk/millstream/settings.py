"""Settings: defaults for all flows and tasks, logging, and where things are kept.

A setting is looked for in the environment, in the chosen profile of `profiles.toml` below `MILLSTREAM_HOME`, in
`[tool.millstream]` of the nearest `pyproject.toml`, and has a default. It has the same name everywhere.

Usage:
    ```python
    from millstream.settings import get_current_settings, temporary_settings

    with temporary_settings({"MILLSTREAM_TASKS_DEFAULT_RETRIES": 2}):
        assert get_current_settings().tasks_default_retries == 2
    ```
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, overload

from millstream import _setting_kinds as kinds
from millstream._setting_sources import ENVIRONMENT, Source, profile_source, project_source
from millstream.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Setting", "Settings", "SettingsError", "get_current_settings", "temporary_settings"]

T = TypeVar("T")

_PREFIX = "MILLSTREAM_"
_DEFAULT: Final = object()
_SCHEMES = ("file", "s3", "gs", "az")


class Setting(Generic[T]):
    """The declaration of a setting.

    Attributes:
        name: The name of the variable.
        kind: What its value may be.
        default: Its value when it is set nowhere, as people would write it.
        text: What it is for.
        in_files: Whether it may stand in files too.
    """

    __slots__ = ("_fallback", "default", "in_files", "kind", "name", "text")
    name: str

    def __init__(
        self,
        kind: kinds.Kind[T],
        default: str,
        text: str,
        *,
        fallback: Callable[[Settings], T] | None = None,
        in_files: bool = True,
    ) -> None:
        self.kind = kind
        self.default = default
        self.text = text
        self.in_files = in_files
        self._fallback = fallback

    def __set_name__(self, owner: type[Settings], name: str) -> None:
        self.name = _PREFIX + name.upper()

    @overload
    def __get__(self, settings: None, owner: type[Settings]) -> Self: ...

    @overload
    def __get__(self, settings: Settings, owner: type[Settings]) -> T: ...

    def __get__(self, settings: Settings | None, owner: type[Settings]) -> Self | T:
        """The setting's value now, or of the class the declaration."""
        if settings is None:
            return self
        found = settings.found(self)
        if found is None and self._fallback is not None:
            return self._fallback(settings)
        return self.read(*(found or (self.default, "its default")))

    def read(self, value: Any, place: str) -> T:
        """The setting's value from what is written in some place.

        Raises:
            SettingsError: It cannot have that value.
        """
        try:
            return self.kind.read(value)
        except (ValueError, TypeError, LookupError):
            raise SettingsError(
                f"{self.name} cannot be {value!r} ({place}). It takes {self.kind.takes}."
            ) from None


class Settings:
    """All settings, read when they are asked for: the environment each time, a file once."""

    home = Setting(
        kinds.FOLDER,
        "~/.millstream",
        "The folder of everything that is kept on this machine.",
        in_files=False,
    )
    storage = Setting(
        kinds.LOCATION,
        "`MILLSTREAM_HOME`",
        "The path or URL of a folder or bucket for results and artifacts.",
        fallback=lambda settings: str(settings.home),
    )
    profile = Setting[str | None](
        kinds.TEXT,
        "the file's `active`",
        "The profile to use.",
        fallback=lambda _: None,
        in_files=False,
    )
    logging_level = Setting[int | None](
        kinds.LEVEL,
        "`INFO`; the program's own where it sets up logging",
        "The level from which on logs are shown; `DEBUG` shows tasks that succeed.",
        fallback=lambda _: None,
    )
    logging_format = Setting(
        kinds.choice("text", "json"), "text", "Lines for people, or one JSON object a line for machines."
    )
    logging_colors = Setting(
        kinds.FLAG_OR_AUTO,
        "auto",
        "Colours on the console; `auto` is on a terminal only. Never with `NO_COLOR`.",
    )
    logging_log_prints = Setting(
        kinds.FLAG, "false", "Whether `print` writes to the run's log, for flows and tasks that do not say."
    )
    logging_extra_loggers = Setting[tuple[str, ...]](
        kinds.LOGGERS,
        "none",
        "Other loggers whose records are to say which run they are of, and to go to the console.",
        fallback=lambda _: (),
    )
    history_enabled = Setting(
        kinds.FLAG, "true", "Whether runs are remembered in `MILLSTREAM_HOME`. Off in pods unless set there."
    )
    history_max_days = Setting(kinds.SECONDS, "30", "After how many days runs are forgotten.")
    history_max_megabytes = Setting(
        kinds.SECONDS, "500", "From which size on the oldest runs are forgotten, whatever their age."
    )
    results_persist_by_default = Setting(
        kinds.FLAG, "false", "Whether results are kept, for flows and tasks that do not say."
    )
    results_storage = Setting(
        kinds.LOCATION,
        "`results` in `MILLSTREAM_STORAGE`",
        "The path or URL where results are kept.",
        fallback=lambda settings: _stored_in(settings, "results"),
    )
    results_serializer = Setting(kinds.TEXT, "pickle", "How results are written.")
    tasks_default_retries = Setting(kinds.COUNT, "0", "Retries of tasks that do not say.")
    tasks_default_retry_delay_seconds = Setting(
        kinds.LIST_OF_SECONDS, "0", "The wait before the retries of tasks that do not say."
    )
    tasks_refresh_cache = Setting(
        kinds.FLAG, "false", "Whether tasks that do not say run again instead of taking a cached result."
    )
    flows_default_retries = Setting(kinds.COUNT, "0", "Retries of flows that do not say.")
    flows_default_retry_delay_seconds = Setting(
        kinds.SECONDS, "0", "The wait before the retries of flows that do not say."
    )
    task_runner_thread_pool_max_workers = Setting(
        kinds.POSITIVE, "256", "How many submitted tasks run at the same time in threads."
    )
    concurrency_limits = Setting(
        kinds.SLOTS, "{}", "How many may hold a concurrency limit at the same time, by its name."
    )
    concurrency_slot_decay_per_second = Setting(
        kinds.RATES,
        "{}",
        "For `rate_limit`: how many slots of a limit become free again each second, by its name.",
    )

    api = Setting(
        kinds.choice("local", "cluster"),
        "local",
        "What clients read: the history of this machine, or the FlowRuns of a cluster. `cluster` in pods unless set there.",
    )
    cluster_context = Setting[str | None](
        kinds.TEXT,
        "none",
        "The context of the kubeconfig that clients and commands use, if not its current one.",
        fallback=lambda _: None,
    )
    cluster_namespace = Setting[str | None](
        kinds.TEXT,
        "none",
        "The namespace that clients and commands use, if not the context's or the pod's.",
        fallback=lambda _: None,
    )

    blocks_folder: Setting[Path | None] = Setting(
        kinds.FOLDER,
        "none",
        "The folder that blocks are looked for in first, as Kubernetes mounts Secrets.",
        fallback=lambda _: None,
    )
    deploy_image = Setting[str | None](
        kinds.TEXT,
        "none",
        "The image for flows that `millstream deploy` brings without one; else the namespace's or the operator's own.",
        fallback=lambda _: None,
    )
    notifications_drain_seconds = Setting(
        kinds.SECONDS,
        "10",
        "How long the end of a process waits for notifications that are still to be sent.",
    )

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        self._given = given or {}

    @cached_property
    def _files(self) -> list[Source]:
        sources = [
            source
            for source in (profile_source(self.home, self.profile), project_source())
            if source is not None
        ]
        for source in sources:
            for name in source.values:
                declared_for_files(name, source.place)
        return sources

    def changes(self) -> tuple[dict[str, Any], list[str]]:
        """What `temporary_settings` is to be given elsewhere for the same settings."""
        updates = {name: value for name, value in self._given.items() if value is not _DEFAULT}
        return updates, [name for name in self._given if name not in updates]

    def found(self, setting: Setting[Any]) -> tuple[Any, str] | None:
        """What is written as the setting's value, and in which place; None if it has its default."""
        if setting.name in self._given:
            value = self._given[setting.name]
            return None if value is _DEFAULT else (value, "temporary_settings()")
        if value := ENVIRONMENT.values.get(setting.name):
            return value, ENVIRONMENT.place
        if setting.in_files:
            for source in self._files:
                if setting.name in source.values:
                    return source.values[setting.name], source.place
        return None


_current = Settings()


def get_current_settings() -> Settings:
    """The settings that are in force."""
    return _current


@contextmanager
def temporary_settings(
    updates: Mapping[str, Any] | None = None, restore_defaults: Iterable[str] = ()
) -> Iterator[Settings]:
    """Run a block, a test for instance, with other settings; they hold for all threads.

    Args:
        updates: Values by the name of the variable.
        restore_defaults: Names of settings that are to have their defaults, whatever the environment and files say.

    Raises:
        SettingsError: There is no setting of that name.
    """
    global _current  # noqa: PLW0603 - one per process on purpose
    changes = {**dict.fromkeys(restore_defaults, _DEFAULT), **(updates or {})}
    for name in changes:
        _declared(name, "temporary_settings()")
    before = _current
    _current = Settings({**before._given, **changes})  # noqa: SLF001 - one of our own
    try:
        yield _current
    finally:
        _current = before


def _stored_in(settings: Settings, folder: str) -> str:
    """The path or URL of a folder in the storage.

    Raises:
        SettingsError: The storage has no folders.
    """
    storage = settings.storage
    scheme, is_url, _ = storage.partition("://")
    if not is_url:
        from pathlib import Path  # noqa: PLC0415 - slow to import

        return str(Path(storage, folder))
    if scheme not in _SCHEMES:
        raise SettingsError(
            f"{Settings.storage.name} cannot be a URL that begins with {scheme}://. It takes a path, or a URL of "
            f"{', '.join(_SCHEMES)}; for a database set {Settings.results_storage.name}."
        )
    from urllib.parse import urlsplit  # noqa: PLC0415 - slow to import

    url = urlsplit(storage)
    return url._replace(path=f"{url.path.rstrip('/')}/{folder}").geturl()


def declared() -> dict[str, Setting[Any]]:
    """All settings, by their names."""
    return {s.name: s for s in vars(Settings).values() if isinstance(s, Setting)}


def declared_for_files(name: str, place: str) -> Setting[Any]:
    """The setting of that name, which stands in a file.

    Raises:
        SettingsError: There is none, or it may not stand there.
    """
    setting = _declared(name, place)
    if not setting.in_files:
        raise SettingsError(f"{name} is for the environment only, and stands in {place}.")
    return setting


def _declared(name: str, place: str) -> Setting[Any]:
    """The setting of that name.

    Raises:
        SettingsError: There is none.
    """
    settings = declared()
    if name not in settings:
        import difflib  # noqa: PLC0415 - slow to import

        close = difflib.get_close_matches(
            name.upper(), [*settings, *(n.removeprefix(_PREFIX) for n in settings)], 1
        )
        hint = f" Did you mean {_PREFIX}{close[0].removeprefix(_PREFIX)}?" if close else ""
        raise SettingsError(f"There is no setting {name}, which stands in {place}.{hint}")
    return settings[name]
