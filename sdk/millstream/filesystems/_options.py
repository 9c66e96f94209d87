"""Storages by their URLs."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from urllib.parse import unquote, urlsplit

from millstream.filesystems._local import LocalFileSystem
from millstream.filesystems._objects import ObjectStorage
from millstream.filesystems._postgres import PostgresStorage
from millstream.filesystems._storage import Storage

_LIBRARIES: dict[type[Storage], tuple[str, str]] = {
    ObjectStorage: ("obstore", "object-storage"),
    PostgresStorage: ("psycopg", "postgres"),
}
"""What some storages need, and the extra that installs it."""


def check_storage(option: Storage | str | PathLike[str] | None) -> None:
    """Refuse what `storage_of` refuses, and a storage whose library is not installed; nothing is opened.

    Raises:
        ValueError: There is no storage for such a URL.
        TypeError: It is nothing that `storage_of` takes.
        ImportError: The library is not installed.
    """
    storage = storage_of(option)
    for kind, (library, extra) in _LIBRARIES.items():
        if isinstance(storage, kind) and find_spec(library) is None:
            raise ImportError(f"{storage!r} needs the library {library}: pip install 'millstream[{extra}]'")


def storage_of(option: Storage | str | PathLike[str] | None) -> Storage:
    """The storage that an option such as `result_storage` names.

    Args:
        option: A storage, the path of a folder, a URL, or None for the folder of a `LocalFileSystem()`.

    Raises:
        ValueError: There is no storage for such a URL, or it looks like the name of a block of Prefect's.
        TypeError: It is nothing of all this.
    """
    if isinstance(option, Storage):
        return option
    if option is None or isinstance(option, PathLike):
        return LocalFileSystem(option)
    if not isinstance(option, str):
        raise TypeError(
            f"A storage cannot be made of {type(option).__name__}: give a path, a URL, or an object of a class in "
            "millstream.filesystems.",
        )
    return _of_text(option)


@lru_cache(maxsize=32)
def _objects(url: str) -> Storage:
    return ObjectStorage(url)  # one for all that name it: it has connections


@lru_cache(maxsize=32)
def _postgres(url: str) -> Storage:
    return PostgresStorage(url)


def _of_text(text: str) -> Storage:
    scheme, is_url, _ = text.partition("://")
    if not is_url:
        if not text:
            raise ValueError("A storage cannot be made of an empty text: give a path or a URL.")
        if re.fullmatch(r"[\w-]+/[\w-]+", text) and not Path(text).is_dir():
            raise ValueError(
                f"Block names such as {text!r} are not supported: write s3://bucket/folder, or ./{text} for a folder."
            )
        return LocalFileSystem(text)
    match scheme:
        case "file":
            url = urlsplit(text)
            if url.netloc not in {"", "localhost"} or not url.path:
                raise ValueError(
                    "A file:// URL names a folder of this machine: write file:///path, with three slashes."
                )
            return LocalFileSystem(unquote(url.path))
        case "s3" | "gs" | "az":
            return _objects(text)
        case "postgresql" | "postgres":
            return _postgres(text)
    raise ValueError(
        f"There is no storage for URLs that begin with {scheme}://: use file, s3, gs, az or postgresql, or a path.",
    )
