import pytest

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
