"""`millstream.yaml`: the deployments of a project."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

import yaml

from millstream._deploy.wanted import Wanted
from millstream._yaml import Loader
from millstream.exceptions import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from millstream._deploy.wanted import Location

FILE: Final = "millstream.yaml"
_KEYS: Final = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}
_OWN = ("entrypoint", "name", "include", "requirements")
_TAKES = (
    "a list of deployments, each with an entrypoint, as FILE.py:FLOW, and fields of spec of a FlowDeployment"
)


def read_project(path: Path) -> list[Wanted]:
    """The deployments of a `millstream.yaml`.

    Raises:
        DeploymentError: Naming all that cannot be, with lines.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader)
        document = yaml.load(text, Loader)  # noqa: S506 - as safe as its base
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise DeploymentError(f"{path.name}{line}: it is no YAML: {error.problem}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DeploymentError(f"{path.name} cannot be read: {error}") from error
    if node is None or not isinstance(document, dict) or not isinstance(document.get("deployments"), list):
        raise DeploymentError(f"{path.name} takes deployments: {_TAKES}.")
    problems = [f"{path.name}, line {line}: {what}" for line, what in _problems(node, document)]
    if problems:
        raise DeploymentError("\n  ".join(problems))
    return [_wanted(path.name, node, number, given) for number, given in enumerate(document["deployments"])]


def chosen(all_of: Iterable[Wanted], names: Iterable[str]) -> list[Wanted]:
    """The deployments of these names; all if there are none.

    Raises:
        DeploymentError: There is none of a name.
    """
    by_name = {wanted.name: wanted for wanted in all_of}
    wrong = [name for name in names if name not in by_name]
    if wrong:
        there = ", ".join(sorted(filter(None, by_name)))
        raise DeploymentError(
            f"{FILE} has no deployment {', '.join(wrong)}; it has {there}. A flow is named FILE.py, FILE.py:FLOW or "
            "MODULE:FLOW."
        )
    return [by_name[name] for name in dict.fromkeys(names)] or list(by_name.values())


def hint(unknown: str, known: Iterable[str]) -> str:
    """What may have been meant by a name that there is not."""
    names = sorted(known)
    folded = {name.lower().replace("_", ""): name for name in names}
    close = difflib.get_close_matches(unknown.lower().replace("_", "").replace("-", ""), folded, 1)
    return f"did you mean {folded[close[0]]}?" if close else f"there are {', '.join(names)}."


def _wanted(file: str, node: yaml.Node, number: int, given: Mapping[str, Any]) -> Wanted:
    def place(location: Location) -> str:
        line = _line(node, ("deployments", number, *location))
        return f"{file}, line {line}: {'.'.join(map(str, location))}"

    return Wanted(
        given["entrypoint"],
        name=given["name"],
        spec={name: value for name, value in given.items() if name not in _OWN},
        include=tuple(given.get("include", ())),
        requirements=given.get("requirements"),
        place=place,
    )


def _problems(node: yaml.Node, document: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    yield from _bad_keys(node)
    for name in document:
        if name != "deployments":
            yield _line(node, (name,)), f"{FILE} has no {name}; it has deployments, {_TAKES}."
    seen: dict[str, int] = {}
    for number, given in enumerate(document["deployments"]):
        line = _line(node, ("deployments", number))
        if not isinstance(given, dict):
            yield line, f"deployments is {_TAKES}."
            continue
        for name in ("entrypoint", "name"):
            if not isinstance(given.get(name), str):
                yield line, f"a deployment has {'an' if name == 'entrypoint' else 'a'} {name}, which is text."
        include, requirements = given.get("include", []), given.get("requirements", "")
        if not isinstance(include, list) or not all(isinstance(one, str) for one in include):
            yield (
                _line(node, ("deployments", number, "include")),
                "include is a list of patterns, as ['sql/*.sql'].",
            )
        if not isinstance(requirements, str):
            where = _line(node, ("deployments", number, "requirements"))
            yield where, "requirements is the path of a file; a list of packages is source.requirements."
        if (name := str(given.get("name"))) in seen:
            yield line, f"the name {name} is that of line {seen[name]} already."
        seen.setdefault(name, line)


def _bad_keys(node: yaml.Node, around: tuple[yaml.Node, ...] = ()) -> Iterator[tuple[int, str]]:
    """Keys that come twice, of which YAML takes the last, those that it does not read as texts, and circles."""
    if node in around:
        yield around[-1].start_mark.line + 1, "this stands within itself: leave out its alias."
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag not in _KEYS:
                yield line, f"YAML does not read {key.value!r} as text: quote it."
            elif key.value in seen:
                yield line, f"{key.value} stands here twice."
            seen.add(key.value)
            yield from _bad_keys(value, (*around, node))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _bad_keys(value, (*around, node))


def _line(node: yaml.Node, location: Location) -> int:
    """The line of what stands at a location, or of what is nearest around it."""
    line = node.start_mark.line + 1
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            key, node = found[-1]
            line = key.start_mark.line + 1
        else:
            break
    return line
