"""What users want to be deployed, wherever they say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Location = tuple[str | int, ...]
"""Where something stands in a document: names of fields, and numbers in lists."""


def _as_said(location: Location) -> str:
    return ".".join(map(str, location))


@dataclass(frozen=True)
class Wanted:
    """A deployment as users say it.

    Attributes:
        entrypoint: `path/file.py:flow`, `path/file.py` of a file with one flow, or `module.path:flow`.
        name: Of the FlowDeployment; that of the flow if None.
        spec: Fields of its spec.
        include: Patterns of further files that it takes along.
        requirements: The path of a file with its packages; the block in the flow's file if None.
        parameters: Gives more default parameters, when it is known what the flow takes.
        place: Says where a field of the spec stands.
    """

    entrypoint: str
    name: str | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    requirements: str | None = None
    parameters: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda _: {}
    place: Callable[[Location], str] = _as_said


def merged(below: Any, above: Any) -> Any:
    """What two parts of a spec say together: the upper one wins, lists of what has names are joined by them."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{name: merged(below.get(name), value) for name, value in above.items()}}
    if _are_named(below) and _are_named(above):
        names = {one["name"] for one in above}
        return [*(one for one in below if one["name"] not in names), *above]
    return above


def _are_named(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(one, dict) and "name" in one for one in values)
