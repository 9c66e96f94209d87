"""What is remembered of runs, and that no run is slowed or failed by it."""

import json
import logging
import os
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from millstream import flow, get_run_context, tags, task
from millstream._history import recorder as recorders
from millstream._history import retention
from millstream._history.processes import Presence, end_runs_of_the_dead
from millstream._history.recorder import Bounds, Recorder
from millstream._history.rows import FlowRunRow, TaskRunRow
from millstream._history.schema import FILE, connect
from millstream._history.snapshots import snapshot
from millstream._history.tables import write
from millstream.artifacts import create_markdown_artifact
from millstream.blocks.system import Secret
from millstream.client import get_client
from millstream.exceptions import HistoryError
from millstream.settings import temporary_settings
from millstream.states import Completed, StateType


@task
def double(n):
    return 2 * n


@task
def fail():
    raise ValueError("no luck")


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


class TestTrouble:
    def test_a_folder_that_cannot_be_written_to(self, tmp_path, caplog):
        (tmp_path / "file").write_text("")
        with temporary_settings(
            {"MILLSTREAM_HISTORY_ENABLED": True, "MILLSTREAM_HOME": tmp_path / "file" / "home"}
        ):
            assert double(1) == 2
            assert double(2) == 4
            recorders.close_all()
        warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert len(warnings) == 2
        assert warnings[1] == "2 changes of runs are lost for the history."
        assert "The history cannot be written for now" in warnings[0]
        assert "MILLSTREAM_HISTORY_ENABLED=false" in warnings[0]

    def test_a_damaged_file_is_put_aside(self, home, client, caplog):
        home.mkdir()
        (home / FILE).write_bytes(b"this is no database, but it is as long as one might be" * 100)
        double(1)
        recorders.recorder_at(home, lambda: BOUNDS, row_of).flush()
        assert len(client.read_task_runs()) == 1
        assert "The history begins anew" in caplog.text
        assert [path.read_bytes()[:7] for path in home.glob("*.damaged-*")] == [b"this is"]

    def test_a_file_of_a_later_version_is_left_alone(self, home, client, caplog):
        connect(home).close()
        with sqlite3.connect(home / FILE) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        assert double(1) == 2
        recorders.close_all()
        assert "another version of Millstream" in caplog.text
        with pytest.raises(HistoryError, match="another version of Millstream"):
            client.read_task_runs()

    def test_what_another_process_holds_up_is_written_later(self, home, monkeypatch, caplog):
        monkeypatch.setattr("millstream._history.schema._SECONDS_TO_WAIT", 0.01)
        other = connect(home)
        other.execute("BEGIN IMMEDIATE")
        recorder = recorder_without_thread(home)
        recorder.task_run_ended(1, a_task_run(1))
        assert not recorder.flush()
        assert not recorder.flush()
        assert caplog.text.count("database is locked") == 1
        other.execute("ROLLBACK")
        assert recorder.flush()
        assert other.execute("SELECT count(*) FROM task_runs").fetchone() == (1,)
        recorder.close()
        other.close()

    def test_what_comes_too_fast_is_counted(self, home, monkeypatch, caplog):
        monkeypatch.setattr(recorders, "_MANY_ENTRIES", 5)
        monkeypatch.setattr(recorders, "_MOST_ENTRIES", 10)
        recorder = recorder_without_thread(home)
        for number in range(15):
            recorder.task_run_ended(number, a_task_run(number))
        recorder.add(a_flow_run(1))
        assert recorder.flush()
        assert "5 task runs more are missing in the history" in caplog.text
        connection = connect(home)
        assert connection.execute("SELECT count(*) FROM task_runs").fetchone() == (10,)
        assert connection.execute("SELECT count(*) FROM flow_runs").fetchone() == (1,)
        connection.close()
        recorder.close()

    def test_a_row_that_comes_twice_is_there_once(self, home):
        connection = connect(home)
        for _ in range(2):
            write(
                connection,
                [a_flow_run(1, state_type=StateType.RUNNING, end_time=None), a_flow_run(1)],
                5,
                "p",
            )
        assert connection.execute("SELECT state_type, end_time FROM flow_runs").fetchall() == [
            ("COMPLETED", 2.0)
        ]
        connection.close()

    def test_a_copy_of_the_process_writes_nothing(self, home):
        recorder = recorders.recorder_at(home, lambda: BOUNDS, row_of)
        recorders._before_fork()
        recorders._disown_all()
        recorder.add(a_flow_run(1))
        recorder.flush()
        recorder.close()
        assert not (home / FILE).exists()


