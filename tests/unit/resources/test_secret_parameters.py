"""Which parameters hold secrets."""

import pytest
from pydantic import BaseModel, SecretStr

from millstream import flow
from millstream.resources.secret_parameters import secret_parameters

SECRET = {"type": "string", "writeOnly": True}


@pytest.mark.parametrize(
    ("of", "holds"),
    [
        (SECRET, True),
        ({"anyOf": [SECRET, {"type": "null"}]}, True),
        ({"items": SECRET}, True),
        ({"additionalProperties": SECRET}, True),
        ({"$ref": "#/$defs/Db"}, True),
        ({"items": {"anyOf": [{"$ref": "#/$defs/Db"}]}}, True),
        ({"$ref": "#/$defs/a~1b%20c"}, True),
        ({"$ref": "#/$defs/Tree"}, False),
        ({"$ref": "#/$defs/Absent"}, False),
        ({"$ref": "https://host/x"}, False),
        ({"$ref": "#"}, True),
        ({"properties": {"writeOnly": {"type": "boolean"}, "$ref": {"type": "string"}}}, False),
        ({"type": "string"}, False),
        (True, False),
    ],
)
def test_a_parameter_holds_a_secret(of, holds):
    defs = {
        "Db": {"properties": {"password": SECRET}},
        "a/b c": SECRET,
        "Tree": {"properties": {"next": {"$ref": "#/$defs/Tree"}}},
    }
    schema = {"properties": {"p": of}, "$defs": defs}
    assert secret_parameters(schema) == ({"p"} if holds else set())


@pytest.mark.parametrize("schema", [{}, {"properties": True}])
def test_schemas_without_parameters(schema):
    assert secret_parameters(schema) == set()


def test_what_a_signature_says():
    class Db(BaseModel):
        password: SecretStr

    @flow
    def load(
        a: SecretStr, d: list[SecretStr], b: SecretStr | None = None, c: Db | None = None, e: int = 1
    ): ...

    assert secret_parameters(load.parameter_schema()) == {"a", "b", "c", "d"}
