"""Packages for tests of what installs them: wheels with one module, and one that is never built."""

import zipfile
from pathlib import Path

__all__ = ["make_project_that_hangs", "make_wheel"]

HANGING_BACKEND = """
def build_wheel(directory, config_settings=None, metadata_directory=None):
    open({fifo!r}, "w").write("building")
    open({fifo!r}).read()
"""


def make_wheel(folder: Path, name: str, version: str, *requires: str, code: str = "") -> Path:
    """Write a wheel into a folder; its module says its version."""
    information = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n{code}",
        f"{information}/METADATA": metadata + "".join(f"Requires-Dist: {one}\n" for one in requires),
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{information}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{information}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


def make_project_that_hangs(folder: Path, fifo: Path) -> str:
    """Write a project whose build says so to a FIFO and then waits for it, and return the requirement of it."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "slow"\nversion = "1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(HANGING_BACKEND.format(fifo=str(fifo)))
    return f"slow @ {folder.as_uri()}"
