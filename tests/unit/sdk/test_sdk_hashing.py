import enum
import subprocess
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pydantic
import pytest

from millstream._hashing import hash_of, source_of
from millstream.exceptions import HashError

pytestmark = pytest.mark.filterwarnings("error")


def h(value):
    return hash_of(value, "the value")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Model(pydantic.BaseModel):
    x: int
    inner: Any = None
    _private: int = pydantic.PrivateAttr(0)


class Open(pydantic.BaseModel, extra="allow"):
    pass


@dataclass
class Data:
    x: int
    inner: Any = None
    shared: ClassVar[list[int]] = []
    start: InitVar[int] = 0
    connection: Any = field(default=None, compare=False)


@dataclass(slots=True, frozen=True)
class Slotted:
    x: int


class Plain:
    def __init__(self, **values):
        vars(self).update(values)

    def method(self):
        return self


Pair = namedtuple("Pair", "a b")  # noqa: PYI024


def named():
    return 1


def renamed(text):
    """An equal text that is not the same object."""
    return "".join(list(text))


def cyclic():
    value: list[Any] = [1]
    value.append(value)
    return value


def parent_and_child():
    parent = Plain(name="parent")
    parent.child = Plain(name="child", parent=parent)
    return parent


EQUAL = {
    "dict order": lambda: ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "sets": lambda: ({"x", "y", "z"}, {"z", "y", "x"}),
    "mixed set": lambda: ({1, "a", None, (1, 2)}, {(1, 2), None, "a", 1}),
    "one object or two": lambda: ([x := [1], x], [[1], [1]]),
    "one text or two": lambda: (Plain(a="text!", b="text!"), Plain(a="text!", b=renamed("text!"))),
    "models": lambda: (Model(x=1), Model(x=1, inner=None)),
    "nested models": lambda: (Model(x=1, inner=Model(x=2)), Model(inner=Model(x=2), x=1)),
    "dataclasses": lambda: (Data(1, [Data(2)]), Data(1, [Data(2)])),
    "what dataclasses do not compare": lambda: (Data(1, connection=threading.Lock()), Data(1)),
    "slots": lambda: (Slotted(1), Slotted(1)),
    "named tuples": lambda: (Pair(1, 2), Pair(1, 2)),
    "sets in objects": lambda: (Plain(s={"x", "y", "z"}), Plain(s={"z", "y", "x"})),
    "defaultdict": lambda: (defaultdict(list, a=1, b=2), defaultdict(list, b=2, a=1)),
    "counter": lambda: (Counter("aab"), Counter("baa")),
    "deque": lambda: (deque([1, 2]), deque([1, 2])),
    "datetimes": lambda: (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    "zones": lambda: (ZoneInfo("Europe/Paris"), ZoneInfo("Europe/Paris")),
    "paths": lambda: (Path("/a") / "b", Path("/a/b")),
    "decimals": lambda: (Decimal("1.5"), Decimal("1.5")),
    "uuids": lambda: (UUID(int=5), UUID(int=5)),
    "nan": lambda: (float("nan"), float("nan")),
    "arrays": lambda: (np.arange(6).reshape(2, 3), np.array([[0, 1, 2], [3, 4, 5]])),
    "views": lambda: (np.arange(6)[::2], np.array([0, 2, 4])),
    "arrays of objects": lambda: (np.array(["a", None], dtype=object), np.array(["a", None], dtype=object)),
    "scalars of numpy": lambda: (np.float64(1), np.float64(1)),
    "frames": lambda: (
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    ),
    "used frames": lambda: (used(pd.DataFrame({"a": [1, 2]})), pd.DataFrame({"a": [1, 2]})),
    "series": lambda: (pd.Series([1.5, 2]), pd.Series([1.5, 2])),
    "timestamps": lambda: (pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-01")),
    "lambdas": lambda: tuple(lambda x: x + 1 for _ in range(2)),
    "cyclic": lambda: (cyclic(), cyclic()),
    "cyclic objects": lambda: (parent_and_child(), parent_and_child()),
    "partials": lambda: (partial(named, 1), partial(named, 1)),
    "bound methods": lambda: (Plain(a=1).method, Plain(a=1).method),
}


def used(frame):
    frame.index.get_loc(0)  # fills caches
    frame["a"].sum()
    return frame


@pytest.mark.parametrize("make", EQUAL.values(), ids=EQUAL)
def test_equal_values(make):
    one, other = make()
    assert h(one) == h(other)
    assert h([one]) != h(one)


DIFFERENT = [
    0, 1, True, False, 1.0, "1", b"1", None, "None", "", b"", 1j, Decimal(1), np.int64(1), np.float64(1),
    (), [], {}, set(), frozenset(), (1,), [1], {1}, {1: 1}, {"1": 1}, [[1]], [[], 1], [1, []], ["a", "b"], ["ab"],
    "a;b", ["a;", "b"], {"a": {"b": 1}}, {"a": 1, "b": 1}, bytearray(b"1"), range(1), range(2), slice(1),
    Colour.RED, Colour.BLUE, Colour, Model(x=1), Model(x=2), Model, Data(1), Data(2), Slotted(1),
    Open(a=1), Open(a=2), Open(), {"x": 1, "inner": None}, Pair(1, 2), (1, 2), [1, 2],
    OrderedDict(a=1, b=2), OrderedDict(b=2, a=1), Plain(a=1), Plain(a=2), Plain(a=1).method,
    date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), "2026-01-01",  # noqa: DTZ001
    timedelta(1), Path("a"), "a", Path("b"), np.array([1, 2]), np.array([[1, 2]]), np.array([1, 2], dtype="int32"),
    pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), pd.DataFrame({"a": [1]}, index=[5]), pd.Series([1]),
    len, print, named, lambda: 1, lambda: 2, lambda x=1: x, lambda x=2: x, int, float, sys, enum,
    partial(named, 1), partial(named, 2), cyclic(), [1, [1]], UUID(int=1), UUID(int=2), ..., NotImplemented,
]  # fmt: skip


