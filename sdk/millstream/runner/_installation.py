"""An installation by uv or pip, into a folder that lies over the packages of the image.

The folder is a virtual environment of its own, in which the image's packages are known by their metadata alone. So both
installers take them for installed: what fits is not installed again, what does not is installed into the folder and
hides the image's, and nothing is written elsewhere. Where packages come from is theirs to know, by the environment.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from millstream._stopping import stop_requested, woken_by
from millstream.exceptions import RequirementsError
from millstream.runner._redaction import redact

__all__ = ["install"]

_NO_NEWS = "Requirement already satisfied"
_ERROR = re.compile(r"\s*(?:error|cause|\u00d7):? +(\S.*)", re.IGNORECASE)
_WARNING = re.compile(r"\s*warning: +(\S.*)", re.IGNORECASE)
_MOST_ERRORS = 6


def install(requirements: Sequence[str], *, what: str) -> str:
    """Install what the image does not have of these, and return the folder that it is in.

    If the process is to stop meanwhile, this returns early: nothing will begin then.

    Args:
        requirements: All that has to go together, as in PEP 508.
        what: How errors call what is missing.

    Raises:
        RequirementsError: There is no installer, or it failed.
    """
    try:
        environment = Path(tempfile.mkdtemp(prefix="millstream-requirements-"))
        command = _installer(environment / "bin/python")
        if not command:
            raise RequirementsError(f"{what} cannot be installed: the image has neither uv nor pip.")
        venv.EnvBuilder(symlinks=True).create(environment)
        variables = {"base": str(environment), "platbase": str(environment)}
        packages = Path(sysconfig.get_path("purelib", "venv", variables))
        stubs = _tell_of_the_image(packages)
        wanted = environment / "requirements.txt"
        wanted.write_text("\n".join(requirements), encoding="utf-8")
        problems = _run([*command, "--requirement", str(wanted)])
    except OSError as error:
        raise RequirementsError(f"{what} could not be installed: {error}.") from error
    if problems and not stop_requested():
        why = redact("; ".join(problems).rstrip("."), ())
        raise RequirementsError(f"{what} could not be installed: {why}.")
    for stub in stubs:
        # With this file it has become a package, of the same version but from elsewhere.
        if not (stub / "WHEEL").exists():
            shutil.rmtree(stub, ignore_errors=True)
    return str(packages)


def _installer(python: Path) -> list[str]:
    """The beginning of a command that installs for a Python; nothing if there is no installer."""
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", f"--python={python}", "--no-progress", *_uncached("UV", "--no-cache")]
    if importlib.util.find_spec("pip") is None:
        return []
    # Bytecode would be made of all that is installed, which takes longer than of what is imported. And without -P,
    # modules in the working directory would be taken for those that pip imports.
    options = ["--no-compile", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    pip = [sys.executable, "-P", "-m", "pip", f"--python={python}", "install"]
    return [*pip, *options, *_uncached("PIP", "--no-cache-dir")]


def _uncached(installer: str, option: str) -> list[str]:
    """Without a place that outlives the pod, a cache only takes space, if there is a home to write it to at all."""
    return [] if f"{installer}_CACHE_DIR" in os.environ else [option]


def _tell_of_the_image(packages: Path) -> list[Path]:
    """Write the metadata of the packages that this process can import, and return where."""
    stubs = []
    for described in (one for entry in sys.path for one in Path(entry).glob("*.dist-info/METADATA")):
        stub = packages / described.parent.name
        if stub.exists():
            continue  # an import would not find this one either
        stub.mkdir()
        shutil.copy(described, stub)
        (stub / "RECORD").write_text(f"{stub.name}/METADATA,,\n{stub.name}/RECORD,,\n", encoding="utf-8")
        stubs.append(stub)
    return stubs


def _run(command: list[str]) -> list[str]:
    """Run an installer, and pass on what it prints.

    Returns:
        What it said of why it failed; nothing if it succeeded.
    """
    errors: list[str] = []
    warnings: list[str] = []
    with subprocess.Popen(  # noqa: S603 - a list of arguments, of which none is the user's
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        process_group=0,  # to be ended with what it starts
    ) as installer:
        try:
            with woken_by(partial(_end, installer.pid)):
                if stop_requested():
                    _end(installer.pid)
                for line in installer.stdout or ():
                    if not line.startswith(_NO_NEWS):
                        sys.stderr.write(line)
                    if said := _ERROR.match(line):
                        errors.append(said[1].rstrip())
                    if said := _WARNING.match(line):
                        warnings = [said[1].rstrip()]
                installer.wait()
        finally:
            _end(installer.pid)
    if installer.returncode < 0:
        name = signal.Signals(-installer.returncode).name
        return [f"{name} ended the installer; perhaps the container has too little memory"]
    if installer.returncode > 0:
        return [*errors[:_MOST_ERRORS], *warnings] or ["the installer does not say why"]
    return []


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
