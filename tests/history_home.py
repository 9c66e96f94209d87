"""A history of its own for a test, and what is written to it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream._history import recorder as recorders
from millstream._history.recorder import Bounds, Recorder
from millstream._history.rows import FlowRunRow, TaskRunRow
from millstream.client import get_client
from millstream.settings import temporary_settings
from millstream.states import StateType


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    with temporary_settings({"MILLSTREAM_HISTORY_ENABLED": True, "MILLSTREAM_HOME": folder}):
        yield folder
        recorders.close_all()


@pytest.fixture
def client(home):
    return get_client(sync_client=True)


BOUNDS = Bounds(30, 100)


def row_of(run, *, is_left):
    raise AssertionError((run, is_left))


def recorder_without_thread(home, bounds=BOUNDS):
    """One that writes when the test has it flushed, and at no other time."""
    recorder = Recorder(home, bounds, row_of)
    recorder._thread = threading.current_thread()
    return recorder


def names(states):
    return [state.name for state in states]


def a_task_run(number, **changes):
    row = TaskRunRow(
        f"id-{number:06}",
        number,
        "double",
        None,
        frozenset(),
        StateType.COMPLETED,
        "Completed",
        None,
        None,
        1.0,
        2.0,
        1,
    )
    return row._replace(**changes)


def a_flow_run(number, **changes):
    row = FlowRunRow(
        f"flow-{number:06}",
        f"run-{number}",
        "sums",
        None,
        None,
        frozenset(),
        "{}",
        None,
        None,
        StateType.COMPLETED,
        "Completed",
        None,
        None,
        1.0,
        1.0,
        2.0,
        1,
        {},
        1.0,
    )
    return row._replace(**changes)
