"""The files that a flow takes along: its own, those of the local modules that it imports, and those that are named.

Imports are read from the code, not taken from what is loaded: so the same files give the same source, whatever else
this process has loaded, and modules that a flow imports only when it runs are found.
"""

from __future__ import annotations

import ast
import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from millstream.exceptions import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    try:
        found = {*_imported(root, place), *_included(root, include)}
        return {path.relative_to(root).as_posix(): _content(path, root) for path in sorted(found)}
    except OSError as error:
        raise DeploymentError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _imported(root: Path, place: str) -> set[Path]:
    file = root / place
    is_file = place.endswith(".py")
    start = [file] if is_file else list(_files_of(_Import((root,), tuple(place.split(".")))))
    if not start:
        raise DeploymentError(
            f"The module {place} is not in {root}: its files cannot travel. Name an --image that has it."
        )
    return _imported_from(start, tuple(dict.fromkeys((file.parent, root) if is_file else (root,))))


def _content(path: Path, root: Path) -> bytes:
    """What is in a file of the project; a link may lead to another file of it."""
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(os.path.realpath(root)):
        raise DeploymentError(
            f"{path} is a link to {target}, and what is not in {root} does not travel. Copy it, or make an image "
            "(--build, --image)."
        )
    if any("\udc80" <= character <= "\udcff" for character in str(path)):  # bytes that are none, to Python
        raise DeploymentError(f"{str(path)!a} has a name that is not UTF-8, and cannot travel: rename it.")
    if not path.is_file():
        raise DeploymentError(f"{path} is neither a file nor a folder, and cannot travel.")
    return path.read_bytes()


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
    """What a file imports from these folders, of which the last is that of the project, or from around itself."""
    content = _content(path, folders[-1])
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # of a package, also what is no code for this Python travels
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(folders, tuple(alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            around = folders if node.level == 0 else (_above(path.parent, node.level - 1),)
            if not around[0].is_relative_to(folders[-1]):
                continue  # nothing that Python would import either
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
    if folder.is_symlink():  # which may lead out of the project, or around in circles
        raise DeploymentError(
            f"{folder} is a link to a folder, and only files travel by links. Put the folder itself there, or make an "
            "image (--build, --image)."
        )
    for path in folder.iterdir():
        if _is_left_out(path.name) or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield path


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name in _NOT_OURS


def _included(root: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        _check_pattern(pattern, parts, root)
        found = list(_fitting(root, parts))
        if not found:
            raise DeploymentError(
                f"There is nothing in {root} that fits {pattern!r}, which is to be included. What is hidden is "
                "included when the pattern has a name with its dot, as .streamlit/*."
            )
        for path in found:
            if path.is_dir():
                yield from _files_below(path)
            else:
                yield path


def _check_pattern(pattern: str, parts: Sequence[str], root: Path) -> None:
    if pattern.startswith("/") or ".." in parts:
        raise DeploymentError(f"{pattern!r} is not in the project: files to include lie below {root}.")
    if not parts:
        raise DeploymentError(f"{pattern!r} names nothing to include: give files or folders, as 'sql/*.sql'.")
    if any("**" in part and part != "**" for part in parts):
        raise DeploymentError(f"{pattern!r} cannot be: ** stands for folders, alone, as in '**/*.sql'.")


def _fitting(root: Path, parts: Sequence[str]) -> Iterator[Path]:
    """What fits a pattern; as in a shell, what is hidden only if the pattern says so."""
    said = [part for part in parts if _is_left_out(part)]
    for path in root.glob("/".join(parts)):
        below = path.relative_to(root).parts
        if below and all(
            not _is_left_out(name) or any(fnmatchcase(name, part) for part in said) for name in below
        ):
            yield path