class TestRunsOfTheDead:
    def test_they_are_crashed(self, home):
        connection = connect(home)
        alive, dead = Presence(home), Presence(home)
        running = {"state_type": StateType.RUNNING, "state_name": "Running", "end_time": None}
        write(connection, [a_flow_run(1, **running), a_task_run(1, **running)], 5, alive.name)
        write(connection, [a_flow_run(2, **running), a_task_run(2, **running), a_flow_run(3)], 5, dead.name)
        waiting = [("RUNNING", "Running", 1.0, None), ("SCHEDULED", "AwaitingRetry", 2.0, "failed")]
        retry = running | {"state_type": StateType.SCHEDULED, "state_name": "AwaitingRetry", "past": waiting}
        write(connection, [a_flow_run(4, **retry)], 5, dead.name)
        dead.end()
        for _ in range(2):
            end_runs_of_the_dead(connection, home, 9.0)
        found = connection.execute("SELECT name, state_type FROM flow_runs ORDER BY id").fetchall()
        assert found == [
            ("run-1", "RUNNING"),
            ("run-2", "CRASHED"),
            ("run-3", "COMPLETED"),
            ("run-4", "CRASHED"),
        ]
        found = connection.execute("SELECT id, state_type FROM task_runs ORDER BY id").fetchall()
        assert found == [("id-000001", "RUNNING"), ("id-000002", "CRASHED")]
        (states,) = connection.execute("SELECT states FROM flow_runs WHERE name = 'run-4'").fetchone()
        assert [state[1] for state in json.loads(states)] == ["Running", "AwaitingRetry", "Crashed"]
        alive.end()
        connection.close()

    def test_clients_see_it(self, home, client):
        connection = connect(home)
        dead = Presence(home)
        running = {"state_type": StateType.RUNNING, "state_name": "Running", "end_time": None}
        write(connection, [a_flow_run(1, **running)], 5, dead.name)
        connection.close()
        assert client.read_flow_runs()[0].state_name == "Running"
        dead.end()
        (run,) = client.read_flow_runs()
        assert (run.state_name, run.end_time) == ("Crashed", None)
        assert "was killed" in run.state.message
        assert names(client.read_flow_run_states(run.id)) == ["Running", "Crashed"]


class TestWhatIsForgotten:
    DAY = 86_400.0

    @pytest.fixture
    def connection(self, home):
        connection = connect(home)
        yield connection
        connection.close()

    def runs(self, connection):
        return [name for (name,) in connection.execute("SELECT name FROM flow_runs ORDER BY id")]

    def test_what_is_too_old(self, connection):
        for day in range(5):
            rows = [a_flow_run(day), a_task_run(day, flow_run_id=f"flow-{day:06}"), a_task_run(100 + day)]
            write(connection, rows, day * self.DAY, "p")
        retention.forget(connection, 5 * self.DAY, Bounds(2.5, 100))
        assert self.runs(connection) == ["run-3", "run-4"]
        left = connection.execute("SELECT id FROM task_runs ORDER BY id").fetchall()
        assert [run_id for (run_id,) in left] == ["id-000003", "id-000004", "id-000103", "id-000104"]

    def test_the_oldest_if_there_is_too_much(self, connection, monkeypatch):
        monkeypatch.setattr(retention, "_AT_ONCE", 5)
        message = "x" * 3_000
        for number in range(200):
            write(connection, [a_flow_run(number, state_message=message)], number, "p")
        retention.forget(connection, 1000, Bounds(30, 0.3))
        left = self.runs(connection)
        assert 20 < len(left) < 100
        assert left[-1] == "run-199"
        assert connection.execute("PRAGMA page_count").fetchone()[0] * 4096 < 9e6

    def test_once_an_hour(self, connection):
        write(connection, [a_flow_run(1)], 0, "p")
        retention.forget(connection, 1.0, Bounds(30, 100))
        retention.forget(connection, 40 * self.DAY, Bounds(30, 100))
        assert self.runs(connection) == []
        write(connection, [a_flow_run(2)], 0, "p")
        retention.forget(connection, 40 * self.DAY + 60, Bounds(30, 100))
        assert self.runs(connection) == ["run-2"]

    def test_a_clock_that_was_set_back(self, connection):
        retention.forget(connection, 100 * self.DAY, Bounds(30, 100))
        write(connection, [a_flow_run(1)], 0, "p")
        retention.forget(connection, 50 * self.DAY, Bounds(30, 100))
        assert self.runs(connection) == []

    def test_runs_that_have_not_ended_stay(self, connection):
        write(connection, [a_flow_run(1, state_type=StateType.RUNNING, end_time=None)], 0, "p")
        retention.forget(connection, 100 * self.DAY, Bounds(1, 0))
        assert self.runs(connection) == ["run-1"]

    def test_a_writer_does_it(self, home, client):
        connection = connect(home)
        write(connection, [a_flow_run(1)], time.time() - 40 * self.DAY, "p")
        connection.close()
        double(1)
        recorders.close_all()
        assert client.read_flow_runs() == []
        assert len(client.read_task_runs()) == 1


