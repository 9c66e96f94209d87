"""No trouble with the history slows a run or fails it, and none is passed on to other processes."""

import logging
import os
import sqlite3
import threading
import time

import pytest
from history_home import BOUNDS, a_flow_run, a_task_run, recorder_without_thread, row_of

from millstream import flow, task
from millstream._history import recorder as recorders
from millstream._history.processes import Presence
from millstream._history.schema import FILE, connect
from millstream._history.tables import write
from millstream.exceptions import HistoryError
from millstream.settings import temporary_settings
from millstream.states import StateType


@task
def double(n):
    return 2 * n


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
                time.sleep(0.001)  # where it may be interrupted, however busy the other threads are

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


def test_a_file_that_is_deleted_comes_again(home, client):
    double(1)
    recorders.flush(home)
    for path in home.glob("history.db*"):
        path.unlink()
    double(2)
    assert len(client.read_task_runs()) == 1


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
