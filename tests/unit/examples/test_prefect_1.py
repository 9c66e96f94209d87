"""The programs of examples/02_prefect_1, each as its reader would run it."""

import logging
import runpy
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from still_world import logs, still

from millstream.v1.schedules import Schedule

EXAMPLES = Path(__file__).parents[3] / "examples/02_prefect_1"
__all__ = ["logs", "still"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the programs, and a server in the place of the one on the internet."""
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        monkeypatch.setenv("USERS_URL", f"http://127.0.0.1:{server.server_port}/users.json")
        yield tmp_path
        server.shutdown()


def run(name):
    return runpy.run_path(name, run_name="__main__")


def files(place):
    return sorted((place / "data").glob("users_*.csv"))


def lines(logs):
    return [record.getMessage() for record in logs.records if record.levelno >= logging.INFO]


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("01_etl_pipeline.py", []),
        ("03_flow.py", ["extract", "transform", "load"]),
        ("04_parameters.py", ["p_url", "extract", "transform", "load"]),
    ],
)
def test_writes_a_file_each_time(place, logs, name, tasks):
    run(name)
    assert [line for line in lines(logs) if line.startswith("Task")] == [
        f"Task {task!r}: {what}" for task in tasks for what in ("starting", "ended in state 'Success'")
    ]
    run(name)
    first, second = (file.read_text().splitlines() for file in files(place))
    assert first == second
    assert first[0] == "ID,Name,Username,Email,Address,PhoneNumber,Company"
    assert first[1] == '1,Edda Moll,edda,edda@example.org,"Mill Lane, No. 1, Gwenborough",555-0101,Moll Ltd'


@pytest.mark.usefixtures("place")
def test_a_task_needs_a_flow():
    with pytest.raises(ValueError, match=r"^Task 'extract' was called outside of a flow"):
        run("02_task_conversion.py")


@pytest.mark.parametrize(
    ("name", "due"),
    [
        ("05_interval_scheduler.py", ["22:13:30", "22:13:40", "22:13:50"]),
        ("06_cron_scheduler.py", ["22:14:00", "22:15:00", "22:16:00"]),
    ],
)
def test_runs_until_ctrl_c(place, still, logs, name, due):
    def asleep():
        if logs.text.count("Waiting for the next scheduled run") == 3:
            raise KeyboardInterrupt

    still.while_asleep = asleep
    run(name)
    assert len(files(place)) == 2
    waiting = [line for line in lines(logs) if line.startswith("Waiting")]
    assert waiting == [f"Waiting for the next scheduled run at 2023-11-14T{time}+00:00" for time in due]
    assert lines(logs).count("Task 'load': ended in state 'Success'") == 2
    assert lines(logs)[-1] == "Stopped by Ctrl-C: flow 'simple_etl_pipeline' has no further runs."


def test_a_failure_does_not_crash_the_program(place, still, logs):
    run("07_failures.py")
    assert still.slept == [10] * 10
    assert files(place) == []
    assert "Task 'extract': ended in state 'Retrying'" in lines(logs)
    assert "Task 'transform': ended in state 'TriggerFailed'" in lines(logs)
    assert lines(logs)[-1].startswith("Finished in state Failed: Some reference tasks failed: load.")


@pytest.mark.usefixtures("place")
def test_the_introduction():
    found = run("introduction.py")
    names = ["extract_data", "preprocess_data", "transform_data", "load_data"]
    assert [task.name for task in found["dependencies"].sorted_tasks()] == names
    state = found["parameterized"].run(parameters={"date": "2022-02-02"})
    assert state.result[found["data"]].result == ["2022-02-02 a", "2022-02-02 b"]
    assert state.result[found["rows"]].result == 2
    assert not isinstance(found["simple"].schedule, Schedule)