class Odd:
    def __repr__(self):
        raise AssertionError("nobody may ask")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1, 1),
        ("text", "text"),
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (2**70, "<int of 71 bits>"),
        ("\ud800", "?"),
        ("a" * 5000, "a" * 2000 + "…"),
        (["a", {"b": (1, 2)}], ["a", {"b": [1, 2]}]),
        ({1: 2}, {"1": 2}),
        ({"a"}, ["a"]),
        (Odd(), "<Odd>"),
        (list(range(300)), [*range(100), "… 200 more"]),
        ([[[[[[1]]]]]], [[[[["<list>"]]]]]),
    ],
)
def test_parameters_as_they_are_kept(value, kept):
    assert json.loads(snapshot({"p": value})) == {"p": kept}


def test_parameters_of_any_size():
    wide = [[["x" * 3000] * 300] * 300] * 300
    assert len(snapshot({"p": wide})) < 3_000_000


def test_what_is_kept_of_parameters_is_what_was_given(client):
    @flow
    def changing(numbers):
        numbers.append(4)

    changing([1, 2])
    assert client.read_flow_runs()[0].parameters == {"numbers": [1, 2]}


def test_returned_states(client):
    @flow
    def skipped():
        return Completed(name="Skipped", message="nothing to do")

    skipped()
    (run,) = client.read_flow_runs()
    assert (run.state_name, run.state.message) == ("Skipped", "nothing to do")


def test_forks_leave_the_history_to_their_parent(home, client):
    @flow
    def forking():
        pid = os.fork()
        if not pid:
            double(1)
            os._exit(0)
        os.waitpid(pid, 0)
        double(2)

    forking()
    assert len(client.read_task_runs()) == 1


def test_a_fork_takes_no_file_along(home, client):
    """SQLite's locks are the process's: a copy that goes on with them spoils the file."""
    flow(lambda: None, name="before")()
    client.read_flow_runs()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            flow(lambda: None, name="child")()
            recorders.close_all()
            flow(lambda: None, name="child")()
            status = len(client.read_flow_runs()) != 3
            recorders.close_all()
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert sorted(run.flow_name for run in client.read_flow_runs()) == ["before", "child", "child"]


