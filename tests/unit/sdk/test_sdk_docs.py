"""docs/flows.md says all that flows and tasks can do."""

import re
from pathlib import Path

import pytest

import millstream
from millstream import exceptions, flow, runtime, task
from millstream._definitions import Options
from millstream.flows import FlowOptions
from millstream.states import FINAL_STATE_TYPES
from millstream.tasks import TaskOptions

TEXT = (Path(__file__).parents[3] / "docs" / "flows.md").read_text()
SHARED = set(Options.__optional_keys__)


def section(title: str) -> str:
    return re.split(r"^#+ ", TEXT.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def first_column(title: str) -> list[str]:
    rows = re.findall(r"^\| (`.*?) \|", section(title), re.MULTILINE)
    return re.findall(r"`(\w+)`", " ".join(rows))


@pytest.mark.parametrize(
    ("title", "options"),
    [
        ("Options of flows and tasks", SHARED),
        ("Options of flows", set(FlowOptions.__optional_keys__) - SHARED),
        ("Options of tasks", set(TaskOptions.__optional_keys__) - SHARED),
    ],
)
def test_every_option_has_its_row(title, options):
    assert sorted(first_column(title)) == sorted(options)


def test_every_exception_has_its_row():
    own = {name for name, value in vars(exceptions).items() if isinstance(value, type)}
    assert sorted(first_column("Exceptions")) == sorted(own - {"MillstreamError"})


def test_every_fact_of_a_run_is_named():
    names = set(re.findall(r"`(\w+)`", section("Context")))
    for facts in (runtime.flow_run, runtime.task_run):
        assert {name for name in dir(facts) if not name.startswith("_")} <= names


def test_every_final_state_is_named():
    assert {kind.value.capitalize() for kind in FINAL_STATE_TYPES} <= set(
        re.findall(r"`(\w+)`", section("States"))
    )


def test_what_is_not_there_yet_is_not_there():
    """A feature that is built has to leave the list."""
    names = set(re.findall(r"`(\w+)", section("Not yet")))
    a_flow, a_task = flow(lambda: None), task(lambda: None)
    there = {name for name in names if any(name in dir(thing) for thing in (a_flow, a_task, millstream))}
    known = FlowOptions.__optional_keys__ | TaskOptions.__optional_keys__
    assert there | (names & known) == {"retries"}  # which stands for something else there
