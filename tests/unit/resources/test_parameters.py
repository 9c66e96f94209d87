import json
from typing import Literal

import pytest
from pydantic import BaseModel

from millstream.resources.parameters import InvalidSchemaError, check_schema, problems

SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 1},
        "name": {"type": ["string", "null"]},
        "days": {"type": "array", "items": {"type": "string", "format": "date"}},
        "nested": {"type": "object", "properties": {"x": {"type": "boolean"}}, "required": ["x"]},
        "mode": {"enum": ["a", "b"]},
    },
    "required": ["n"],
    "additionalProperties": False,
}
YAML = "(YAML reads an unquoted y, n, yes, no, on or off as a boolean: quote it)"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"n": 1}, []),
        ({"n": 1, "name": None, "days": ["2026-03-01"], "nested": {"x": True}, "mode": "a"}, []),
        ({}, ["n is missing"]),
        ({"n": "1"}, ["n must be integer, not '1' (string)"]),
        ({"n": True}, ["n must be integer, not True (boolean)"]),
        ({"n": 1.5}, ["n must be integer, not 1.5 (number)"]),
        ({"n": None}, ["n must be integer, not None (null)"]),
        ({"n": [1]}, ["n must be integer, not [1] (array)"]),
        ({"n": 1, "name": 8}, ["name must be null or string, not 8 (integer)"]),
        ({"n": 0}, ["n: 0 is less than the minimum of 1"]),
        ({"n": 1, "mode": "c"}, ['mode: "c" is not one of "a" or "b"']),
        ({"n": 1, "days": ["2026-03-01", "x"]}, ['days.1: "x" is not a "date"']),
        ({"n": 1, "nested": {}}, ["nested.x is missing"]),
        ({"n": 1, "nested": {"x": {}}}, ["nested.x must be boolean, not {} (object)"]),
        ({"n": 1, "m": 2}, ["m: the flow has no such parameter"]),
        (
            {"n": 1, "true": 2},
            [f"true: the flow has no such parameter {YAML}"],
        ),
    ],
)
def test_each_problem_is_a_sentence(parameters, expected):
    assert problems(SCHEMA, parameters) == expected


def test_all_problems_are_told_at_once():
    found = problems(SCHEMA, {"n": "x", "mode": 1, "extra": 1})
    assert len(found) == 3
    assert {text.split()[0].strip(":") for text in found} == {"n", "mode", "extra"}


@pytest.mark.parametrize("value", ["x" * 10_000, ["y"] * 10_000])
def test_long_values_are_cut(value):
    (sentence,) = problems({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": value})
    assert len(sentence) < 200


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "integr"}, "integr"),
        ({"properties": {"a": {"pattern": "["}}}, "regex"),
        ({"properties": 1}, "not of type"),
        ({"$ref": "https://example.com/schema"}, "other documents"),
        ({"$ref": "file:///etc/passwd"}, "other documents"),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"$ref": "#anchor", "$defs": {"a": {"$anchor": "anchor"}}}, "begins with #/"),
        ({"$id": "http://a/b", "$ref": "http://a/b#/$defs/a", "$defs": {"a": {}}}, "other documents"),
        ({"$defs": {"a": {"$id": "http://a/b"}}, "$ref": "#/$defs/a"}, "leads to nothing"),
        ({"properties": {"a": {"$id": "http://a/b"}}}, "at the top only"),
        ({"$dynamicRef": "#"}, "not supported"),
        ({"unevaluatedProperties": False}, "not supported"),
        ({"description": "\ud800"}, "Invalid string"),
    ],
)
def test_a_schema_that_cannot_be_used_is_named_as_such(schema, message):
    with pytest.raises(InvalidSchemaError, match=message):
        check_schema(schema)
    with pytest.raises(InvalidSchemaError):
        problems(schema, {})


def test_a_schema_may_refer_to_itself():
    schema = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}}
    assert problems(schema, {"a": 1}) == []
    assert problems(schema, {"a": "x"}) == ["a must be integer, not 'x' (string)"]


