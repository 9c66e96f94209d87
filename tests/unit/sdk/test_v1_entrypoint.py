"""Entrypoints that name flows of the declarative style, and what such a flow is to the engine."""

import sys
import textwrap

import pytest

from millstream import Flow
from millstream.entrypoint import load_flow
from millstream.exceptions import EntrypointError, ParameterBindError

SOURCE = """
from millstream.v1 import Flow, Parameter, task

@task
def double(n): return 2 * n

with Flow("Daily / 100%") as flow:
    x = double(Parameter("n"))
    double(Parameter("m", default=[1], required=False))

with Flow("other") as other:
    pass

with Flow("broken") as broken:
    y = double(1)
    y.set_upstream(y)

def prefect_flow():
    with Flow("made") as made:
        double(Parameter("n", default=1))
    return made

def needs(n): return flow
def number(): return 3
def fails(): raise KeyError("x")

state = flow.run(n=1)
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "declared.py").write_text(textwrap.dedent(SOURCE))
    yield lambda name: load_flow(f"declared.py:{name}")
    sys.modules.pop("declared", None)


def test_a_flow(load):
    flow = load("flow")
    assert isinstance(flow, Flow)
    assert flow.name == "Daily _ 100_"
    assert flow.validate_parameters({"n": 1}) == {"n": 1, "m": [1]}
    schema = flow.parameter_schema()
    assert schema["required"] == ["n"]
    assert schema["properties"]["m"]["default"] == [1]
    with pytest.raises(ParameterBindError, match="missing 'n'; unknown 'z'"):
        flow.validate_parameters({"z": 1})
    assert flow(n=4, return_state=True).message == "All reference tasks succeeded."
    assert flow(n=4) is None


def test_it_did_not_run_when_it_was_loaded(load):
    load("flow")
    state = sys.modules["declared"].state
    assert state.is_pending()
    assert {one.message for one in state.result.values()} == {"The task was not run."}


def test_a_function_that_makes_one(load):
    assert load("prefect_flow").name == "made"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "'declared.py' has no 'missing'. Flows in it: broken, flow, other."),
        ("double", "'double' in 'declared.py' is a FunctionTask, not a flow."),
        ("needs", "'needs' in 'declared.py' is a function, not a flow. Is @flow missing on it?"),
        ("number", "'number' in 'declared.py' gives a int, not a flow. Flows in it: broken, flow, other."),
        ("fails", "fails() in 'declared.py' raised KeyError: 'x'"),
        (
            "broken",
            "'broken' in 'declared.py': Flow 'broken' cannot run:\n- Tasks wait for each other in a circle: double-1",
        ),
    ],
)
def test_what_is_none(load, name, words):
    with pytest.raises(EntrypointError) as caught:
        load(name)
    assert words in str(caught.value)


def test_a_function_of_the_other_style_is_not_called(load, tmp_path):
    load("flow")
    (tmp_path / "plain.py").write_text("def main(): raise KeyError('called')\n")
    with pytest.raises(EntrypointError, match=r"'main' in 'plain.py' is a function, not a flow"):
        load_flow("plain.py:main")
    del sys.modules["plain"]