def test_different_values():
    hashes = [h(value) for value in DIFFERENT]
    same = [
        (DIFFERENT[i], DIFFERENT[j]) for j in range(len(hashes)) for i in range(j) if hashes[i] == hashes[j]
    ]
    assert same == []


def test_what_a_function_has_captured_counts():
    def make(number):
        return lambda: number

    assert h(make(1)) == h(make(1))
    assert h(make(1)) != h(make(2))


def test_private_attributes_of_models_count_as_they_do_when_they_are_compared():
    one, other = Model(x=1), Model(x=1)
    other._private = 5
    assert h(one) != h(other)


def test_many_objects_that_know_each_other_take_no_time():
    nodes = [Plain(name=str(number)) for number in range(40)]
    for node in nodes:
        node.others = nodes
    assert h(nodes) == h(nodes)
    doubled = [1]
    for _ in range(100):
        doubled = [doubled, doubled]
    assert h(doubled) == h(doubled)


def a_generator():
    yield 1


@pytest.mark.parametrize("make", [threading.Lock, a_generator, lambda: (x for x in "a"), threading.Event])
def test_what_cannot_be_hashed(make):
    with pytest.raises(
        HashError, match=r"the argument 'x' \(list\) cannot be part of a cache key: TypeError: .*"
    ):
        hash_of([{"deep": make()}], "the argument 'x'")


def test_an_open_file_cannot_be_hashed(tmp_path):
    with (tmp_path / "file").open("w") as file, pytest.raises(HashError, match="TextIOWrapper"):
        h(file)


def test_too_deep_is_told():
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(HashError, match="RecursionError"):
        h(deep)


SCRIPT = """
import datetime, enum, pathlib, sys
from dataclasses import dataclass
from millstream._hashing import hash_of

class Plain:
    def __init__(self, **values):
        vars(self).update(values)

class Colour(enum.Enum):
    RED = 1

@dataclass
class Data:
    x: object

def f(x=1):
    return {"a", "b", x} and [y for y in "abc" if y in {"a", "b", "c"}]

values = [
    {"a", "b", "c", 1, None}, {"x": {"y", "z"}, "a": 1}, Plain(s={"a", "b", "c"}), Colour.RED, Data({"p", "q"}), f,
    lambda x: x in {"a", "b"}, pathlib.PurePosixPath("a/b"), datetime.date(2026, 1, 1), frozenset({"a", Colour.RED}),
]
print(*[hash_of(value, "") for value in values])
"""


def test_the_same_in_every_process():
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(found) == 1


def test_source():
    assert source_of(named) == "def named():\n    return 1\n"


def test_code_that_has_no_source_counts_with_its_constants():
    made = [eval(text) for text in ("lambda: 1", "lambda: 2", "lambda: a", "lambda: b", "lambda: 1")]  # noqa: S307
    one, two, a, b, again = (h(source_of(fn)) for fn in made)
    assert len({one, two, a, b}) == 4
    assert one == again