class TestWhatInterrupts:
    def test_a_timeout_leaves_no_task_run_behind(self, home, client):
        @flow(timeout_seconds=0.005)
        def hurried():
            while True:
                double(1)
                for _ in range(100):  # where it may be interrupted
                    pass

        for _ in range(10):
            assert hurried(return_state=True).name == "TimedOut"
        recorder = recorders.recorder_at(home, lambda: BOUNDS, row_of)
        assert recorder._live == {}
        assert {run.state_name for run in client.read_task_runs()} <= {"Completed", "Crashed"}

    def test_a_batch_is_kept(self, home, monkeypatch):
        recorder = recorder_without_thread(home)
        recorder.add(a_flow_run(1))
        recorder.flush()
        recorder.add(a_flow_run(2))
        monkeypatch.setattr(recorder._writer, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            recorder.flush()
        monkeypatch.undo()
        assert recorder.flush()
        with sqlite3.connect(home / FILE) as connection:
            assert connection.execute("SELECT count(*) FROM flow_runs").fetchone() == (2,)
        connection.close()
        recorder.close()


def interrupt(*_):
    raise KeyboardInterrupt


class TestOddRows:
    def test_texts_that_no_file_can_keep(self, client, caplog):
        caplog.set_level(logging.CRITICAL, "millstream")  # pytest itself cannot pass them on

        @task(name="t\udce4")
        def odd():
            raise ValueError("e\udce4")

        @flow(flow_run_name="r\udce4")
        def around():
            odd(return_state=True)

        with tags("x\udce4"):
            around()
        (run,) = client.read_flow_runs()
        assert (run.name, run.tags) == ("r?", ["x?"])
        (task_run,) = client.read_task_runs()
        assert (task_run.task_name, task_run.state_name) == ("t?", "Failed")

    def test_one_that_cannot_be_written_takes_no_others_with_it(self, home, client, caplog):
        recorder = recorder_without_thread(home)
        for row in (a_flow_run(1), a_flow_run(2, run_count=object()), a_flow_run(3)):
            recorder.add(row)
        assert recorder.flush()
        recorder.close()
        assert sorted(run.name for run in client.read_flow_runs()) == ["run-1", "run-3"]
        assert "A change of a run cannot be written to the history" in caplog.text

    def test_messages_are_cut(self, client):
        @task
        def loud():
            raise ValueError("x" * 100_000)

        loud(return_state=True)
        (run,) = client.read_task_runs()
        assert len(run.state.message) < 5_000

    def test_a_run_that_is_tried_very_often(self, client, still):
        @task(retries=1_000, retry_delay_seconds=1)
        def never():
            raise ValueError("no")

        never(return_state=True)
        (run,) = client.read_task_runs()
        states = client.read_task_run_states(run.id)
        assert run.run_count == 1_001
        assert len(states) < 70
        assert states[0].name == "Running"
        assert states[-1].name == "Failed"


def test_secrets_are_not_kept(home, client):
    Secret(value="hunter2-hunter2")
    Secret(value="40312277")

    @task
    def telling():
        create_markdown_artifact("it is hunter2-hunter2", description="hunter2-hunter2")
        raise ValueError("hunter2-hunter2")

    @flow(flow_run_name="run-{url}")
    def around(url, account, long):
        telling(return_state=True)

    with tags("hunter2-hunter2"):
        around("hunter2-hunter2", 40312277, "x" * 1_995 + "hunter2-hunter2")
    (run,) = client.read_flow_runs()
    assert run.parameters["account"] == "********"
    assert run.name == "run-********"
    (artifact,) = client.read_artifacts()
    assert (artifact.data, artifact.description) == ("it is ********", "********")
    recorders.close_all()
    kept = (home / FILE).read_bytes()
    assert b"hunter2" not in kept
    assert b"40312277" not in kept


def test_hooks_see_the_end(client):
    seen = []

    @flow(on_completion=[lambda *_: seen.extend(client.read_flow_runs())])
    def hooked():
        pass

    hooked()
    assert [run.state_name for run in seen] == ["Completed"]


def test_a_file_that_is_deleted_comes_again(home, client):
    double(1)
    recorders.flush(home)
    for path in home.glob("history.db*"):
        path.unlink()
    double(2)
    assert len(client.read_task_runs()) == 1


def test_a_process_that_goes_on_for_long_forgets_too(home, monkeypatch):
    monkeypatch.setattr(retention, "PAUSE", 0.0)
    recorder = recorder_without_thread(home, Bounds(30, 0.1))
    for number in range(300):
        recorder.add(a_flow_run(number, state_message="x" * 3_000))
        recorder.flush()
    recorder.close()
    with sqlite3.connect(home / FILE) as connection:
        assert connection.execute("SELECT count(*) FROM flow_runs").fetchone()[0] < 100
    connection.close()


def test_threads_end_with_their_homes(tmp_path):
    before = threading.active_count()
    for number in range(5):
        with temporary_settings(
            {"MILLSTREAM_HISTORY_ENABLED": True, "MILLSTREAM_HOME": tmp_path / str(number)}
        ):
            double(1)
            recorders.close(tmp_path / str(number))
    deadline = time.monotonic() + 30
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_what_others_hold_up_can_be_read(home, client, monkeypatch):
    connection = connect(home)
    dead = Presence(home)
    running = {"state_type": StateType.RUNNING, "state_name": "Running", "end_time": None}
    write(connection, [a_flow_run(1, **running)], 5, dead.name)
    dead.end()
    connection.execute("BEGIN IMMEDIATE")
    assert [run.state_name for run in client.read_flow_runs()] == ["Running"]
    connection.execute("ROLLBACK")
    connection.close()
    assert [run.state_name for run in client.read_flow_runs()] == ["Crashed"]


def test_forgetting_ends_where_nothing_can_be_given_back(home):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 4_000,)] * 5_000)
    connection.execute("DELETE FROM t")
    assert connection.execute("PRAGMA freelist_count").fetchone()[0] > 2_000
    retention._give_back(connection)
    connection.close()


class TestAFileThatIsBeingMade:
    def test_nobody_reads_it_yet(self, home, client):
        home.mkdir()
        sqlite3.connect(home / FILE).close()
        (home / FILE).touch()
        assert client.read_flow_runs() == []
        connect(home).close()
        assert client.read_flow_runs() == []

    def test_who_makes_it_waits_for_others(self, home):
        home.mkdir()
        other = sqlite3.connect(home / FILE, isolation_level=None, check_same_thread=False)
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(0.2, lambda: other.execute("COMMIT"))
        release.start()
        made = connect(home)
        release.join()
        assert made.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        made.close()
        other.close()
