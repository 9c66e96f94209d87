"""The code of a project, loaded for one deployment and forgotten again: others may have modules of the same names."""

from __future__ import annotations

import sys
import traceback
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from millstream.exceptions import EntrypointError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LINES = 10


@contextmanager
def loaded_alone(root: Path) -> Iterator[set[Path]]:
    """Load code in a project; what it raises while it is imported is told by its own lines.

    Yields:
        The files of the project that were loaded, when it is over.

    Raises:
        EntrypointError: The code cannot be loaded.
    """
    path, before = sys.path.copy(), set(sys.modules)
    loaded: set[Path] = set()
    try:
        with chdir(root), redirect_stdout(sys.stderr):  # what it prints is not what was asked for
            yield loaded
    except EntrypointError as error:
        raise EntrypointError("\n  ".join([str(error), *_own_lines(error.__cause__, root)])) from error
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if _is_below(file, root):
                loaded.add(Path(file))
                del sys.modules[name]


def _own_lines(error: BaseException | None, root: Path) -> list[str]:
    """Where the code of the project was, from the outermost to the innermost line."""
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    own = [frame for frame in frames if _is_below(frame.filename, root)][-_MOST_LINES:]
    return [f"{Path(f.filename).relative_to(root)}:{f.lineno}: {f.line}" for f in own] if len(own) > 1 else []


def _is_below(file: str | None, root: Path) -> TypeGuard[str]:
    return file is not None and Path(file).is_relative_to(root) and "site-packages" not in Path(file).parts
