"""What is forgotten of the history, and when."""

import sqlite3
import time

import pytest
from history_home import a_flow_run, a_task_run, recorder_without_thread

from millstream import task
from millstream._history import recorder as recorders
from millstream._history import retention
from millstream._history.recorder import Bounds
from millstream._history.schema import FILE, connect
from millstream._history.tables import write
from millstream.states import StateType


@task
def double(n):
    return 2 * n


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


def test_forgetting_ends_where_nothing_can_be_given_back(home):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 4_000,)] * 5_000)
    connection.execute("DELETE FROM t")
    assert connection.execute("PRAGMA freelist_count").fetchone()[0] > 2_000
    retention._give_back(connection)
    connection.close()
