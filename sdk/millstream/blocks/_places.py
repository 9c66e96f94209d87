"""Where blocks are kept: a folder, as Kubernetes mounts Secrets; the environment; and files below `MILLSTREAM_HOME`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from millstream._block_names import canonical, plain
from millstream.exceptions import BlockError
from millstream.filesystems import LocalFileSystem
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_PREFIX = "MILLSTREAM_BLOCK__"
_TYPE_KEY = "block-type"


class Kept:
    """A block as it is kept.

    Attributes:
        name: Its name there.
        slug: The slug of its type; None if nothing says which one it is.
        place: Where it stands, for messages.
        saved: Whether `save` has written it.
        are_texts: Whether all fields are texts.
    """

    def __init__(self, name: str, slug: str | None, place: str) -> None:
        self.name = name
        self.slug = slug
        self.place = place
        self.saved = False
        self.are_texts = False

    @property
    def fields(self) -> Mapping[str, Any]:
        """What is kept, by field.

        Raises:
            BlockError: It cannot be read.
        """
        raise NotImplementedError


class _Mounted(Kept):
    """A folder with a file for each field."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        slug = self._read(lambda file: file == _TYPE_KEY).get(_TYPE_KEY)
        super().__init__(folder.name, None if slug is None else slug.strip(), str(folder))
        self.are_texts = True

    @property
    def fields(self) -> Mapping[str, Any]:
        return self._read(lambda file: file != _TYPE_KEY and not file.startswith(".."))

    def _read(self, wanted: Callable[[str], bool]) -> dict[str, str]:
        while True:
            # Kubernetes changes what it mounts as a whole, by another target of this link.
            files = (self._folder / "..data").resolve()
            try:
                return _texts(files if files.is_dir() else self._folder, wanted)
            except FileNotFoundError:
                if files == (self._folder / "..data").resolve():
                    raise BlockError(f"{self._folder} cannot be read: files of it are missing.") from None


class _Json(Kept):
    """A JSON object."""

    def __init__(self, name: str, slug: str, place: str, text: str | bytes, *, saved: bool) -> None:
        super().__init__(name, slug, place)
        self.saved = saved
        self._text = text

    @property
    def fields(self) -> Mapping[str, Any]:
        try:
            fields = json.loads(self._text)
        except ValueError as error:
            at = (
                f" (line {error.lineno}, column {error.colno})"
                if isinstance(error, json.JSONDecodeError)
                else ""
            )
            raise BlockError(
                f'What {self.place} has is no JSON{at}: write a JSON object of fields, as {{"url": "..."}}.'
            ) from None
        if not isinstance(fields, dict):
            raise BlockError(f'{self.place} has to be a JSON object of fields, as {{"url": "..."}}.')
        return fields


def find(slug: str, name: str) -> Kept:
    """The block of that type and name, from the first place that has it.

    Raises:
        BlockError: There is none.
    """
    others = []
    for kept in named(name):
        if kept.slug in {slug, None}:
            return kept
        others.append(kept)
    if others:
        raise BlockError(
            f"There is no {slug} {name!r}: the block of that name in {others[0].place} is of the type {others[0].slug}."
        )
    raise unknown(name, slug)


def named(name: str) -> Iterator[Kept]:
    """All blocks of that name, of any type, in the order of the places."""
    wanted = canonical(name)
    return _all(lambda there: plain(there) == wanted)


def everything() -> Iterator[Kept]:
    """All blocks, in the order of the places; of those of the same type and name, only the first one is found."""
    yield from _all(lambda _: True)


def unknown(name: str, slug: str | None) -> BlockError:
    """The exception for a name that no place has."""
    there = sorted({kept.name for kept in everything() if slug is None or kept.slug in {slug, None}})
    kind = slug or "block"
    known = f"are: {', '.join(there)}" if there else "is none at all"
    folder = get_current_settings().blocks_folder
    return BlockError(
        f"There is no {kind} {name!r}; there {known}. "
        f"Looked in the folder of MILLSTREAM_BLOCKS_FOLDER ({folder or 'not set'}), for the variable "
        f"{_variable(slug or '<TYPE>', name)}, and in {_store().basepath}."
    )


def save(slug: str, name: str, fields: Mapping[str, Any], *, overwrite: bool) -> None:
    """Write a block.

    Raises:
        BlockError: The name is taken.
    """
    key = f"{slug}/{canonical(name)}.json"
    store = _store()
    try:
        with store.acquire(key):
            _must_be_free(slug, name, overwrite=overwrite)
            store.write(key, json.dumps(fields).encode())
    except OSError as error:
        raise BlockError(
            f"The {slug} {name!r} cannot be written to {store.basepath}: {error.strerror}."
        ) from None


def _must_be_free(slug: str, name: str, *, overwrite: bool) -> None:
    for kept in named(name):
        if kept.slug not in {slug, None}:
            continue
        if not kept.saved:
            raise BlockError(
                f"The {slug} {name!r} cannot be saved: {kept.place} has one, and is looked at first."
            )
        if not overwrite:
            raise BlockError(f"There is a {slug} {name!r} already; overwrite=True replaces it.")


def delete(slug: str, name: str) -> None:
    """Remove what was saved.

    Raises:
        BlockError: Nothing of that name was.
    """
    kept = find(slug, name)
    if not kept.saved:
        raise BlockError(f"The {slug} {name!r} cannot be deleted from here: it stands in {kept.place}.")
    _store().delete(f"{slug}/{kept.name}.json")


def _all(wanted: Callable[[str], bool]) -> Iterator[Kept]:
    yield from _mounted(wanted)
    yield from _in_environment(wanted)
    yield from _saved(wanted)


def _mounted(wanted: Callable[[str], bool]) -> Iterator[Kept]:
    folder = get_current_settings().blocks_folder
    if folder is None or not folder.is_dir():
        return
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise BlockError(f"The folder of blocks {folder} cannot be read: {error.strerror}.") from None
    for block in found:
        if block.is_dir() and not block.name.startswith(".") and wanted(block.name):
            yield _Mounted(block)


def _in_environment(wanted: Callable[[str], bool]) -> Iterator[Kept]:
    for variable, text in sorted(os.environ.items()):
        slug, found, name = variable.removeprefix(_PREFIX).partition("__")
        if variable.startswith(_PREFIX) and found and name and wanted(name):
            yield _Json(plain(name), plain(slug), f"the variable {variable}", text, saved=False)


def _saved(wanted: Callable[[str], bool]) -> Iterator[Kept]:
    store = _store()
    for file in sorted(store.basepath.glob("[!.]*/[!.]*.json")):
        if wanted(file.stem):
            try:
                text = store.read(f"{file.parent.name}/{file.name}")
            except KeyError:  # deleted meanwhile
                continue
            yield _Json(file.stem, file.parent.name, f"the file {file}", text, saved=True)


def _store() -> LocalFileSystem:
    return LocalFileSystem(get_current_settings().home / "blocks")


def _variable(slug: str, name: str) -> str:
    return f"{_PREFIX}{slug}__{plain(name)}".replace("-", "_").upper()


def _texts(folder: Path, wanted: Callable[[str], bool]) -> dict[str, str]:
    files = sorted(folder.iterdir())
    return {file.name: _text(file) for file in files if wanted(file.name) and file.is_file()}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError:
        raise BlockError(f"{file} is no text in UTF-8.") from None
    except OSError as error:
        raise BlockError(f"{file} cannot be read: {error.strerror}.") from None
