"""`millstream run FILE:FLOW`."""

import click
import pytest

from millstream import flow
from millstream.cli._parameters import given_parameters, split, typed
from millstream.cli._progress import line
from millstream.cli.run import names_a_flow


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flows.py"], "There are 4 flows in 'flows.py'. Name one of them: flows.py:awaited, "),
        (["flows.py:nothing"], "'flows.py' has no 'nothing'. Flows in it: awaited, fails"),
        (["empty.py"], "There is no flow in 'empty.py': @flow makes a function one."),
        (["nowhere.py"], "The file 'nowhere.py' does not exist"),
        (["nowhere:f"], "There is no module 'nowhere'"),
        (["broken.py"], "'broken.py' could not be imported: ZeroDivisionError"),
        (["flow"], "No such command 'flow'. A flow is named FILE.py, FILE.py:FLOW or MODULE:FLOW."),
        (["flows.py:nightly", "-p", "day"], "'day' is no NAME=VALUE."),
        (["flows.py:nightly", "-p", "n=1", "-p", "n=2"], "'n' is given twice."),
        (["flows.py:nightly", "--params", "{"], "--params is no JSON: "),
        (["flows.py:nightly", "--params", "[]"], "--params takes names and values"),
        (["flows.py:nightly", "--params-file", "broken.yaml"], "broken.yaml cannot be read: "),
    ],
)
def test_wrong_use(arguments, message, call, flows, tmp_path):
    (tmp_path / "empty.py").touch()
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "broken.yaml").write_text("a: [")
    result = call("run", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("word", "expected"),
    [("a.py", True), ("a.py:f", True), ("p.m:f", True), ("ls", False), ("etl", False)],
)
def test_what_names_a_flow(word, expected):
    assert names_a_flow(word) is expected


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({}, "3", 3),
        ({}, "three", "three"),
        ({}, '{"a": null}', {"a": None}),
        ({"type": "integer"}, "3", 3),
        ({"type": "integer"}, "x", "x"),
        ({"type": "string"}, "3", "3"),
        ({"type": "string"}, "null", "null"),
        ({"type": ["string", "null"]}, "null", "null"),
        ({"type": "string", "format": "date"}, "2026-01-31", "2026-01-31"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "null", None),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "2026-01-31", "2026-01-31"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "3", "3"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "null", None),
        ({"type": "array"}, "[1]", [1]),
        ({"type": "array"}, "a,b", "a,b"),
        ({"$ref": "#/definitions/Kind"}, "1", "1"),
        ({"allOf": [{"$ref": "#/definitions/Number"}]}, "1", 1),
        ({"const": "1"}, "1", "1"),
        ({"enum": [1, 2]}, "1", 1),
    ],
)
def test_a_text_is_what_the_schema_takes(schema, text, value):
    definitions = {"Kind": {"enum": ["1", "2"], "type": "string"}, "Number": {"enum": [1, 2]}}
    made = typed({"properties": {"x": schema}, "definitions": definitions}, "x", text)
    assert (made, type(made)) == (value, type(value))


def test_pairs():
    assert split(["a=1", "b=c=d", "e="]) == {"a": "1", "b": "c=d", "e": ""}
    with pytest.raises(
        click.UsageError, match=r"'x' is no NAME=VALUE\.\n'=1' is no NAME=VALUE\.\n'a' is given twice"
    ):
        split(["x", "=1", "a=1", "a=2"])


def test_nothing_given():
    assert given_parameters({}, pairs=(), document=None, file=None) == {}


def test_the_line_of_progress():
    assert line({}, 3) == "Running for 3s; task runs: none ended"
    assert line({"Completed": 12, "Failed": 1}, 63) == "Running for 1m3s; task runs: 12 Completed, 1 Failed"


def test_bad_values_are_told_with_what_is_missing():
    @flow
    def both(a: int, b: int, c=None): ...

    with pytest.raises(
        TypeError, match=r"missing 'b'; unknown 'd'(.|\n)* a: Input should be a valid integer"
    ):
        both.validate_parameters({"a": "x", "c": 1, "d": 1})