def test_a_pattern_cannot_stall():
    schema = {"properties": {"a": {"pattern": "^(a+)+$"}}}
    assert len(problems(schema, {"a": "a" * 50_000 + "!"})) == 1


def _nested(levels):
    schema = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize("levels", [101, 200, 50_000])
def test_a_schema_that_is_nested_too_deep_is_named_as_such(levels):
    with pytest.raises(InvalidSchemaError, match="more than 100 levels"):
        check_schema(_nested(levels))


def test_a_schema_that_is_nested_as_deep_as_possible():
    check_schema(_nested(100))


def test_a_schema_has_a_greatest_size():
    empty = len(json.dumps({"description": ""}, separators=(",", ":")))
    check_schema({"description": "x" * (65_536 - empty)})
    with pytest.raises(InvalidSchemaError, match="65,537 bytes"):
        check_schema({"description": "x" * (65_537 - empty)})
    with pytest.raises(InvalidSchemaError, match="subschemas"):
        check_schema({"allOf": [{}] * 1_000})


def _doubled(step):
    """Name each definition twice in the next."""
    defs = {"a0": {"type": "integer"}}
    defs |= {f"a{i}": step({"$ref": f"#/$defs/a{i - 1}"}) for i in range(1, 60)}
    return {"$defs": defs, "$ref": "#/$defs/a59"}


BOMBS = {
    **{
        f"twice in {word}": _doubled(lambda a, word=word: {word: [a, a]})
        for word in ("allOf", "anyOf", "oneOf")
    },
    "in two keywords": _doubled(lambda a: {"not": a, "if": a}),
    "beside a reference": _doubled(lambda a: {**a, "dependentSchemas": {"x": a}}),
    "of draft 4": _doubled(lambda a: {"dependencies": {"x": a, "y": a}}),
    "of all properties": _doubled(lambda a: {"properties": {"x": a}, "patternProperties": {"": a}}),
    "of all items": _doubled(lambda a: {"items": a, "contains": a}),
    "by a pointer of any spelling": {
        "$defs": {"~/%": _doubled(lambda a: {"allOf": [a, a]})["$defs"]}
        | {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i - 1}"}] * 2} for i in range(1, 60)}
        | {"a0": {}},
        "$ref": "#/%24defs/~0~1%25/a59",
    },
    "in a tree of itself": {
        "$ref": "#/$defs/t",
        "$defs": {"t": {"properties": {"c": {"allOf": [{"$ref": "#/$defs/t"}, {"$ref": "#/$defs/t"}]}}}},
    },
}


@pytest.mark.parametrize("name", BOMBS)
def test_references_that_multiply_are_refused(name):
    assert len(json.dumps(BOMBS[name])) < 10_000
    with pytest.raises(InvalidSchemaError, match="multiply"):
        problems(BOMBS[name], {"x": {"c": 1}})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"not": {"$ref": "#"}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
    ],
)
def test_a_reference_that_goes_nowhere_is_refused(schema):
    with pytest.raises(InvalidSchemaError, match="leads back to itself"):
        check_schema(schema)


class Leaf(BaseModel):
    kind: Literal["leaf"]
    value: "int | str | list[Leaf] | dict[str, Leaf] | None"


class Tree(BaseModel):
    left: "Tree | None" = None
    children: "list[Tree]" = []
    by_name: "dict[str, Tree] | None" = None
    leaf: Leaf | None = None


def test_recursive_types_are_possible():
    schema = Tree.model_json_schema()
    deep = {}
    for _ in range(45):
        deep = {"children": [deep]}
    assert problems(schema, deep) == []
    assert problems(schema, {"left": {"children": [{"left": 3}]}}) != []
    nested = {
        "anyOf": [{"type": "integer"}, {"items": {"$ref": "#"}}, {"additionalProperties": {"$ref": "#"}}]
    }
    assert problems({"properties": {"n": nested}}, {"n": [1, [2, {"a": [3]}]]}) == []
