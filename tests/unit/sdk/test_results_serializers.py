"""What becomes bytes comes back, or an error says why not."""

import dataclasses
import math
import pickle
import threading
from collections import OrderedDict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pydantic
import pytest

from millstream.serializers import (
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    SerializationError,
    Serializer,
    serializer_of,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PLAIN = {"a": [1, 2.5, None, True, "ü"], "b": {"c": -(2**70)}}


@dataclasses.dataclass
class Point:
    x: int
    at: datetime


class Model(pydantic.BaseModel):
    path: Path
    points: list[Point]


@pytest.mark.parametrize(
    "name",
    [
        "pickle",
        "json",
        "compressed/pickle",
        "compressed/json",
        "compressed-lzma/json",
        "compressed/compressed-bz2/json",
    ],
)
def test_every_name_makes_a_serializer_of_that_name(name):
    serializer = serializer_of(name)
    assert serializer.type == name
    assert serializer.loads(serializer.dumps(PLAIN)) == PLAIN


def test_nothing_is_pickle():
    assert isinstance(serializer_of(None), PickleSerializer)


def test_a_serializer_is_taken_as_it_is():
    serializer = JSONSerializer()
    assert serializer_of(serializer) is serializer


@pytest.mark.parametrize(
    "name", ["", "xml", "json/", "compressed", "compressed/", "compressed/xml", "gzip/json", "/json"]
)
def test_other_names_are_refused_with_what_exists(name):
    with pytest.raises(ValueError, match="use one of pickle, json, or compressed/ and one of these"):
        serializer_of(name)


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="cannot be made of list: give a name"):
        serializer_of([])


def test_serializers_are_pickled_with_storages():
    for serializer in (PickleSerializer("pickle"), CompressedSerializer("json", "bz2")):
        copy = pickle.loads(pickle.dumps(serializer))  # noqa: S301
        assert copy.type == serializer.type
        assert copy.loads(serializer.dumps(PLAIN)) == PLAIN


def test_a_pickle_keeps_types():
    value = {"model": Model(path=Path("/x"), points=[Point(1, datetime.now(UTC))]), "set": {(1, 2)}}
    serializer = PickleSerializer()
    assert serializer.loads(serializer.dumps(value)) == value


def test_a_pickle_keeps_functions_and_classes_that_have_no_module():
    def outer():
        class Local:
            value = 3

        return lambda: Local().value

    serializer = PickleSerializer()
    assert serializer.loads(serializer.dumps(outer()))() == 3


def test_plain_pickle_can_be_chosen():
    with pytest.raises(SerializationError, match="cannot be pickled"):
        PickleSerializer("pickle").dumps(lambda: None)
    with pytest.raises(ValueError, match="use 'cloudpickle' or 'pickle'"):
        PickleSerializer("dill")


@pytest.mark.parametrize(
    ("value", "kind"), [(threading.Lock(), r"_thread\.lock"), ((x for x in "ab"), "generator")]
)
def test_what_cannot_be_pickled_is_named(value, kind):
    with pytest.raises(SerializationError, match=rf"type {kind} cannot be pickled: .* Return data") as raised:
        PickleSerializer().dumps(value)
    assert raised.value.__cause__ is not None


class Colour(StrEnum):
    RED = "red"


class Length(int):
    pass


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ((1, 2), "value of type tuple"),
        ({"a": [{1}]}, "value of type set"),
        (NOW, r"value of type datetime\.datetime"),
        ({"a": Colour.RED}, r"value of type .*Colour"),
        ([Length(1)], r"value of type .*Length"),
        (Point(1, NOW), r"value of type .*Point"),
        (Model(path=Path("/x"), points=[]), r"value of type .*Model"),
        (b"a", "value of type bytes"),
        ({1: "a"}, "key of type int"),
        ([{Colour.RED: 1}], "key of type .*Colour"),
        (OrderedDict(a=1), r"value of type collections\.OrderedDict"),
    ],
)
def test_what_json_would_bring_back_as_something_else_is_refused(value, what):
    with pytest.raises(
        SerializationError, match=f"cannot be kept as JSON: no {what} comes back from it. Return"
    ):
        JSONSerializer().dumps(value)


def test_json_is_short_and_keeps_types():
    serializer = JSONSerializer()
    value = {"a": [True, 1, 1.0, None, "ü"]}
    assert serializer.dumps(value) == '{"a":[true,1,1.0,null,"ü"]}'.encode()
    assert [type(item) for item in serializer.loads(serializer.dumps(value))["a"]] == [
        bool,
        int,
        float,
        type(None),
        str,
    ]


def test_json_keeps_numbers_that_are_none():
    serializer = JSONSerializer()
    infinite, undefined = serializer.loads(serializer.dumps([math.inf, math.nan]))
    assert infinite == math.inf
    assert math.isnan(undefined)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


LOOP = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "object"),
        ([threading.Lock()], "list"),
        (b"\xff", "bytes"),
        ({1: "a", "1": "b"}, "dict"),
        ("\ud800", "str"),
        (nested(240), "list"),
        (LOOP, "list"),
        ((x for x in "ab"), "generator"),
        (Point, "type"),
    ],
)
def test_what_would_not_come_back_from_json_is_refused(value, kind):
    with pytest.raises(
        SerializationError, match=rf"type {kind} cannot be kept as JSON: .* or use result_serializer='pickle'"
    ):
        JSONSerializer().dumps(value)


def test_a_refused_iterator_is_not_consumed():
    values = iter([1, 2])
    with pytest.raises(SerializationError):
        JSONSerializer().dumps([values])
    assert list(values) == [1, 2]


def test_compression_makes_it_smaller():
    value = "again and again " * 1000
    for library in ("gzip", "bz2", "lzma", "zlib"):
        serializer = CompressedSerializer(JSONSerializer(), library)
        data = serializer.dumps(value)
        assert len(data) < 1000
        assert serializer_of(serializer.type).loads(data) == value


def test_other_compressions_are_refused_with_what_exists():
    with pytest.raises(ValueError, match=r"no compressionlib 'os': use one of gzip, bz2, lzma, zlib"):
        CompressedSerializer("json", "os")


def test_a_compressed_value_that_cannot_be_kept_is_named_too():
    with pytest.raises(SerializationError, match="type object"):
        CompressedSerializer("json").dumps(object())


def test_a_serializer_must_have_both_ways():
    class Half(Serializer):
        type = "half"

    with pytest.raises(TypeError, match="abstract"):
        Half()
