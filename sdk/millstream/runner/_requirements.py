"""The packages that a run requires: those of its image where they will do, else installed for this attempt."""

import os
import site
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from millstream._requirement import parsed
from millstream._stopping import stop_requested
from millstream.exceptions import RequirementsError
from millstream.runner._redaction import redact

__all__ = ["is_there", "provide"]

_SDK = "millstream"
_MOST_NAMED = 5


def provide(requirements: list[str]) -> None:
    """Make what is required importable in this process and in those that it starts.

    Raises:
        RequirementsError: something is no requirement, or cannot be installed.
    """
    wanted = {text: _parsed(text) for text in requirements}
    missing = [text for text in requirements if not is_there(wanted[text])]
    if not missing:
        return
    version = metadata.version(_SDK)
    if others := [text for text in missing if _is_another_sdk(wanted[text], version)]:
        raise RequirementsError(
            f"{_named(others)} cannot be had: {_SDK} {version} of the image runs this flow, and is not replaced. "
            "Leave it out, or use an image with the version that you need."
        )
    from millstream.runner._installation import install  # noqa: PLC0415  the image may have everything

    # All of them, as what is there may not be what the others go with; and the SDK keeps its version, and gets what it needs.
    _put_on_path(install([f"{_SDK}=={version}", *requirements], what=_named(missing)))
    if (hidden := [text for text in missing if _is_hidden(wanted[text])]) and not stop_requested():
        raise RequirementsError(
            f"{_named(hidden)} is installed, and another version is found before it: look for one on PYTHONPATH or "
            "beside the flow."
        )
    for name in [name for name in sys.modules if name.partition(".")[0] == "packaging"]:
        del sys.modules[name]  # the image's, imported above: the flow may have required another


def is_there(requirement: Requirement) -> bool:
    """Whether the image has what is required, along with its extras; what cannot be read is left to the installer."""
    waiting, seen = [(requirement, "")], set()
    while waiting:
        needed, extra = waiting.pop()
        if (str(needed), extra) in seen or not _applies(needed, extra):
            continue
        seen.add((str(needed), extra))
        if needed.url or not _fits(needed):
            return False
        requires = metadata.requires(needed.name) or ()
        try:
            waiting += [(Requirement(one), extra) for extra in needed.extras for one in requires]
        except InvalidRequirement:
            return False
    return True


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _fits(requirement: Requirement) -> bool:
    """Whether an import finds a version that is required."""
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except (metadata.PackageNotFoundError, InvalidVersion):
        return False


def _is_hidden(requirement: Requirement) -> bool:
    return _applies(requirement) and not _fits(requirement)


def _is_another_sdk(requirement: Requirement, version: str) -> bool:
    if canonicalize_name(requirement.name) != _SDK:
        return False
    return bool(requirement.url) or not requirement.specifier.contains(version, prereleases=True)


def _parsed(text: str) -> Requirement:
    try:
        return parsed(text)
    except InvalidRequirement as error:
        why = str(error).partition("\n")[0]
        raise RequirementsError(f"{_named([text])} is no requirement as PEP 508 says: {why}.") from None


def _named(requirements: list[str]) -> str:
    more = len(requirements) - _MOST_NAMED
    named = ", ".join(requirements[:_MOST_NAMED])
    return redact(f"{named} and {more} more" if more > 0 else named, ())


def _put_on_path(folder: str) -> None:
    """Have imports find what is in a folder before what the image has of it, wherever that is: for users, by PYTHONPATH."""
    first = next(
        (at for at, entry in enumerate(sys.path) if any(Path(entry).glob("*.dist-info"))), len(sys.path)
    )
    sys.path.insert(first, folder)
    site.addsitedir(folder)  # for the .pth files in it
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{inherited}" if inherited else folder
