"""`millstream history`."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
import yaml

from millstream import flow, tags, task
from millstream._engine import FlowRunInfo, run_flow
from millstream._history import recorder
from millstream.artifacts import create_markdown_artifact
from millstream.cli._runs import chosen
from millstream.settings import temporary_settings
from millstream.states import Completed


@task
def step(i):
    if i == 2:
        raise ValueError("two")


@flow
def report(steps=0, day=None):
    create_markdown_artifact("# Done", key="summary", description="what was done")
    for i in range(steps):
        step(i)


@flow
def other(): ...


def ran(a_flow, name, **parameters):
    run_flow(a_flow, parameters, run=FlowRunInfo(name=name, run_id=f"id-of-{name}"))


@pytest.fixture
def history(home, call):
    with temporary_settings({"MILLSTREAM_HISTORY_ENABLED": True}):
        ran(report, "report-monday", steps=2, day="monday")
        with tags("prod"):
            ran(report, "report-tuesday", steps=3)
        ran(other, "something")
        recorder.close_all()
    return lambda *arguments: call("history", *arguments)


def names(result):
    return [run["name"] for run in json.loads(result.stdout)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["something", "report-tuesday", "report-monday"]),
        (["--sort", "oldest"], ["report-monday", "report-tuesday", "something"]),
        (["--sort", "name", "--limit", "2"], ["report-monday", "report-tuesday"]),
        (["--state", "failed"], ["report-tuesday"]),
        (["--state", "Failed", "--state", "completed"], ["something", "report-tuesday", "report-monday"]),
        (["--state", "TimedOut"], []),
        (["--state", "timedout"], []),
        (["--state", "unsuccessful"], ["report-tuesday"]),
        (["--state", "Final", "--limit", "1"], ["something"]),
        (["--state", "live"], []),
        (["--flow", "other"], ["something"]),
        (["--flow", "other", "--flow", "report", "--limit", "1"], ["something"]),
        (["--tag", "prod"], ["report-tuesday"]),
        (["--name", "report-*"], ["report-tuesday", "report-monday"]),
        (["--name", "report"], []),
        (["--name", "*[mt]*day", "--limit", "1"], ["report-tuesday"]),
        (["--since", "1h"], ["something", "report-tuesday", "report-monday"]),
        (["--since", "2999-01-01"], []),
    ],
)
def test_filters_and_orders(arguments, expected, history):
    assert names(history("ls", "-o", "json", *arguments)) == expected


def test_a_state_that_there_is_not(history):
    result = history("ls", "--state", "lol")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No run has a state 'lol': write one of live, final, unsuccessful, Scheduled," in result.stderr


def test_a_state_that_a_flow_names(history):
    @flow
    def skips():
        return Completed(name="Skipped")

    with temporary_settings({"MILLSTREAM_HISTORY_ENABLED": True}):
        ran(skips, "nothing-to-do")
        recorder.close_all()
    assert names(history("ls", "-o", "json", "--state", "Skipped")) == ["nothing-to-do"]


def test_the_table(history):
    table = [line.split() for line in history("ls").stdout.splitlines()]
    assert table[0] == ["NAME", "FLOW", "STATE", "AGE", "DURATION", "TASK", "RUNS"]
    assert table[2][:3] == ["report-tuesday", "report", "Failed"]
    assert table[2][5:] == ["2", "Completed,", "1", "Failed"]
    wide = history("ls", "-o", "wide").stdout
    assert "id-of-report-tuesday" in wide
    assert "ValueError: two" in wide


def test_names_only(history):
    assert history("ls", "-o", "name", "--flow", "other").stdout == "id-of-something\n"


def test_nothing_there(call):
    result = call("history", "ls")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No runs found.\n")
    assert call("history", "ls", "-o", "json").stdout == "[]\n"


def test_show(history):
    shown = history("show", "report-tuesday").stdout
    assert "Name:              report-tuesday\n" in shown
    assert "Tags:              prod\n" in shown
    assert "Parameter steps:   3\n" in shown
    assert "summary" in shown
    assert [line.split()[:2] for line in shown.splitlines() if line.startswith("step")] == [
        ["step-0", "Completed"],
        ["step-1", "Completed"],
        ["step-2", "Failed"],
    ]


def test_the_last_run(history):
    assert json.loads(history("show", "--last", "-o", "json").stdout)["name"] == "something"
    assert history("show").exit_code == history("show", "something", "--last").exit_code == 2
    history("reset", "--yes")
    none = history("show", "--last")
    assert (none.exit_code, none.stderr) == (1, "Error: There are no runs in the history.\n")


def test_show_as_a_document(history):
    document = yaml.safe_load(history("show", "report-monday", "-o", "yaml").stdout)
    assert document["parameters"] == {"steps": 2, "day": "monday"}
    assert [state["name"] for state in document["states"]] == ["Running", "Completed"]
    assert [run["name"] for run in document["taskRuns"]] == ["step-0", "step-1"]
    assert [(a["key"], a["data"]) for a in document["artifacts"]] == [("summary", "# Done")]


def test_what_is_cut_is_said(history):
    result = history("show", "report-monday", "--limit", "1")
    assert "step-1" not in result.stdout
    assert result.stderr == "These are the first 1 task runs; --limit shows more.\n"


@pytest.mark.parametrize("named", ["id-of-something", "something", "some", "id-of-s"])
def test_a_run_is_named_by_its_id_its_name_or_a_beginning(named, history):
    assert json.loads(history("show", named, "-o", "json").stdout)["name"] == "something"


def test_of_several_of_a_name_the_latest_is_shown(history):
    with temporary_settings({"MILLSTREAM_HISTORY_ENABLED": True}):
        run_flow(report, run=FlowRunInfo(name="something"))
        recorder.close_all()
    assert json.loads(history("show", "something", "-o", "json").stdout)["flow"] == "report"


def test_a_beginning_of_several(history):
    result = history("show", "report")
    assert result.exit_code == 2
    assert (
        "2 runs begin with 'report', the latest ones: report-tuesday (id-of-report-tuesday), "
        in result.stderr
    )


@pytest.mark.parametrize("named", ["nothing", ""])
def test_a_run_that_there_is_not(named, history):
    result = history("show", named)
    assert (result.exit_code, result.stderr) == (1, f"Error: There is no run {named!r} in the history.\n")


def test_reset_asks(history):
    assert history("reset").exit_code == 2
    assert history("reset", "--yes").exit_code == 0
    assert names(history("ls", "-o", "json")) == []


def test_reset_leaves_what_goes_on(history, home, call):
    @flow
    def outer():
        recorder.flush(home)
        history("reset", "--yes")

    with temporary_settings({"MILLSTREAM_HISTORY_ENABLED": True}):
        run_flow(outer, run=FlowRunInfo(name="goes-on"))
        recorder.close_all()
    assert names(history("ls", "-o", "json")) == ["goes-on"]


def test_a_file_that_is_none(call, home):
    home.mkdir()
    (home / "history.db").write_text("this is not a database, and it is long enough to be told from one" * 99)
    result = call("history", "ls")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: The history cannot be read: {home}")


def test_a_file_of_a_later_version(history, home):
    with closing(sqlite3.connect(home / "history.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "was written by another version of Millstream" in history("ls").stderr


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("report-*", "report-"), ("*", None), ("a?bc[de]f", "bc"), ("[ab", "ab"), (None, None)],
)
def test_the_longest_text_of_a_pattern_is_looked_for(pattern, text):
    name = chosen(pattern=pattern)["flow_run_filter"].name
    assert (None if name is None else name.like_) == text


def test_since():
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert chosen(since=since)["flow_run_filter"].start_time.after_ == since
