import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import jsonschema_rs
import pytest
from pydantic import BaseModel, Field, Secret, SecretStr
from typing_extensions import TypedDict  # pydantic does not take that of `typing` before Python 3.12

from millstream import flow
from millstream._engine import run_flow
from millstream.exceptions import ParameterBindError, ParameterTypeError
from millstream.runtime import flow_run

if TYPE_CHECKING:
    from nowhere import Missing


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Person(BaseModel):
    name: str
    age: int = 0


@dataclass
class Point:
    x: int


class Plain:
    pass


class Login(BaseModel):
    user: str
    password: SecretStr


@dataclass
class LoginOfADataclass:
    login: Login


class LoginOfATuple(NamedTuple):
    password: SecretStr


class LoginOfADict(TypedDict):
    password: SecretStr


class TestCoercion:
    @pytest.mark.parametrize(
        ("hint", "value", "expected"),
        [
            (int, "5", 5),
            (float, "1.5", 1.5),
            (bool, "true", True),
            (str, "x", "x"),
            (date, "2026-01-02", date(2026, 1, 2)),
            (datetime, "2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001
            (timedelta, 60, timedelta(minutes=1)),
            (list[int], ["1", 2], [1, 2]),
            (dict[str, int], {"a": "1"}, {"a": 1}),
            (set[int], ["1"], {1}),
            (Colour, "red", Colour.RED),
            (Literal["a", "b"], "a", "a"),
            (int | None, None, None),
            (Annotated[int, Field(gt=3)], "4", 4),
            (Person, {"name": "Ada", "age": "3"}, Person(name="Ada", age=3)),
            (Point, {"x": "1"}, Point(1)),
            (Any, "5", "5"),
            ("int", "5", 5),
            ("list[Colour]", ["blue"], [Colour.BLUE]),
        ],
    )
    def test_by_hint(self, hint, value, expected):
        def fn(x):
            return x

        fn.__annotations__ = {"x": hint}
        assert flow(fn)(value) == expected
        assert flow(fn)(x=value) == expected
        assert flow(fn).validate_parameters({"x": value}) == {"x": expected}

    def test_objects_pass_as_they_are(self):
        person, plain = Person(name="Ada"), Plain()

        @flow
        def fn(x: Person, y: Plain, z: Callable[[], int]):
            return x, y, z

        result = fn(person, plain, int)
        assert result[0] is person
        assert result[1] is plain
        assert result[2] is int

    def test_hints_in_the_closure(self):
        class Local(BaseModel):
            n: int

        def fn(x: "Local"):
            return x, Local

        assert flow(fn)({"n": "1"})[0].n == 1

    def test_hints_for_type_checkers_only_are_not_checked_and_named_once(self, logs):
        @flow(name="f")
        def fn(x: "Missing", y: "some text, no hint", z: int, rest: list["Missing"] = ()):  # noqa: F722
            return x, y, z, rest

        assert fn("1", 2, "3") == ("1", 2, 3, ())
        assert fn("1", 2, "3") == ("1", 2, 3, ())
        warnings = [r.getMessage().partition(". ")[0] for r in logs.records if r.levelname == "WARNING"]
        assert warnings == [
            f"Flow 'f' does not check its parameter {name}: the type hint {hint} cannot be resolved"
            for name, hint in [
                ("'x'", "Missing"),
                ("'y'", "some text, no hint"),
                ("'rest'", "list['Missing']"),
            ]
        ]

    def test_a_parameters_own_default_always_passes(self):
        @flow
        def fn(select: str = None, odd: int = "odd", day: date = "2026-01-02"):  # noqa: RUF013
            return select, odd, day

        assert fn() == (None, "odd", date(2026, 1, 2))
        assert fn(select=None) == fn()
        with pytest.raises(ParameterTypeError, match=r"odd: .* got 'even'"):
            fn(odd="even")

    def test_names_that_pydantic_keeps_for_itself(self):
        @flow
        def fn(schema: int, copy: int, model_config: int, _x: int, self: int = 0):
            return schema, copy, model_config, _x, self

        assert fn("1", "2", "3", _x="4") == (1, 2, 3, 4, 0)

    def test_variadic(self):
        @flow
        def fn(a: int, /, b: int, *rest: int, c: int, **more: int):
            return a, b, rest, c, more

        assert fn("1", "2", "3", "4", c="5", d="6") == (1, 2, (3, 4), 5, {"d": 6})
        by_name = {"a": "1", "b": "2", "rest": ["3"], "c": "5", "d": "6"}
        assert run_flow(fn, by_name).data == (1, 2, (3,), 5, {"d": 6})
        assert run_flow(fn, {**by_name, "more": {"e": 7}}).data[-1] == {"d": 6, "e": 7}

    def test_switched_off(self):
        @flow(validate_parameters=False)
        def fn(x: int):
            return x

        assert fn("zz") == "zz"
        assert fn.validate_parameters({"x": "zz"}) == {"x": "zz"}
        with pytest.raises(ParameterBindError):
            fn.validate_parameters({})

    def test_partial(self):
        def fn(x: int, y: int):
            return x, y

        assert flow(partial(fn, 1))("2") == (1, 2)

    def test_of_an_asynchronous_flow(self):
        @flow
        async def fn(x: int):
            return x

        assert run_flow(fn, {"x": "5"}).data == 5


@flow(name="etl")
def etl(day: date, people: list[Person], limit: int = 10):
    return day, people, limit


class TestErrors:
    def test_all_bad_values_at_once(self):
        with pytest.raises(ParameterTypeError) as caught:
            etl("yesterday", [{"age": "x"}], limit="many")
        lines = str(caught.value).splitlines()
        assert lines[0] == "Flow 'etl' got bad parameters:"
        assert [line.split(":")[0].strip() for line in lines[1:]] == [
            "day",
            "people.0.name",
            "people.0.age",
            "limit",
        ]
        assert lines[-1].endswith(", got 'many' (str)")
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_one_bad_value_is_one_line(self):
        with pytest.raises(ParameterTypeError, match=r"^Flow 'etl' got a bad parameter: limit: Input .*$"):
            etl("2026-01-02", [], "many")

    def test_long_values_are_cut(self):
        with pytest.raises(ParameterTypeError) as caught:
            etl("2026-01-02", [], "x" * 10_000)
        assert len(str(caught.value)) < 300

    def test_of_many_bad_values_some_are_named(self):
        @flow
        def fn(x: list[int]):
            return x

        with pytest.raises(ParameterTypeError) as caught:
            fn(["a"] * 1_000)
        lines = str(caught.value).splitlines()
        assert (len(lines), lines[-1]) == (22, "  and 980 more")

    def test_a_bad_value_with_a_repr_that_fails(self):
        class Odd:
            def __repr__(self):
                raise RuntimeError

        with pytest.raises(ParameterTypeError, match=r"limit: .*, got <Odd instance at 0x"):
            etl("2026-01-02", [], Odd())

    @pytest.mark.parametrize(
        ("hint", "value"),
        [
            (SecretStr, 4711),
            (SecretStr | None, 4711),
            (Secret[int], "4711x"),
            (Annotated[SecretStr, Field(min_length=9)], "4711"),
            (Login, {"user": [], "password": 4711}),
            (Login, "4711"),
            (list[dict[str, Login]], 4711),
            (LoginOfADataclass, {"login": 4711}),
            (LoginOfATuple, (4711,)),
            (LoginOfADict, {"password": 4711}),
        ],
    )
    def test_secrets_are_not_shown(self, hint, value, logs):
        def fn(x, y):
            return x, y

        fn.__annotations__ = {"x": hint, "y": int}
        state = flow(fn)(value, "shown", return_state=True)
        assert "\n  x" in state.message
        assert "got a value that is not shown (" in state.message
        assert "got 'shown' (str)" in state.message
        assert "4711" not in state.message + logs.text

    def test_the_defaults_of_secrets_are_not_shown(self):
        @flow
        def fn(x: SecretStr = "4711", y: Login = "4711", z: SecretStr | None = None):
            return x, y, z

        with pytest.raises(ParameterBindError, match=r" = None\)\.$") as caught:
            fn(nope=1)
        assert str(caught.value).count("SecretStr('**********')") == 2
        assert "4711" not in str(caught.value)

    def test_fails_the_run_without_an_attempt(self, still):
        retried = etl.with_options(retries=3, retry_delay_seconds=9)
        state = retried("yesterday", [], return_state=True)
        assert state.is_failed()
        assert isinstance(state.data, ParameterTypeError)
        assert state.message == str(state.data)
        assert still.slept == []

    def test_of_a_subflow_fails_the_parent(self):
        state = flow(lambda: etl("yesterday", []), name="outer")(return_state=True)
        assert state.message.startswith(
            "Flow 'outer' raised ParameterTypeError: Flow 'etl' got a bad parameter: day"
        )

    @pytest.mark.parametrize(
        ("args", "kwargs", "problems"),
        [
            ((), {}, "missing 'day', 'people'"),
            ((), {"limt": 1, "x": 2}, "missing 'day', 'people'; unknown 'limt', 'x'"),
            ((1, 2), {"day": 3}, "given twice 'day'"),
            ((1, 2, 3, 4, 5), {}, "5 positional values for 3"),
        ],
    )
    def test_wrong_calls(self, args, kwargs, problems):
        with pytest.raises(ParameterBindError) as caught:
            etl(*args, **kwargs)
        assert str(caught.value).startswith(
            f"Flow 'etl' cannot be called like this: {problems}. It takes (day: "
        )
        assert isinstance(caught.value, TypeError)

    def test_missing_and_unknown_by_name(self):
        for check in (etl.validate_parameters, lambda p: run_flow(etl, p).result()):
            with pytest.raises(ParameterBindError, match="missing 'people'; unknown 'limt', 'x'"):
                check({"day": "2026-01-02", "limt": 1, "x": 2})

    def test_a_flow_without_parameters(self):
        with pytest.raises(ParameterBindError, match="unknown 'x'"):
            flow(lambda: None).validate_parameters({"x": 1})
        with pytest.raises(ParameterBindError, match="1 positional values for 0"):
            flow(lambda: None)(1)

    def test_no_frames_of_ours_but_the_call(self):
        for args in (("yesterday", []), ()):
            with pytest.raises((ParameterTypeError, ParameterBindError)) as caught:
                etl(*args)
            assert len(caught.traceback) <= 3

    def test_missing_keyword_only(self):
        @flow
        def fn(*, a, b=1, **more):
            return a, b, more

        with pytest.raises(ParameterBindError, match=r"missing 'a'\."):
            fn(c=1)
        assert fn(a=1, c=2) == (1, 1, {"c": 2})

    def test_positional_only_by_keyword(self):
        @flow
        def fn(a, /):
            return a

        with pytest.raises(ParameterBindError, match="missing 'a'; unknown 'a'"):
            fn(a=1)


class TestSchema:
    def test_kinds(self):
        @flow
        def fn(
            colour: Colour,
            person: Person,
            when: datetime,
            kind: Literal["a", "b"] = "a",
            limit: int | None = None,
            select: str = None,  # noqa: RUF013
            anything=Plain,
            plain: Plain | None = None,
        ):
            return colour, person, when, kind, limit, select, anything, plain

        schema = fn.parameter_schema()
        properties = schema["properties"]
        assert schema["title"] == "Parameters"
        assert schema["type"] == "object"
        assert schema["required"] == ["colour", "person", "when"]
        assert schema["additionalProperties"] is False
        assert [p["position"] for p in properties.values()] == list(range(8))
        assert [p["title"] for p in properties.values()] == list(properties)
        assert properties["colour"]["$ref"] == "#/definitions/Colour"
        assert schema["definitions"]["Colour"]["enum"] == ["red", "blue"]
        assert schema["definitions"]["Person"]["required"] == ["name"]
        assert properties["when"]["format"] == "date-time"
        assert properties["kind"]["enum"] == ["a", "b"]
        assert properties["kind"]["default"] == "a"
        assert properties["limit"]["default"] is None
        validator = jsonschema_rs.Draft202012Validator(schema)
        good = {"colour": "red", "person": {"name": "Ada"}, "when": "2026-01-02T03:04:05Z", "select": None}
        assert validator.is_valid(good)
        assert not validator.is_valid({**good, "typo": 1})

    def test_without_hints_it_is_open(self):
        def fn(x, y=1):
            return x, y

        schema = flow(fn).parameter_schema()
        assert schema["properties"] == {
            "x": {"title": "x", "position": 0},
            "y": {"title": "y", "position": 1, "default": 1},
        }
        assert schema["required"] == ["x"]

    @pytest.mark.parametrize(
        ("hint", "default", "described"),
        [
            (str, None, {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}),
            (date, date(2026, 1, 2), {"type": "string", "format": "date", "default": "2026-01-02"}),
            (timedelta, timedelta(days=1), {"type": "string", "format": "duration", "default": "P1D"}),
            (Colour, Colour.RED, {"$ref": "#/definitions/Colour", "default": "red"}),
            (Person, Person(name="A"), {"$ref": "#/definitions/Person", "default": {"name": "A", "age": 0}}),
            (Point, Point(1), {"$ref": "#/definitions/Point", "default": {"x": 1}}),
            (SecretStr, "4711", {"type": "string", "format": "password", "writeOnly": True}),
            (Secret[int], 4711, {"type": "integer"}),
            (Annotated[int, Field(gt=0, description="own")], 1, {"description": "own"}),
        ],
    )
    def test_defaults(self, hint, default, described):
        def fn(x=default):
            """Do it.

            Args:
                x: Of the docstring.
            """
            return x

        fn.__annotations__ = {"x": hint}
        [found] = flow(fn).parameter_schema()["properties"].values()
        assert found.items() >= {"description": "Of the docstring.", **described}.items()
        assert "4711" not in str(found)

    @pytest.mark.parametrize(
        "docstring",
        [
            "Do it.\n\nArgs:\n    x (int): The first\n        of them.\n    *rest: More.\n\nReturns:\n    int: y",
            "Do it.\n\nParameters\n----------\nx : int\n    The first\n    of them.\n*rest\n    More.",
            "Do it.\n\n:param int x: The first\n    of them.\n:param rest: More.",
        ],
        ids=["google", "numpy", "sphinx"],
    )
    def test_descriptions(self, docstring):
        def fn(x: int, y: int, *rest: int):
            return x, y, rest

        fn.__doc__ = docstring
        for described in (fn, partial(fn)):
            properties = flow(described, name="f").parameter_schema()["properties"]
            found = {name: schema.get("description") for name, schema in properties.items()}
            assert found == {"x": "The first\nof them.", "y": None, "rest": "More."}

    def test_no_parameters(self):
        assert flow(lambda: None).parameter_schema() == {
            "title": "Parameters",
            "type": "object",
            "properties": {},
            "definitions": {},
            "additionalProperties": False,
        }

    def test_variadic(self):
        schema = flow(lambda *args, **kwargs: (args, kwargs)).parameter_schema()
        assert schema["additionalProperties"] is True
        assert "required" not in schema


def test_pydantic_is_imported_for_hints_only():
    code = """
import sys
from millstream import flow
flow(lambda x, y=2: x)(1)
assert "pydantic" not in sys.modules
flow(lambda: 1)()
@flow
def hinted(x: int): return x
assert "pydantic" not in sys.modules
hinted("1")
assert "pydantic" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


class TestRunName:
    def test_template_sees_defaults(self):
        @flow(flow_run_name="run-{x}-{y}")
        def fn(x: int, y: int = 2):
            return flow_run.name

        assert fn("1") == "run-1-2"

    def test_function(self):
        assert flow(lambda: flow_run.name, flow_run_name=lambda: f"{flow_run.flow_name}!", name="f")() == "f!"

    def test_of_a_value_that_the_template_cannot_show_fails_the_run(self):
        state = flow(lambda x: x, name="f", flow_run_name="{x.nope}", retries=2)(1, return_state=True)
        assert state.message.startswith("Flow 'f' did not start: AttributeError: 'int' object has no")

    def test_function_that_gives_no_text_fails_the_run(self):
        state = flow(lambda: 1, name="f", flow_run_name=lambda: 3)(return_state=True)
        assert (
            state.message == "Flow 'f' did not start: TypeError: flow_run_name is to give a text, and gave 3."
        )
