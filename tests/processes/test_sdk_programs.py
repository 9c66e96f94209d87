"""The little programs by which people get to know Prefect, with the import changed."""

import os
import re
import subprocess
import sys

import pytest

FIRST_FLOW = """
from millstream import flow

@flow
def greet(name):
    print(f"Hello {name}")

if __name__ == "__main__":
    greet("John")
"""
TASKS = """
from millstream import flow
from millstream import task

@task
def greet(name):
    print(f"Hello {name}")

@flow
def good_morning():
    greet("John")
    greet("Sam")

if __name__ == "__main__":
    good_morning()
"""
SUBFLOWS = TASKS.replace("@task", "@flow")
TAGS = TASKS.replace("    good_morning()\n", "").replace(
    "if __name__", "from millstream import tags\n\nif __name__"
)
TAGS += """    with tags("env:pro", "type:greet"):
        good_morning()
"""
LOGGER = """
from millstream import flow
from millstream import get_run_logger

@flow(name="greet")
def greet(name):
    logger = get_run_logger()
    logger.info(f"Hello {name}")

if __name__ == "__main__":
    greet("John")
"""
NAMES = """
from millstream import flow

@flow(name="good_morning.greet")
def greet(name):
    print(f"Hello {name}")

@flow(name="good_morning")
def good_morning():
    greet("John")
    greet("Sam")

if __name__ == "__main__":
    good_morning()
"""
PRINTS = """
from millstream import task, flow

@task
def my_task():
    print("we're logging print statements from a task")

@flow(log_prints=True)
def my_flow():
    print("we're logging print statements from a flow")
    my_task()

my_flow()
"""
PARAMETERS = """
import json
from datetime import datetime
from typing import Literal

from millstream import flow

@flow(name="prefect.emr.salesforce.sf_export")
def sf_export(
    env: Literal["pre", "snd", "pro"],
    select: str = None,
    exclude: str = None,
    min_date: datetime = None,
    max_date: datetime = None,
    timeout_mins: int = 150,
    version: str = "latest",
):
    return min_date

assert sf_export("pro", min_date="2026-01-02T03:04:05", timeout_mins="3") == datetime(2026, 1, 2, 3, 4, 5)
assert sf_export("pro") is None
assert sf_export("dev", return_state=True).is_failed()
print(json.dumps(sf_export.parameter_schema()["properties"]["env"]["enum"]))
"""
SUMMARY = """
import sys
from millstream import flow, task, get_run_logger
from millstream.context import get_run_context

@task
def load_data(file: str) -> list[str]:
    get_run_logger().info("loading %s", file)
    return ["a", "b"]

@flow(flow_run_name="news-{day}")
def analyse(day: str = "monday"):
    rows = load_data.submit("news.csv")
    return get_run_context().flow_run.name, len(rows.result())

print(*analyse())
"""


def run(source, tmp_path):
    path = tmp_path / "main.py"
    path.write_text(source)
    environment = {**os.environ, "MILLSTREAM_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-W", "error", path], capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.parametrize(
    ("source", "printed", "logged"),
    [
        (FIRST_FLOW, "Hello John\n", r"Finished in state Completed"),
        (TASKS, "Hello John\nHello Sam\n", "Finished in state Completed"),
        (SUBFLOWS, "Hello John\nHello Sam\n", "Finished in state Completed"),
        (TAGS, "Hello John\nHello Sam\n", "Finished in state Completed"),
        (NAMES, "Hello John\nHello Sam\n", "good_morning.greet"),
        (LOGGER, "", r"INFO +\| Flow run '[a-z]+-[a-z]+' - Hello John"),
        (PRINTS, "", r"Task run 'my_task-0' - we're logging print statements from a task"),
        (PARAMETERS, '["pre", "snd", "pro"]\n', "Finished in state Failed"),
        (SUMMARY, "news-monday 2\n", r"Task run 'load_data-0' - loading news.csv"),
    ],
)
def test_runs_as_it_stands(source, printed, logged, tmp_path):
    done = run(source, tmp_path)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
    assert re.search(logged, done.stderr), done.stderr
