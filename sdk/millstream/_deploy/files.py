"""The files that a flow takes along: its own, those of the local modules that it imports, and those that are named.

Imports are read from the code, not taken from what is loaded: so the same files give the same source, whatever else
this process has loaded, and modules that a flow imports only when it runs are found.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from millstream.exceptions import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_NOT_OURS = {"__pycache__", "node_modules", "site-packages"}


class _Import(NamedTuple):
    folders: Sequence[Path]
    parts: tuple[str, ...]


def local_files(root: Path, place: str, include: Iterable[str] = ()) -> dict[str, bytes]:
    """All that a flow takes along, by its path in the project.

    Args:
        root: The folder of the project.
        place: The file or the module with the flow.
        include: Patterns of more files in the project, as `queries/*.sql`.

    Raises:
        DeploymentError: The module is elsewhere, a pattern fits nothing, or a file cannot be read.
    """
    file = root / place
    is_file = place.endswith(".py")
    start = [file] if is_file else list(_files_of(_Import((root,), tuple(place.split(".")))))
    if not start:
        raise DeploymentError(
            f"The module {place} is not in {root}: its files cannot travel. Name an --image that has it."
        )
    folders = dict.fromkeys((file.parent, root) if is_file else (root,))
    found = {*_imported_from(start, tuple(folders)), *_included(root, include)}
    try:
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(found)}
    except OSError as error:
        raise DeploymentError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _imported_from(start: Iterable[Path], folders: Sequence[Path]) -> set[Path]:
    found: set[Path] = set()
    waiting = [*start]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if path.suffix == ".py":
            waiting += [file for wanted in _imports(path, folders) for file in _files_of(wanted)]
    return found


def _imports(path: Path, folders: Sequence[Path]) -> Iterator[_Import]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # of a package, also what is no code for this Python travels
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(folders, tuple(alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            around = folders if node.level == 0 else (_above(path.parent, node.level - 1),)
            module = tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                yield _Import(around, (*module, alias.name))


def _above(folder: Path, levels: int) -> Path:
    for _ in range(levels):
        folder = folder.parent
    return folder


def _files_of(wanted: _Import) -> Iterator[Path]:
    """The files of a module, or of all of the package that it is in."""
    for folder in wanted.folders:
        if files := _files_in(folder, wanted.parts):
            yield from files
            return


def _files_in(folder: Path, parts: Sequence[str]) -> list[Path]:
    for part in parts:
        inside = folder / part
        if (inside / "__init__.py").is_file():
            return list(_files_below(inside))
        if (module := folder / f"{part}.py").is_file():
            return [module]
        folder = inside
    return []


def _files_below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in _NOT_OURS or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield path


def _included(root: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        if pattern.startswith("/") or ".." in pattern.split("/"):
            raise DeploymentError(f"{pattern!r} is not in the project: files to include lie below {root}.")
        found = [path for path in root.glob(pattern) if path != root]
        if not found:
            raise DeploymentError(
                f"There is nothing in {root} that fits {pattern!r}, which is to be included."
            )
        for path in found:
            if path.is_dir():
                yield from _files_below(path)
            else:
                yield path
