"""The options and settings that say where and how results are kept, checked before anything is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.filesystems import check_storage
from millstream.results._store import open_store
from millstream.serializers import serializer_of
from millstream.settings import Settings, SettingsError, get_current_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from millstream.results._store import ResultStore


def check_storage_option(name: str, value: Any) -> None:
    """Refuse what names no storage, or one whose library is missing; nothing is opened.

    Args:
        name: That of the option or setting, for the message.
        value: A storage, a path or a URL.

    Raises:
        ValueError: There is no such storage.
        TypeError: It is something else.
        ImportError: The library is not installed.
    """
    _check(name, value, check_storage)


def check_serializer_option(name: str, value: Any) -> None:
    """Refuse what names no serializer.

    Args:
        name: That of the option or setting, for the message.
        value: A serializer or its name.

    Raises:
        ValueError: There is no such serializer.
        TypeError: It is something else.
    """
    _check(name, value, serializer_of)


def chosen_store(storage: Any, serializer: Any) -> ResultStore:
    """The store that the options name, and where these are None, the settings.

    Raises:
        SettingsError: A setting that is needed names nothing that there is.
    """
    settings = get_current_settings()
    try:
        if storage is None:
            storage = settings.results_storage
            check_storage_option(Settings.results_storage.name, storage)
        if serializer is None:
            serializer = settings.results_serializer
            check_serializer_option(Settings.results_serializer.name, serializer)
    except (ValueError, ImportError) as error:
        raise SettingsError(str(error)) from None
    return open_store(storage, serializer)


def _check(name: str, value: Any, check: Callable[[Any], object]) -> None:
    try:
        check(value)
    except (ValueError, TypeError, ImportError) as error:
        raise type(error)(f"{name}: {error}") from None
