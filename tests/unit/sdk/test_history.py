"""What is remembered of runs."""

import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from history_home import BOUNDS, names, row_of

from millstream import flow, get_run_context, tags, task
from millstream._history import recorder as recorders
from millstream._history.schema import FILE
from millstream.client import get_client
from millstream.settings import temporary_settings
from millstream.states import Completed, StateType


@task
def double(n):
    return 2 * n


@task
def fail():
    raise ValueError("no luck")


def test_a_flow_run_and_its_task_runs(client):
    @flow(name="sums", version="7")
    def sums(n, unit="EUR"):
        return double(n)

    with tags("nightly"):
        sums(3)
    (run,) = client.read_flow_runs()
    assert (run.flow_name, run.flow_version, run.tags) == ("sums", "7", ["nightly"])
    assert run.parameters == {"n": 3, "unit": "EUR"}
    assert (run.state_type, run.state_name) == (StateType.COMPLETED, "Completed")
    assert run.task_counts == {"Completed": 1}
    assert run.start_time <= run.end_time
    assert run.total_run_time == run.end_time - run.start_time
    assert names(client.read_flow_run_states(run.id)) == ["Running", "Completed"]
    (task_run,) = client.read_task_runs()
    assert (task_run.name, task_run.task_name, task_run.flow_run_id) == ("double-0", "double", run.id)
    assert task_run.tags == ["nightly"]
    assert names(client.read_task_run_states(task_run.id)) == ["Running", "Completed"]


def test_the_ids_are_those_that_runs_have_themselves(client):
    seen = []

    @task
    def look():
        seen.append(get_run_context().task_run.id)

    @flow
    def looking():
        seen.append(get_run_context().flow_run.id)
        future = look.submit()
        future.wait()
        seen.append(future.task_run_id)

    looking()
    assert seen[1] == seen[2]
    assert client.read_flow_run(seen[0]).flow_name == "looking"
    assert client.read_task_run(seen[1]).flow_run_id == seen[0]


def test_failures_and_retries(client, still):
    attempts = []

    @task(retries=1, retry_delay_seconds=5)
    def flaky():
        attempts.append(1)
        if len(attempts) < 2:
            raise ValueError("once")

    @flow(retries=1)
    def failing():
        flaky()
        fail()

    assert failing(return_state=True).is_failed()
    (run,) = client.read_flow_runs()
    assert names(client.read_flow_run_states(run.id)) == ["Running", "AwaitingRetry", "Running", "Failed"]
    assert run.run_count == 2
    assert "no luck" in run.state.message
    first = client.read_task_runs()[-1]
    assert names(client.read_task_run_states(first.id)) == [
        "Running",
        "AwaitingRetry",
        "Retrying",
        "Completed",
    ]
    states = client.read_task_run_states(first.id)
    assert states[2].timestamp - states[1].timestamp == timedelta(seconds=5)
    assert (first.run_count, first.start_time) == (2, datetime.fromtimestamp(1_700_000_000, UTC))


def test_subflows_know_what_they_are_in(client):
    @flow
    def inner():
        double(1)

    @task
    def around():
        inner()

    @flow
    def outer():
        inner()
        around()

    outer()
    runs = client.read_flow_runs(sort="START_TIME_ASC")
    top = runs[0]
    assert [run.flow_name for run in runs] == ["outer", "inner", "inner"]
    assert [run.parent_flow_run_id for run in runs] == [None, top.id, top.id]
    (task_run,) = [run for run in client.read_task_runs() if run.task_name == "around"]
    assert [run.parent_task_run_id for run in runs] == [None, None, task_run.id]
    assert top.task_counts == {"Completed": 3}


def test_submitted_mapped_and_unable_to_begin(client):
    @flow
    def many():
        double.map([1, 2, 3])
        broken = fail.submit()
        double.submit(broken)

    many(return_state=True)
    by_state = [run.state_name for run in client.read_task_runs(sort="NAME_ASC")]
    assert sorted(by_state) == ["Completed", "Completed", "Completed", "Failed", "NotReady"]
    assert not [run for run in client.read_task_runs() if run.state_name == "NotReady" and run.start_time]


async def test_asynchronous_runs(client):
    @task
    async def wait(n):
        return n

    @flow
    async def waiting():
        await wait(1)

    await waiting()
    assert [run.state_name for run in client.read_flow_runs()] == ["Completed"]
    assert [run.name for run in client.read_task_runs()] == ["wait-0"]


def test_wrong_parameters(client):
    @flow
    def typed(n: int):
        pass

    typed("many", return_state=True)
    (run,) = client.read_flow_runs()
    assert (run.state_name, run.start_time, run.parameters) == ("Failed", None, {"n": "many"})
    assert names(client.read_flow_run_states(run.id)) == ["Failed"]


def test_a_task_alone(client):
    double(4)
    (run,) = client.read_task_runs()
    assert run.flow_run_id is None
    assert run.name.startswith("double-")


def test_runs_are_there_while_they_run(client):
    seen = []

    @flow
    def look():
        seen.extend(client.read_flow_runs())

    look()
    assert [(run.state_name, run.end_time) for run in seen] == [("Running", None)]
    assert client.read_flow_runs()[0].state_name == "Completed"


def test_a_task_that_takes_long_is_there_before_it_ends(home, client):
    seen = []

    @task
    def long():
        writer = recorders.recorder_at(home, lambda: BOUNDS, row_of)
        for _ in range(2):  # in two rounds, as a short one is not worth it
            writer.flush()
        seen.extend(client.read_task_runs())

    long()
    assert [(run.state_name, run.end_time) for run in seen] == [("Running", None)]
    assert [run.state_name for run in client.read_task_runs()] == ["Completed"]


def test_nothing_is_remembered_where_a_setting_says_so(home):
    with temporary_settings({"MILLSTREAM_HISTORY_ENABLED": False}):
        double(1)
    assert not home.exists()
    assert get_client(sync_client=True).read_task_runs() == []


def test_later_processes_find_it(home, client):
    double(1)
    recorders.close_all()
    assert len(client.read_task_runs()) == 1
    double(2)
    assert len(client.read_task_runs()) == 2
    assert (home / FILE).stat().st_mode & 0o777 == 0o600


def test_it_is_written_without_being_asked_for(home):
    double(1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (home / FILE).exists():
            with sqlite3.connect(home / FILE) as connection:
                tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                if tables and connection.execute("SELECT count(*) FROM task_runs").fetchone()[0]:
                    break
        threading.Event().wait(0.02)
    else:
        pytest.fail("nothing was written")
    connection.close()


def test_returned_states(client):
    @flow
    def skipped():
        return Completed(name="Skipped", message="nothing to do")

    skipped()
    (run,) = client.read_flow_runs()
    assert (run.state_name, run.state.message) == ("Skipped", "nothing to do")


def test_hooks_see_the_end(client):
    seen = []

    @flow(on_completion=[lambda *_: seen.extend(client.read_flow_runs())])
    def hooked():
        pass

    hooked()
    assert [run.state_name for run in seen] == ["Completed"]
