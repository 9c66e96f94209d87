"""How much work a JSON schema can make: how many subschemas it may apply along one path into the parameters.

References multiply: each definition that names the one before twice doubles the work, in a schema of a few lines.
"""

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import unquote

__all__ = ["objection"]

_MOST_SUBSCHEMAS = 1_000
_MOST_WORK = 2_000
"""Recursive types stay below it at the greatest depth; a large list of values takes a second at it."""
_SAME_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies")
_REFUSED = ("$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems")
"""Where they lead cannot be told beforehand, or they go through all that is beside them once more."""

_Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class _Subschema:
    """A subschema, by the numbers of those in it.

    Attributes:
        constants: how many of those that are applied to the same value are just true or false.
        here: the others.
        of_object: applied to a member of the value, if that is an object; of each group only one.
        of_array: the same if it is an array.
    """

    constants: int
    here: tuple[int, ...]
    of_object: _Groups
    of_array: _Groups


def objection(schema: dict[str, Any], depth: int) -> str:
    """Say why a schema could make too much work with values of this depth; "" if it could not."""
    try:
        found = _collect(schema)
        # Who is applied to the same value comes first, so that one pass settles a level.
        order = tuple(TopologicalSorter({number: node.here for number, node in found.items()}).static_order())
    except CycleError:
        return "a $ref leads back to itself without going into an object or an array"
    except ValueError as error:
        return str(error)
    if _too_much(found, order, id(schema), depth):
        return f"its $ref, allOf, anyOf and oneOf multiply to more than {_MOST_WORK:,} checks of one value"
    return ""


def _collect(schema: dict[str, Any]) -> dict[int, _Subschema]:
    """Find the subschemas that can be applied, by their identity."""
    found: dict[int, _Subschema] = {}
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if id(node) in found:
            continue
        if len(found) == _MOST_SUBSCHEMAS:
            raise ValueError(f"it has more than {_MOST_SUBSCHEMAS:,} subschemas")
        here = [*_below(node, *_SAME_PLACE), *_referred(schema, node)]
        of_object = [_below(node, "properties", "additionalProperties"), _below(node, "propertyNames")]
        of_object += ([child] for child in _below(node, "patternProperties"))
        of_array = [_below(node, "prefixItems", "items", "additionalItems"), _below(node, "contains")]
        constants = sum(isinstance(child, bool) for child in here)
        found[id(node)] = _Subschema(constants, _numbers(here), _groups(of_object), _groups(of_array))
        inside = (child for group in (here, *of_object, *of_array) for child in group)
        waiting += (child for child in inside if isinstance(child, dict))
    return found


def _below(node: dict[str, Any], *keywords: str) -> list[Any]:
    """Give the subschemas of keywords, each of which has one, or a list, or some by name."""
    found: list[Any] = []
    for keyword in keywords:
        value = node.get(keyword)
        if isinstance(value, list):
            found += value
        elif isinstance(value, dict) and keyword in _BY_NAME:
            found += value.values()
        elif value is not None:
            found.append(value)
    return found


_BY_NAME = {"properties", "patternProperties", "dependentSchemas", "dependencies"}


def _referred(schema: dict[str, Any], node: dict[str, Any]) -> list[Any]:
    if wrong := next((keyword for keyword in _REFUSED if keyword in node), None):
        raise ValueError(f"{wrong} is not supported; leave it out")
    if node is not schema and "$id" in node:
        raise ValueError("$id is supported at the top only; leave it out elsewhere")
    reference = node.get("$ref")
    return [_target(schema, reference)] if isinstance(reference, str) else []


def _target(schema: dict[str, Any], reference: str) -> Any:
    """Follow a JSON pointer (RFC 6901)."""
    if reference != "#" and not reference.startswith("#/"):
        raise ValueError(
            f"a $ref begins with #/, since it may not refer to other documents, and this one refers to {reference}"
        )
    target: Any = schema
    for part in unquote(reference).split("/")[1:]:
        target = _step(target, part.replace("~1", "/").replace("~0", "~"))
        if target is None or (isinstance(target, dict) and isinstance(target.get("$id"), str)):
            raise ValueError(f"the $ref {reference} leads to nothing in it")
    return target


def _step(target: object, part: str) -> Any:
    if isinstance(target, list):
        return target[int(part)] if part.isdecimal() and int(part) < len(target) else None
    return target.get(part) if isinstance(target, dict) else None


def _numbers(children: list[Any]) -> tuple[int, ...]:
    return tuple(id(child) for child in children if isinstance(child, dict))


def _groups(groups: list[list[Any]]) -> _Groups:
    return tuple(numbers for group in groups if (numbers := _numbers(group)))


def _too_much(found: dict[int, _Subschema], order: tuple[int, ...], root: int, depth: int) -> bool:
    """Go up from the innermost value, level by level, until there is no more to be added."""
    work = dict.fromkeys(found, 0)
    for _ in range(depth + 1):
        objects, arrays = dict[int, int](), dict[int, int]()
        # A value is an object or an array: what is applied to it expects the same of it everywhere.
        for number in order:
            node = found[number]
            objects[number] = _work(node, objects, node.of_object, work)
            arrays[number] = _work(node, arrays, node.of_array, work)
        before, work = work, {number: max(objects[number], arrays[number]) for number in order}
        if work[root] > _MOST_WORK or work == before:
            break
    return work[root] > _MOST_WORK


def _work(node: _Subschema, here: dict[int, int], groups: _Groups, members: dict[int, int]) -> int:
    total = 1 + node.constants + sum(here[number] for number in node.here)
    total += sum(max(members[number] for number in group) for group in groups)
    # Beyond the bound only that counts, and numbers without end take time as well.
    return min(total, _MOST_WORK + 1)
