"""Parameters as an API server stores them."""

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, SecretStr

from millstream.client._plain import plain
from millstream.exceptions import ParameterTypeError


class Colour(Enum):
    RED = "red"


class Order(BaseModel):
    day: date
    cities: set[str] = Field(alias="towns")


@dataclass
class Part:
    names: frozenset[str] = frozenset({"b", "a"})
    numbers: tuple[int, ...] = (2, 1)
    secret: SecretStr | None = None
    more: list["Part"] = field(default_factory=list)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None),
        (True, True),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (0.5, 0.5),
        ("Ärger", "Ärger"),
        (date(2026, 3, 1), "2026-03-01"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00Z"),
        (Decimal("1.10"), "1.10"),
        (Path("a"), "a"),
        (b"a", "a"),
        (Colour.RED, "red"),
        ((1, "a"), [1, "a"]),
        ({"c", "a", "b"}, ["a", "b", "c"]),
        ({(2, "a"), (1, "b")}, [[1, "b"], [2, "a"]]),
        ({1: {date(2026, 3, 1): None}}, {"1": {"2026-03-01": None}}),
        (Order(day=date(2026, 3, 1), towns={"Ulm", "Bonn"}), {"day": "2026-03-01", "towns": ["Bonn", "Ulm"]}),
        (
            Part(more=[Part()]),
            {
                "names": ["a", "b"],
                "numbers": [2, 1],
                "secret": None,
                "more": [{"names": ["a", "b"], "numbers": [2, 1], "secret": None, "more": []}],
            },
        ),
        ((n for n in (1, 2)), [1, 2]),
    ],
    ids=lambda value: type(value).__name__,  # of many there is no name that every process gives
)
def test_what_can_be_told(value, told):
    assert plain({"p": value}) == {"p": told}


def nested(levels):
    value = 0
    for _ in range(levels):
        value = [value]
    return value


ENDLESS: list = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "object"),
        (SecretStr("tell-nobody"), "it is a secret"),
        ([{"a": SecretStr("tell-nobody")}], "it is a secret"),
        (Part(secret=SecretStr("tell-nobody")), "it is a secret"),
        (2**63, "more than 64 bits"),
        (-(2**63) - 1, "more than 64 bits"),
        ({2**70: 1}, "more than 64 bits"),
        (float("nan"), "JSON has no nan"),
        ({"a": [float("inf")]}, "JSON has no inf"),
        ("\ud800", "no Unicode"),
        ({"\ud800": 1}, "no Unicode"),
        (b"\xff", "utf-8"),
        (ENDLESS, "or contains itself"),
        (nested(100), "more than 100 levels deep"),
        ({1: "a", "1": "b"}, "two keys are the same"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_refused(value, said):
    with pytest.raises(
        ParameterTypeError, match=f"The parameter p cannot be sent to a cluster: .*{said}"
    ) as caught:
        plain({"p": value})
    assert "tell-nobody" not in str(caught.value)


def test_as_deep_as_the_operator_allows():
    assert plain({"p": nested(99)}) == {"p": nested(99)}


def test_equal_sets_are_told_alike_in_each_process():
    code = "from millstream.client._plain import plain; print(plain({'p': {'abc', 'de', 'f', 'ghi'}}))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12345"
    }
    assert len(told) == 1
