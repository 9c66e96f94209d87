"""The packages that a flow declares: in its file, as PEP 723 says, or in a file of requirements."""

from __future__ import annotations

import tokenize
import tomllib
from typing import TYPE_CHECKING, Any

from millstream.exceptions import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_BEGIN = "# /// script"
_END = "# ///"


def declared_in(file: Path) -> list[str]:
    """What the block `# /// script` of a Python file says that it depends on; nothing if there is none.

    Raises:
        DeploymentError: Naming all that cannot be.
    """
    with tokenize.open(file) as text:  # in the encoding that it says itself
        lines = text.read().split("\n")
    starts = [number for number, line in enumerate(lines) if line.rstrip() == _BEGIN]
    if not starts:
        return []
    if len(starts) > 1:
        raise DeploymentError(f"{file.name} has {len(starts)} blocks '{_BEGIN}': leave one.")
    first = starts[0] + 1
    script = _content(file, lines[first:])
    given = script.get("dependencies", [])
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise DeploymentError(
            f"dependencies in the block of {file.name} is a list of texts, as ['pandas>=2.3']."
        )
    return _checked((one, f"the block of {file.name}") for one in given)


def listed_in(file: Path) -> list[str]:
    """What a file of requirements lists, one a line.

    Raises:
        DeploymentError: Naming all that cannot be.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DeploymentError(f"{file} cannot be read: {error}.") from error
    stripped = (
        (
            line.partition(" #")[0].strip() if not line.lstrip().startswith("#") else "",
            f"line {number} of {file}",
        )
        for number, line in enumerate(lines, 1)
    )
    return _checked((line, place) for line, place in stripped if line)


def _content(file: Path, lines: Iterable[str]) -> dict[str, Any]:
    block = []
    for line in lines:
        if line.rstrip() == _END:
            break
        if not line.startswith("#"):
            raise DeploymentError(
                f"The block '{_BEGIN}' of {file.name} has no end: a line '{_END}' is missing."
            )
        block.append(line.removeprefix("#").removeprefix(" "))
    try:
        return tomllib.loads("\n".join(block))
    except tomllib.TOMLDecodeError as error:
        raise DeploymentError(f"The block '{_BEGIN}' of {file.name} is no TOML: {error}.") from error


def _checked(given: Iterable[tuple[str, str]]) -> list[str]:
    found = list(given)
    if found and (problems := list(_problems(found))):
        raise DeploymentError("\n  ".join(problems))
    return list(dict.fromkeys(text for text, _ in found))


def _problems(given: Iterable[tuple[str, str]]) -> Iterator[str]:
    from packaging.requirements import InvalidRequirement  # noqa: PLC0415 - slow, and for few

    from millstream._requirement import parsed  # noqa: PLC0415 - as above

    for text, place in given:
        if text.startswith("-"):
            yield (
                f"{place}: {text!r} is an option, and only requirements travel. Where packages come from is said by "
                "variables such as --env PIP_INDEX_URL=...; for the rest, build an image (--build)."
            )
            continue
        try:
            parsed(text)
        except InvalidRequirement as error:
            yield f"{place}: {text!r} is no requirement: {str(error).partition(chr(10))[0]}."
