"""The code of a project, loaded for one deployment and forgotten again: others may have modules of the same names."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import traceback
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final

import millstream
from millstream.exceptions import EntrypointError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_LINES = 10
_OF_PYTHON: Final = ("stdlib", "platstdlib", "purelib", "platlib")


@contextmanager
def loaded_alone(root: Path) -> Iterator[set[Path]]:
    """Load code in a project; what it raises while it is imported is told by its own lines.

    Yields:
        The files that were loaded and that nobody has installed, when it is over: those of the project and, of what
        lies elsewhere on `sys.path`, those that other projects have there.

    Raises:
        EntrypointError: The code cannot be loaded.
    """
    path, before = sys.path.copy(), set(sys.modules)
    loaded: set[Path] = set()
    try:
        with chdir(root), redirect_stdout(sys.stderr):  # what it prints is not what was asked for
            yield loaded
    except EntrypointError as error:
        own = _own_lines(error.__cause__, root, _installed(root))
        raise EntrypointError("\n  ".join([str(error), *own])) from error
    finally:
        installed = _installed(root)
        sys.path[:] = path
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if isinstance(file, str) and not _is_below_any(file, installed):
                loaded.add(Path(file))
                del sys.modules[name]


def _installed(root: Path) -> list[Path]:
    """Where Python, its packages and we are; an environment may lie within the project."""
    places = [sysconfig.get_path(name) for name in _OF_PYTHON]
    places += [*site.getsitepackages(), site.getusersitepackages(), *millstream.__path__]
    places += [entry for entry in sys.path if entry and _has_packages(Path(entry), root)]
    return [Path(form) for place in places for form in (place, os.path.realpath(place))]


def _has_packages(folder: Path, root: Path) -> bool:
    return not root.is_relative_to(folder) and any(folder.glob("*.dist-info"))


def _is_below_any(file: str, places: Iterable[Path]) -> bool:
    forms = (Path(file), Path(os.path.realpath(file)))
    return any(form.is_relative_to(place) for place in places for form in forms)


def _own_lines(error: BaseException | None, root: Path, installed: Iterable[Path]) -> list[str]:
    """Where the code of the project was, from the outermost to the innermost line."""
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    own = [
        frame
        for frame in frames
        if Path(frame.filename).is_relative_to(root) and not _is_below_any(frame.filename, installed)
    ][-_MOST_LINES:]
    return [f"{Path(f.filename).relative_to(root)}:{f.lineno}: {f.line}" for f in own] if len(own) > 1 else []
