"""The packages that a run requires: those of its image where they will do, else installed for this attempt."""

import os
import site
import sys
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

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
    missing = [text for text in requirements if not is_there(_parsed(text))]
    if not missing:
        return
    version = metadata.version(_SDK)
    if others := [text for text in missing if _is_another_sdk(_parsed(text), version)]:
        raise RequirementsError(
            f"{_named(others)} cannot be had: {_SDK} {version} of the image runs this flow, and is not replaced. "
            "Leave it out, or use an image with the version that you need."
        )
    from millstream.runner._installation import install  # noqa: PLC0415  the image may have everything

    # All of them, as what is there may not be what the others go with; and the SDK keeps its version, and gets what it needs.
    _put_on_path(install([f"{_SDK}=={version}", *requirements], what=_named(missing)))


def is_there(requirement: Requirement) -> bool:
    """Whether the image has what is required, along with its extras."""
    waiting, seen = [(requirement, "")], set()
    while waiting:
        needed, extra = waiting.pop()
        if (str(needed), extra) in seen or (needed.marker and not needed.marker.evaluate({"extra": extra})):
            continue
        seen.add((str(needed), extra))
        try:
            found = metadata.distribution(needed.name)
        except metadata.PackageNotFoundError:
            return False
        if needed.url or not needed.specifier.contains(found.version, prereleases=True):
            return False
        waiting += [(Requirement(one), extra) for extra in needed.extras for one in found.requires or ()]
    return True


def _is_another_sdk(requirement: Requirement, version: str) -> bool:
    if canonicalize_name(requirement.name) != _SDK:
        return False
    return bool(requirement.url) or not requirement.specifier.contains(version, prereleases=True)


def _parsed(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        why = str(error).partition("\n")[0]
        raise RequirementsError(f"{_named([text])} is no requirement as PEP 508 says: {why}.") from None


def _named(requirements: list[str]) -> str:
    more = len(requirements) - _MOST_NAMED
    named = ", ".join(requirements[:_MOST_NAMED])
    return redact(f"{named} and {more} more" if more > 0 else named, ())


def _put_on_path(folder: str) -> None:
    """Have imports find what is in a folder before what the image has of it, but after the standard library."""
    sites = site.getsitepackages()
    sys.path.insert(next((at for at, entry in enumerate(sys.path) if entry in sites), len(sys.path)), folder)
    site.addsitedir(folder)  # for the .pth files in it
    for name in [name for name in sys.modules if name.partition(".")[0] == "packaging"]:
        del sys.modules[name]  # the image's, imported above: the flow may have required another
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{inherited}" if inherited else folder
